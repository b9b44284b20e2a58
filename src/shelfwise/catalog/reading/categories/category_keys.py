"""What JSON and XML files call the parts of categories and of lists of them, and their ids in products.

The names are plain, as :func:`~shelfwise.catalog.reading.columns.column_mapping.normal_name` gives them.
Tuples have the likeliest name first.
"""

from __future__ import annotations

from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS
from shelfwise.catalog.reading.columns.written_words import words_of

LIST_WORDS = words_of("categor catégor kategor taxon collection class label genre rubri")
"""In the names of JSON keys that list categories."""

ID_KEYS = words_of("id _id uid category_id categoryid group_id code slug")
PARENT_KEYS = words_of(
    "parent_id parentid parent parent_category_id parentcategoryid parent_group_id"
)
"""What a category has its id, and the id of the one above it, under."""

REFERENCES = words_of(
    """
    categoryid category_id categories_id category_ids group_id groupid categories_ids category_ref class_id
    class_index label_id label_ids collection_id collection_ids taxon_ids genre_ids categoria_ids
    categoría_id id_categoría categorie_ids catégorie_id id_catégorie kategorie_id kategorie_ids
    kategorien_ids kategori_id kategoria_id
    """
)
"""What products have the ids of their categories under, likeliest first."""

OBJECT_PARENT_KEYS = ("parent", "parent_category", "parentcategory")
"""What a category that is an object has the one above it under, as an object."""

CHILD_KEYS = words_of("children childs child subs subcategories sub_categories subcategory")
"""What it has the objects below it under."""

ANCESTOR_KEYS = ("ancestors", "parents", "path_from_root", "pathfromroot")
"""What it lists all those above it under, the highest first (commercetools)."""

XML_NAME_KEYS = ("name", "title", "display_name", "group_name", "category_name", "label")
"""What a category that a feed lists has its name under."""

LINK_PRODUCT_KEYS = ("product_id", "prod_id", "art_id", "article_id", "item_id")
LINK_CATEGORY_KEYS = ("category_id", "catalog_group_id", "group_id")
"""What an XML element that puts a product into a category has their ids under."""

GROUP_NAME_KEYS = ("name", "title", "label", "display_name")
"""What an XML element around records has its name under, as an attribute or an element."""

GROUP_ID_KEYS = ("id", "code", "slug")
"""Attributes that stand for the name of such an element, where it is called like a category."""

_OTHER_GROUPS = frozenset(
    {"label", "labels", "tags", "class", "collection", "collections", "genres"}
)
"""Names of categories that elements around all records have for other reasons, too."""

GROUP_TAGS = frozenset(
    (
        *(name for name in SYNONYMS["categories"] if name not in _OTHER_GROUPS),
        *("group", "product_group", "productgroup", "section", "department", "gruppe", "groupe"),
    )
)
"""What XML elements around the records of one category are called."""
