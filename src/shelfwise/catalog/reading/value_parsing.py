"""One value of one field: what it may be, what it becomes, and why others are refused.

Every function takes a value as a source may hold it. For what it cannot use it raises ValueError, with what
was expected.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from shelfwise.text.html import plain_text

Paths = list[list[str]]

_URL = re.compile(r"(?i)(?:https?:)?//|data:")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# A price with whatever currency stands before it
_NUMBER = re.compile(
    r"[^\d\s,+-]{0,4}?\s?"  # a currency sign or name
    r"(?:(?P<commas>\d{1,3}(?:,\d{3})+(?:\.\d+)?)"  # 1,234.50
    r"|(?P<points>\d{1,3}(?:\.\d{3})+,\d+|\d+,\d{1,2}(?!\d))"  # 1.234,50
    # 1234.50; a dot right after a letter ends the currency's name (Rs.899)
    r"|(?P<plain>\d+(?:\.\d+)?|(?<![A-Za-z])\.\d+))"
)


@dataclass(frozen=True)
class Rules:
    """How values written as text are read, and the count of what was set aside without refusing the product.

    Args:
        separator: between the levels of a category path; empty for paths of one level.
        delimiter: between several paths of one product; empty for one path.
        notes: plain words -> number of products; filled while products are checked.
    """

    separator: str = " > "
    delimiter: str = "|"
    notes: Counter[str] = field(default_factory=Counter)


def is_missing(value: Any) -> bool:
    """None, NaN, empty lists and objects, and text of white space only."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float):
        return math.isnan(value)
    return value in ([], {}, ())


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _scalar(value: Any, expected: str) -> str:
    """Text of a string or number; a whole float is an integer that a spreadsheet spoilt."""
    if isinstance(value, str):
        return value
    # true and false are integers in Python, but no texts
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not is_number:
        raise ValueError(expected)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _texts(values: Sequence[Any], expected: str) -> list[str]:
    """The texts of a list, empty ones left out."""
    # the fast way for long lists of related ids, which are texts already
    if set(map(type, values)) == {str}:
        return [value for value in values if value.strip()]
    return [_scalar(value, expected) for value in values if not is_missing(value)]


def read_id(value: Any) -> str:
    """An id as written, without surrounding space; a number as text."""
    expected = "a non-empty text or number on one line"
    if is_missing(value):
        raise ValueError(expected)
    text = _scalar(value, expected).strip()
    if not text.isprintable():
        raise ValueError(f"{expected}, without control characters")
    return text


def read_text(value: Any) -> str | None:
    """Plain text of a text, a number, or a list of paragraphs; None without words."""
    if isinstance(value, str):
        return plain_text(value) or None
    expected = "a text, or a list of texts"
    if _is_list(value):
        value = " ".join(_texts(value, expected))
    if is_missing(value):
        return None
    return plain_text(_scalar(value, expected)) or None


def read_image(value: Any, rules: Rules) -> str | None:
    """A relative path with forward slashes, the first of a list that is no URL.

    None, and noted, where all are URLs.
    """
    expected = "a path below the catalogue's folder, such as images/1.jpg"
    values = value if _is_list(value) else [value]
    candidates = [candidate for candidate in values if not is_missing(candidate)]
    if not all(isinstance(candidate, str) for candidate in candidates):
        raise ValueError(expected)
    paths = [candidate.strip().replace("\\", "/") for candidate in candidates]
    local = next((path for path in paths if not _URL.match(path)), None)
    if local is None:
        if candidates:
            rules.notes["the image is a URL, so there is no local image"] += 1
        return None
    parts = [part for part in local.split("/") if part not in ("", ".")]
    # nothing outside the folder, on whatever system
    outside = local.startswith("/") or ".." in parts or _SCHEME.match(local)
    if outside or not parts or not local.isprintable():
        raise ValueError(f"{expected}: relative, without '..' and without control characters")
    return "/".join(parts)


