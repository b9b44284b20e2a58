"""What a column must hold to be a field: prices, images, texts, ids that stand once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shelfwise.catalog.reading.categories.category_columns import column_text, is_on_or_off
from shelfwise.catalog.reading.price_parsing import parse_price
from shelfwise.catalog.reading.row_kinds import TYPES_OF_PRODUCTS
from shelfwise.catalog.reading.value_parsing import SCIENTIFIC

_MOSTLY = 0.5
"""Share of a column's values that must be what the field holds; others may be words such as "on request"."""

_REPEATED = 0.9
_ENOUGH = 10
"""Values from which on names of categories must repeat."""

_LONGEST_ID = 64

_IMAGE = re.compile(r"(?i)(?:https?:)?//\S+|\S.*\.(?:jpe?g|png|webp|gif|avif|bmp|tiff?)")
_LETTERS = re.compile(r"[^\W\d_]{2}")


def _are_ids(values: Sequence[Any]) -> bool:
    texts = [column_text(value) for value in values]
    short = all(text.isprintable() and len(text) <= _LONGEST_ID for text in texts)
    # what Excel has cut short is refused later, and may well stand there twice
    whole = [text for text in texts if not SCIENTIFIC.fullmatch(text)]
    return short and len(set(whole)) == len(whole)


def are_texts(values: Sequence[Any]) -> bool:
    """Whether most of the filled values (N,) have letters, and none is an object.

    >>> are_texts(["Blue mug", 7, "Red hat"]), are_texts([7, 8]), are_texts([{"name": "Mug"}])
    (True, False, False)
    """
    # an object names something, and is no text
    texts = [value for value in values if not isinstance(value, Mapping)]
    return len(texts) == len(values) and _mostly(
        texts, lambda text: _LETTERS.search(str(text)) is not None
    )


def are_titles(values: Sequence[Any]) -> bool:
    """Whether they are texts (N,), and at least half as many different ones as products.

    >>> are_titles(["Blue mug", "Red hat"]), are_titles(["Mug"] * 3)
    (True, False)
    """
    distinct = {column_text(value) for value in values}
    return are_texts(values) and 2 * len(distinct) >= len(values)


def _are_prices(values: Sequence[Any]) -> bool:
    return _mostly(values, lambda value: parse_price(str(value)) is not None)


def _are_images(values: Sequence[Any]) -> bool:
    return _mostly(values, lambda value: _IMAGE.match(str(value).strip()) is not None)


def _are_categories(values: Sequence[Any]) -> bool:
    """Whether values repeat, and say more than yes and no or which kind of row it is."""
    texts = [column_text(value) for value in values]
    distinct = set(texts)
    # WooCommerce writes several, "variation, virtual"
    words = {word.strip().lower() for text in distinct for word in text.split(",")}
    if all(map(is_on_or_off, distinct)) or words <= TYPES_OF_PRODUCTS:
        return False
    # what all products have says nothing about any
    if len(distinct) == 1 and len(texts) >= _ENOUGH:
        return False
    repeated = len(distinct) <= _REPEATED * len(texts)
    return len(texts) < _ENOUGH or repeated


def _mostly(values: Sequence[Any], is_one: Callable[[Any], bool]) -> bool:
    return sum(map(is_one, values)) >= _MOSTLY * len(values)


HOLDS: Mapping[str, Callable[[Sequence[Any]], bool]] = {
    "id": _are_ids,
    "title": are_titles,
    "description": are_texts,
    "image": _are_images,
    "categories": _are_categories,
    "price": _are_prices,
    "brand": are_texts,
}
"""Our field -> whether the filled values of a column may be it."""
