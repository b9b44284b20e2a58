"""Rows that are part of another row's product: its sizes and colours, its images, the rules of its price."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_VARIATIONS = (
    *("variation", "variant", "variante", "varianta", "wariant", "varyant"),
    *("variación", "variazione", "variação"),
)
"""What shops write for a size or colour of a product, in the languages of their exports."""

_VARIATION = rf"(?i)\s*(?:{'|'.join(_VARIATIONS)})(?:\s*,.*)?\s*"
"""WooCommerce adds more words, ``variation, virtual``."""

_PART = r"(?i)\s*(?:variation|variant|sku|rule|image|video|option|custom ?field)\s*"
"""What shops write for any part of a product, in columns that say nothing but what a row is."""

_HIDDEN = (
    r"(?i)\s*(?:not visible individually|nicht einzeln sichtbar|non visible individuellement"
    r"|no visible individualmente|non visibile singolarmente|niet individueel zichtbaar)\s*"
)
"""What shops write of a product that is bought as part of another one only."""

TYPES_OF_PRODUCTS = frozenset(
    (
        *("product", "simple", "variable", "configurable", "grouped", *_VARIATIONS),
        *("einfach", "variabel", "semplice", "variabile", "simples", "variável", "prosty"),
        *("bundle", "external", "virtual", "downloadable", "physical", "digital", "service"),
        *("sku", "rule", "image", "video", "option", "custom field"),
    )
)
"""What shops write for the kinds of products that they sell in different ways, and for parts of these."""

TOTALS = frozenset(
    (
        *("total", "totals", "grand total", "subtotal", "total général", "totale", "toplam"),
        *("summe", "gesamt", "gesamtsumme", "zwischensumme", "итого", "合計", "总计", "합계"),
    )
)
"""What stands in the column of ids in a row that sums up those above."""

NO_TOTAL = "the id of a product, and no total below the table"

_FILLED = r"(?s)\s*\S.*"

_PATTERNS: Mapping[str, str] = {
    # WooCommerce, in the languages of its exports
    **dict.fromkeys(("type", "typ", "tipo", "rodzaj", "soort", "tür", "tip", "тип"), _VARIATION),
    # BigCommerce, Wix
    **dict.fromkeys(("item_type", "item", "fieldtype", "field_type", "row_type"), _PART),
    # Magento
    "visibility": _HIDDEN,
    # eBay
    "relationship": _VARIATION,
    # the bulk answers of Shopify
    "parentid": _FILLED,
}
"""Plain name of a column -> what it holds in rows that are no product of their own."""

_BESIDE_PRODUCTS = (
    "(?:Organization|Corporation|OnlineStore|Store|LocalBusiness|WebSite|WebPage|ItemPage|CollectionPage"
    "|BreadcrumbList|ListItem|ImageObject|Person|Offer|Review|AggregateRating)"
)
"""What JSON-LD has beside the products of a page."""

_KIND_OF_JSON_LD = "@type"

_SHOPIFY_PARENT = "__parentId"


@dataclass(frozen=True)
class RowKind:
    """A column that says which rows are part of another row's product.

    Args:
        column: its name in the source.
        pattern: what the whole value matches in such rows.
    """

    column: str
    pattern: str

    def is_part(self, values: Mapping[str, Any]) -> bool:
        """Whether a record is part of another record's product."""
        value = values.get(self.column)
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None


def find_row_kinds(columns: Mapping[str, str]) -> tuple[RowKind, ...]:
    """The columns of a source that say what a row is.

    Args:
        columns: plain name -> the source's name.

    >>> find_row_kinds({"item_type": "Item Type"})[0].is_part({"Item Type": "  SKU"})
    True
    """
    # "parentId" of a tree of products says nothing about the row
    found = {plain: name for plain, name in columns.items() if plain in _PATTERNS}
    if found.get("parentid", _SHOPIFY_PARENT) != _SHOPIFY_PARENT:
        del found["parentid"]
    return tuple(
        RowKind(name, _BESIDE_PRODUCTS if name == _KIND_OF_JSON_LD else _PATTERNS[plain])
        for plain, name in found.items()
    )