@lru_cache(maxsize=65_536)
def read_name(value: str) -> str:
    """A category's name as plain text."""
    return plain_text(value)


def read_paths(value: Any, rules: Rules) -> Paths | None:
    """Paths of names from a list of paths, one path as a flat list, a list of written paths, or one text."""
    expected = (
        "a list of paths (lists of names), one list of names, or a text such as 'A > B | A > C'"
    )
    value = _unpacked(value)
    if isinstance(value, str):
        value = _paths_in_text(value, rules)
    elif is_missing(value):
        return None
    if not _is_list(value):
        raise ValueError(expected)
    if all(isinstance(item, str | None) for item in value):
        value = _paths_in_texts(value, rules)
    if not all(map(_is_list, value)):
        raise ValueError(expected)
    paths: Paths = []
    for path in value:
        names = [read_name(name) for name in _texts(path, expected)]
        # a name that is nothing but mark-up is empty once it is clean
        paths.append([name for name in names if name])
    return [path for path in paths if path] or None


def _paths_in_text(text: str, rules: Rules) -> Paths:
    """The paths of one text."""
    paths = text.split(rules.delimiter) if rules.delimiter.strip() else [text]
    return [levels(path, rules) for path in paths]


def _paths_in_texts(
    texts: Sequence[str | None],
    rules: Rules,
) -> Sequence[Sequence[str | None]]:
    """The paths of a flat list.

    Each text is a path where any of them is written as one. Otherwise all are the names of one path.
    """
    filled = [text for text in texts if text]
    separator = rules.separator
    if separator.strip() and any(separator in text for text in filled):
        return [levels(text, rules) for text in filled]
    return [texts]


def levels(path: str, rules: Rules) -> list[str]:
    """The names in a path that is written as one text."""
    if rules.separator.strip():
        return path.split(rules.separator)
    return [path]


def read_price(value: Any, rules: Rules) -> float | None:
    """A price as a number; of a range the lower end. What is no price leaves the product without one."""
    if is_missing(value):
        return None
    number = _amount(_scalar(value, "a number, or a text such as '$12.34'"))
    if number is None:
        rules.notes["the price is not a price, so there is none"] += 1
    return number


def _amount(text: str) -> float | None:
    """The number that the text is or begins with; None where that is no price."""
    try:
        number = float(text)
    except ValueError:
        found = _NUMBER.match(text.strip())
        if found is None:
            return None
        digits = found.group(found.lastgroup or 0)
        if found.lastgroup == "points":
            # dots between thousands, a comma before the cents
            digits = digits.replace(".", "").replace(",", ".")
        number = float(digits.replace(",", ""))
    if not math.isfinite(number) or number < 0:
        return None
    return number


def read_related(value: Any) -> dict[str, list[str]] | None:
    """Relation -> ids.

    From an object, a list of pairs (Parquet maps), a plain list of ids, or JSON text of one of these.
    """
    expected = "an object of lists of ids, such as {'also_bought': ['B01', 'B02']}"
    value = _unpacked(value)
    if is_missing(value):
        return None
    if isinstance(value, list) and not any(map(_is_container, value)):
        # ids without the name of their relation
        value = {"related": value}
    try:
        relations = dict(value)
    except (TypeError, ValueError):
        raise ValueError(expected) from None
    related: dict[str, list[str]] = {}
    for name, ids in relations.items():
        ids = _unpacked(ids)
        if is_missing(ids):
            continue
        if not _is_list(ids):
            raise ValueError(expected)
        related[str(name)] = _texts(ids, expected)
    # relations without an id that can be used are none
    return {name: ids for name, ids in related.items() if ids} or None


def _is_container(value: Any) -> bool:
    return isinstance(value, list | tuple | dict)


def _unpacked(value: Any) -> Any:
    """JSON lists and objects that a table had to hold as text.

    Other text, even with a bracket in front, stays as it is.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def read_further(value: Any) -> str | None:
    """A further column as text: a text as it is, anything else as JSON."""
    if is_missing(value):
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
