"""One value of one field: what it may be, what it becomes, and why others are refused.

Every function takes a value as a source may hold it. For what it cannot use it raises ValueError, with what
was expected.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.categories.category_columns import CategoryColumns
from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.categories.category_text import read_name, signs_only
from shelfwise.catalog.reading.categories.written_lists import (
    UnorderedNames,
    is_cut_list,
    is_written_list,
    unpacked,
)
from shelfwise.catalog.reading.columns.nested_prices import NestedPrice, lowest_price, nested_prices
from shelfwise.catalog.reading.images.image_urls import FetchedImages, UrlsThemselves
from shelfwise.catalog.reading.missing import FALSE, is_missing
from shelfwise.catalog.reading.objects.category_values import category_values, told_reference
from shelfwise.catalog.reading.objects.json_objects import plain_scalar, without_objects
from shelfwise.catalog.reading.objects.localized_values import told_localized
from shelfwise.catalog.reading.price_parsing import DecimalSign
from shelfwise.catalog.reading.row_kinds import NO_TOTAL, TOTALS
from shelfwise.catalog.reading.scalar_texts import is_list, is_number, scalar_text, scalar_texts
from shelfwise.text.html import plain_text

Paths = list[list[str]]

SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+")
"""What Excel makes of a long number, 4.00638E+12."""

WHOLE_DECIMAL = re.compile(r"(\d+)[.,]0+")
"""A whole number that is written as a decimal, such as ``1.0``."""

_MAX_EXACT_ID = 1e15
"""From here on a number that a program kept as a float has lost digits."""

_UNSEEN = "\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}\N{ZERO WIDTH SPACE}\N{BOM}"
"""What pages of shops put around an id, and nobody sees."""

_TEXT_FORMULA = re.compile(r'="([^"]+)"')
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

DEFAULT_SIGNS = CategorySigns(" > ", "|")
"""Those that shelfwise itself writes."""


@dataclass(frozen=True)
class Rules:
    """How values written as text are read, and the count of what was set aside without refusing the product.

    Args:
        signs: what separates the levels and paths of categories.
        decimal: what stands before the decimals of a price; None where the column does not tell.
        category_columns: the columns that make up the categories, where they are several.
        float_ids: whether ids are whole numbers that were written as decimals, ``1.0``.
        float_labels: whether categories are.
        root: the folder that images lie below; None where it is not known.
        urls: what stands for an image that is named by URLs; None where nothing does.
        keeps_parts: whether rows that are no products in a table, such as variants and totals, count as such.
        notes: plain words -> number of products; filled while products are checked.
    """

    signs: CategorySigns = DEFAULT_SIGNS
    decimal: DecimalSign | None = None
    category_columns: CategoryColumns | None = None
    float_ids: bool = False
    float_labels: bool = False
    root: Path | None = None
    urls: FetchedImages | UrlsThemselves | None = None
    keeps_parts: bool = False
    notes: Counter[str] = field(default_factory=Counter)

    def with_own_notes(self) -> Rules:
        """The same rules, with notes that are counted from zero."""
        return replace(self, notes=Counter())


def read_id(value: Any, rules: Rules) -> str:
    """An id as written, without surrounding space and marks that nobody sees; a number as text."""
    expected = "a non-empty text or number on one line"
    value = plain_scalar(_listed_texts(value))
    if is_missing(value):
        raise ValueError(expected)
    # 1e400 is larger than any float, and spreadsheets keep fifteen digits
    if isinstance(value, float) and abs(value) >= _MAX_EXACT_ID:
        raise ValueError("an id with all its digits; write it as text")
    text = scalar_text(value, expected).strip().strip(_UNSEEN).strip()
    if not text or not text.isprintable():
        raise ValueError(f"{expected}, without control characters")
    formula = _TEXT_FORMULA.fullmatch(text)
    if formula:
        # ="00042" is how Excel is made to keep the zeros
        return formula[1]
    if text.lower() in TOTALS and not rules.keeps_parts:
        raise ValueError(NO_TOTAL)
    if SCIENTIFIC.fullmatch(text):
        raise ValueError(
            "an id with all its digits; Excel has cut this one short: "
            "format the column as text and export again"
        )
    whole = WHOLE_DECIMAL.fullmatch(text) if rules.float_ids else None
    return whole[1] if whole else text


def read_text(value: Any) -> str | None:
    """Plain text of a text, a number, or a list of paragraphs; None without words."""
    value = _listed_texts(without_objects(value))
    if isinstance(value, str):
        return None if is_missing(value) else plain_text(value) or None
    expected = "a text, or a list of texts"
    value = " ".join(scalar_texts(value, expected)) if is_list(value) else value
    if is_missing(value):
        return None
    return plain_text(scalar_text(value, expected + told_localized(value))) or None


def read_description(value: Any) -> str | None:
    """As :func:`read_text`; false, which programs such as Odoo answer where there is none, is nothing.

    >>> read_description(False), read_description("False"), read_description("A false nine")
    (None, None, 'A false nine')
    """
    is_text = isinstance(value, str)
    return None if value is False or (is_text and value.strip() in FALSE) else read_text(value)


def read_paths(value: Any, rules: Rules) -> Paths | None:
    """Paths of names from a list of paths, one path as a flat list, a list of written paths, or one text."""
    expected = (
        "a list of paths (lists of names), one list of names, or a text such as 'A > B | A > C'"
    )
    # N/A is nothing, also where a slash separates
    if is_missing(value):
        return None
    value = _listed_names(unpacked(value), expected, rules)
    if isinstance(value, str):
        if is_cut_list(value):
            raise ValueError("a whole list; this one is cut short, or is written in no known way")
        value = _paths_in_text(value, rules)
    if is_missing(value):
        return None
    value = category_values(value)
    if isinstance(value, str):
        value = _paths_in_text(value, rules)
    if not is_list(value):
        raise ValueError(expected)
    value = [scalar_text(item, expected) if is_number(item) else item for item in value]
    if all(isinstance(item, str | None) for item in value):
        value = _paths_in_texts(value, rules)
    if not all(map(is_list, value)):
        raise ValueError(expected + told_reference(value))
    paths: Paths = []
    for path in value:
        names = [read_name(name) for name in scalar_texts(path, expected)]
        # a name that is nothing but mark-up is empty once it is clean
        paths.append([name for name in names if name])
    return [path for path in paths if path] or None


def _listed_names(value: Any, expected: str, rules: Rules) -> Any:
    """A set or a number as lists of names; other values as given."""
    if isinstance(value, UnorderedNames):
        return [rules.signs.levels(text) for text in value]
    if is_number(value) and not is_missing(value):
        # an id of a category, which a table holds as a number
        return [scalar_text(value, expected)]
    return value


def _paths_in_text(text: str, rules: Rules) -> Paths:
    """The paths of one text."""
    whole = WHOLE_DECIMAL.fullmatch(text.strip()) if rules.float_labels else None
    return [[whole[1]]] if whole else rules.signs.paths(signs_only(text))


def _paths_in_texts(
    texts: Sequence[str | None],
    rules: Rules,
) -> Sequence[Sequence[str | None]]:
    """The paths of a flat list.

    Each text is a path where any of them is written as one. Otherwise all are the names of one path.
    """
    filled = [text for text in texts if text]
    separator = rules.signs.separator
    if separator and any(separator in text for text in filled):
        return [rules.signs.levels(text) for text in filled]
    return [texts]


def read_price(value: Any, rules: Rules) -> float | None:
    """A price as a number; of a range the lower end, of several the lowest.

    What is no price leaves the product without one.
    """
    value = unpacked(value)
    if is_missing(value):
        return None
    if isinstance(value, Mapping) or is_list(value):
        prices = list(nested_prices(value))
    else:
        # only to refuse what is neither text nor number
        scalar_text(value, "a number, or a text such as '$12.34'")
        # what a page shows: <b>4.50</b>&nbsp;&euro;
        if isinstance(value, str) and ("<" in value or "&" in value):
            value = plain_text(value)
        prices = [NestedPrice(value)]
    return lowest_price(prices, rules.decimal, rules.notes)


def read_related(value: Any) -> dict[str, list[str]] | None:
    """Relation -> ids.

    From an object, a list of pairs (Parquet maps), a plain list of ids, or JSON text of one of these.
    """
    expected = "an object of lists of ids, such as {'also_bought': ['B01', 'B02']}"
    value = unpacked(value)
    if is_missing(value):
        return None
    if isinstance(value, str):
        # ids in one cell, as shops export them
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, list) and not any(map(_is_container, value)):
        # ids without the name of their relation
        value = {"related": value}
    try:
        relations = dict(value)
    except (TypeError, ValueError):
        raise ValueError(expected) from None
    related: dict[str, list[str]] = {}
    for name, ids in relations.items():
        ids = unpacked(ids)
        if is_missing(ids):
            continue
        if not is_list(ids):
            raise ValueError(expected)
        related[str(name)] = scalar_texts(ids, expected)
    # relations without an id that can be used are none
    return {name: ids for name, ids in related.items() if ids} or None


def _is_container(value: Any) -> bool:
    return isinstance(value, list | tuple | dict)


def _listed_texts(value: Any) -> Any:
    """A text that is a list of texts, as this list; anything else as it is (``[1]`` is a text)."""
    if not is_written_list(value):
        return value
    found = unpacked(value)
    texts = isinstance(found, list) and all(isinstance(item, str) for item in found)
    return found if texts else value


def read_further(value: Any) -> str | None:
    """A further column as text: a text as it is, anything else as JSON."""
    if is_missing(value):
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
