"""What the values of a column look like: codes, addresses, short texts or several words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from shelfwise.catalog.reading.missing import is_missing

_ADDRESS = re.compile(r"/\S+/\S|(?i:https?)://")

_SHORT_TITLE = 80
_MOSTLY_SHORT = 0.9

WITHOUT_BLANKS = "\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af"
"""Letters of Thai, Japanese, Chinese and Korean, for a pattern: a title in them may be one word."""

_CODE = re.compile(rf"(?=.*\d)[^\s{WITHOUT_BLANKS}]+|[A-Z]{{1,4}}")
"""One word with a digit, or a few capitals."""


def are_codes(values: Sequence[Any]) -> bool:
    """Whether values are codes, which mean less to people than the names beside them.

    >>> are_codes(["HW-1", "KIT", 7]), are_codes(["Mug", "HW-2"]), are_codes([])
    (True, False, False)
    >>> are_codes(["蓝色杯子300ml", "T恤2024"])
    False
    """
    texts = [str(value) for value in values if not is_missing(value)]
    return bool(texts) and all(_CODE.fullmatch(text.strip()) for text in texts)


def are_addresses(values: Sequence[Any]) -> bool:
    """
    >>> are_addresses(["/api/products/7", "https://shop.example/8"]), are_addresses(["7"])
    (True, False)
    """
    return bool(values) and all(_ADDRESS.match(str(value).strip()) for value in values)


def are_short(values: Sequence[Any]) -> bool:
    """Whether texts are mostly as short as the name of a product, and no sentences."""
    texts = [str(value).strip() for value in values if not is_missing(value)]
    short = sum(len(text) <= _SHORT_TITLE and not text.endswith(".") for text in texts)
    return short >= _MOSTLY_SHORT * len(texts)


def are_words(values: Sequence[Any]) -> bool:
    """Whether most values have several words."""
    texts = [str(value) for value in values if not is_missing(value)]
    return 2 * sum(" " in text.strip() for text in texts) > len(texts)
