"""Whose column is whose: a source's names and ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": (
        "id",
        "asin",
        "parent_asin",
        "uniq_id",
        "item_sku",
        "seller_sku",
        "product_id_non_editable",
        "handleid",
        "product_id",
        "productid",
        "handle",
        "url_handle",
        "code",
        "sku",
        "customlabel",
        "custom_label",
        "item_id",
        "item_number",
        "article_number",
        "article_id",
        "objectid",
        "_id",
        "uuid",
        "train_id",
        "internal_id",
        "listing_id",
        "artikelnummer",
        "artikelnr",
        "artikel_nr",
        "référence",
        "reference",
        "código",
        "codigo",
        "codice",
        "артикул",
        # the index that pandas writes in front of the columns, if nothing else names the product
        "",
        "unnamed_0",
        "index",
    ),
    "title": (
        "title",
        "name",
        "product_name",
        "product_title",
        "productname",
        "item_name",
        "item_title",
        "product",
        "productdisplayname",
        "product_display_name",
        "prod_name",
        "designation",
        "us_title_short",
        "artikelname",
        "produktname",
        "bezeichnung",
        "titel",
        "désignation",
        "nom",
        "nom_du_produit",
        "titre",
        "nombre",
        "título",
        "titulo",
        "nome",
        "titolo",
        "название",
        "наименование",
    ),
    "description": (
        "description",
        "body_html",
        "product_description",
        "long_description",
        "item_description",
        "short_description",
        "description_html",
        "detail_desc",
        "about_product",
        "product_details",
        "summary",
        "us_description_short",
        "generic_name",
        "ingredients_text",
        "beschreibung",
        "descripción",
        "descripcion",
        "descrizione",
        "descrição",
        "описание",
    ),
    "image": (
        "image",
        "image_path",
        "imurl",
        "imageurlhighres",
        "imageurl",
        "image_url",
        "image_link",
        "image_src",
        "images",
        "product_image_url",
        "productimageurl",
        "main_image_url",
        "image_urls",
        "image_urls_x_y_z",
        "base_image",
        "picurl",
        "image1",
        "image_name",
        "img",
        "img_link",
        "photo",
        "picture",
        "picture_url",
        "imgurl",
        "bild",
    ),
    "categories": (
        "categories",
        "category",
        "labels",
        "product_category_tree",
        "product_category",
        "category_name",
        "category_path",
        "categorytext",
        "categories_x_y_z",
        "product_type",
        "standardized_product_type",
        "prdtypecode",
        "google_product_category",
        "categories_tags",
        "tags",
        "collection",
        "collections",
        "breadcrumbs",
        "breadcrumb",
        "genres",
        "kategorie",
        "kategorien",
        "catégorie",
        "catégories",
        "categoría",
        "categoria",
        "categorías",
        "категория",
        "категории",
        "kategoria",
    ),
    "price": (
        "price",
        "regular_price",
        "variant_price",
        "sale_price",
        "startprice",
        "start_price",
        "standard_price",
        "retail_price",
        "discounted_price",
        "list_price",
        "unit_price",
        "selling_price",
        "current_price",
        "price_tax_incl",
        "price_tax_included",
        "price_tax_excl",
        "price_tax_excluded",
        "price_vat",
        "price_usd",
        "price_eur",
        "actual_price",
        "market_price",
        "preis",
        "prix",
        "prix_ttc",
        "precio",
        "preço",
        "preco",
        "prezzo",
        "cena",
        "цена",
    ),
    "brand": (
        "brand",
        "vendor",
        "store",
        "manufacturer",
        "brands",
        "brand_name",
        "product_brand",
        "c_brand",
        "marke",
        "hersteller",
        "marque",
        "marca",
        "бренд",
        "производитель",
    ),
    "related": (
        "related",
        "related_skus",
    ),
}
"""Column names a source may use for each of ours, as :func:`normal_name` writes them; the first found counts.

They are those of Amazon, Shopify, WooCommerce, Magento, PrestaShop, BigCommerce, Akeneo, Wix, Squarespace,
Google Merchant, eBay, Etsy, Rakuten, Flipkart, Best Buy and Open Food Facts, and plain words in the
languages of Europe.
"""

RELATIONS: Mapping[str, str] = {
    "also_buy": "also_bought",
    "also_view": "also_viewed",
    "also_bought": "also_bought",
    "also_viewed": "also_viewed",
    "bought_together": "bought_together",
    "buy_after_viewing": "buy_after_viewing",
}
"""Columns that hold one relation each (the 2018 dumps), and the name the relation gets in ``related``."""


_LOCALE = re.compile(r"_[a-z]{2}_[a-z]{2}(?:_\w+)?$")
"""The language behind a column's name, and the sales channel that may follow (Akeneo, OpenCart)."""

