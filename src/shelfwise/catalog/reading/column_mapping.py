"""Whose column is whose: a source's names and ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": (
        "id",
        "asin",
        "parent_asin",
        "product_id",
        "productid",
        "uniq_id",
        "handle",
        "url_handle",
        "code",
        "sku",
        "customlabel",
        "custom_label",
        "item_id",
        "item_number",
        "article_number",
        # the index that pandas writes in front of the columns, if nothing else names the product
        "",
        "unnamed_0",
        "index",
    ),
    "title": ("title", "name", "product_name", "product_title", "item_name", "designation"),
    "description": (
        "description",
        "body_html",
        "product_description",
        "long_description",
        "item_description",
        "short_description",
        "generic_name",
        "ingredients_text",
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
        "base_image",
        "picurl",
        "image1",
        "picture",
    ),
    "categories": (
        "categories",
        "category",
        "labels",
        "product_category_tree",
        "product_category",
        "product_type",
        "google_product_category",
        "prdtypecode",
        "category_path",
        "categories_tags",
        "tags",
    ),
    "price": (
        "price",
        "regular_price",
        "variant_price",
        "sale_price",
        "startprice",
        "start_price",
        "retail_price",
        "discounted_price",
        "list_price",
        "unit_price",
    ),
    "brand": ("brand", "vendor", "store", "manufacturer", "brands", "brand_name"),
    "related": ("related", "related_skus"),
}
"""Column names a source may use for each of ours, as :func:`normal_name` writes them; the first found counts.

They are those of Amazon, Shopify, WooCommerce, Magento, Google Merchant, eBay, Etsy, Rakuten, Flipkart,
Best Buy and Open Food Facts.
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
    free: dict[str, str] = {}
    # of names that differ in upper and lower case only, the first counts: it is written last
    for name in reversed(names):
        if name not in configured.values():
            free[normal_name(name)] = name
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