VARIATION = "variation"
"""What WooCommerce calls a row that is a size or colour of another row's product."""


@dataclass(frozen=True)
class ColumnPlan:
    """How the columns of a record become ours.

    Args:
        ours: our name -> the source's.
        relations: relation name -> the source's column.
        further: our name for a further column -> the source's.
        row_type: the source's column that says whether a row is a variation of another row's product
            (WooCommerce); None where there is none.
    """

    ours: Mapping[str, str]
    relations: Mapping[str, str]
    further: Mapping[str, str]
    row_type: str | None = None

    def apply(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The record under our names."""

        def under_our_names(columns: Mapping[str, str]) -> dict[str, Any]:
            return {name: values[source] for name, source in columns.items()}

        named = under_our_names(self.ours)
        if self.relations:
            related = under_our_names(self.relations)
            for name, ids in related.items():
                # an empty list is no relation
                related[name] = ids or None
            named["related"] = related
        named["further"] = under_our_names(self.further)
        return named

    def is_variation(self, values: Mapping[str, Any]) -> bool:
        """Whether a record is a variation of another record's product, and no product of its own."""
        return self.row_type is not None and values.get(self.row_type) == VARIATION

    def without(self, column: str) -> ColumnPlan:
        """The plan but for one of the source's columns."""

        def kept(columns: Mapping[str, str]) -> dict[str, str]:
            return {name: source for name, source in columns.items() if source != column}

        return ColumnPlan(
            ours=kept(self.ours),
            relations=kept(self.relations),
            further=kept(self.further),
            row_type=self.row_type,
        )


def normal_name(name: str) -> str:
    """A column's name as synonyms are written: lower case, words joined by underscores, no decoration.

    >>> normal_name("Body (HTML)"), normal_name("*Category"), normal_name("g:image_link")
    ('body_html', 'category', 'image_link')
    """
    bare = name.strip().lower().removeprefix("g:")
    return re.sub(r"[^\w]+", "_", bare).strip("_")


def plan_columns(names: tuple[str, ...], columns: Mapping[str, str]) -> ColumnPlan:
    """Which of a record's columns is which of ours: by the setting `columns`, then by :data:`SYNONYMS`.

    Upper and lower case do not matter.

    >>> plan_columns(("ASIN", "name", "colour", "pic"), {"image": "pic"}).ours
    {'id': 'ASIN', 'title': 'name', 'image': 'pic'}
    """
    configured = {name: source for name, source in columns.items() if source in names}
    free = _by_plain_name([name for name in names if name not in configured.values()])
    ours: dict[str, str] = {}
    for name, synonyms in SYNONYMS.items():
        # an empty name in the settings names no column
        found = configured.get(name) or _first_of(synonyms, free)
        if found is not None:
            ours[name] = found
    relations: dict[str, str] = {}
    if "related" not in ours:
        for column, relation in RELATIONS.items():
            if column in free:
                relations[relation] = free[column]
    used = set(configured.values())
    used.update(ours.values(), relations.values())
    further = {name: name for name in names if name not in used}
    # the settings may name further columns too
    for name, source in configured.items():
        if name not in SYNONYMS:
            further[name] = source
    apart = {_free_name(name): source for name, source in further.items()}
    row_type = free.get("type") if "parent" in free else None
    return ColumnPlan(ours, relations, apart, row_type)


def _by_plain_name(names: Sequence[str]) -> dict[str, str]:
    """The names as :func:`normal_name` writes them -> as the source has them."""
    plain: dict[str, str] = {}
    # name-en_US is a name where nothing else is; of several languages the first counts
    for name in reversed(names):
        plain[_LOCALE.sub("", normal_name(name))] = name
    # of names that differ in upper and lower case only, the first counts: it is written last
    for name in reversed(names):
        plain[normal_name(name)] = name
    return plain


def _first_of(synonyms: tuple[str, ...], free: Mapping[str, str]) -> str | None:
    """The source's name of the first synonym that it has."""
    for synonym in synonyms:
        if synonym in free:
            return free[synonym]
    return None


def _free_name(name: str) -> str:
    """A further column that is called like one of ours keeps apart from it."""
    if name in SYNONYMS:
        return f"{name}_2"
    return name
