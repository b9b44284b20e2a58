"""Objects where a text or a list is wanted, as shops' programs answer: ``{"id": 5, "name": "Mugs"}``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

_NAMES = ("name", "title", "label", "value")
"""Keys under which an object has what it is called, likeliest first."""

_ADDRESSES = ("src", "url", "contentUrl", "hi_res", "large", "href", "link", "path")
"""Keys under which an object has the address of an image, the best first."""

_LEVEL = re.compile(r"(?:lvl|level)_?(\d)")


def category_values(value: Any) -> Any:
    """Categories given as objects by their names, numbers as texts; other values as they are.

    >>> category_values([{"id": 5, "name": "Mugs"}, {"id": 6, "name": "Gifts"}])
    ['Mugs', 'Gifts']
    >>> category_values({"lvl0": "Home", "lvl1": "Home > Mugs"})
    'Home > Mugs'
    """
    if isinstance(value, Mapping):
        return _category_object(value)
    if isinstance(value, list | tuple):
        return list(map(category_values, value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number:
        return f"{value:.0f}" if float(value).is_integer() else str(value)
    return value


def called(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """The key under which an object has what it is called, and the name; None where it has none.

    >>> called({"id": 5, "name": "Mugs"})
    ('name', 'Mugs')
    """
    found = ((key, value[key]) for key in _NAMES if isinstance(value.get(key), str))
    return next(found, None)


def without_objects(value: Any) -> Any:
    """An object, or each of a list, by what it is called; other values as given."""
    if isinstance(value, Mapping):
        return _name(value, value)
    if isinstance(value, list | tuple) and all(isinstance(one, Mapping) for one in value):
        return [_name(one, one) for one in value]
    return value


def address_of(value: Any) -> Any:
    """The address of an image that is an object, such as ``{"src": "1.png"}``; other values as given."""
    if not isinstance(value, Mapping):
        return value
    found = (value[key] for key in _ADDRESSES if isinstance(value.get(key), str))
    return next(found, value)


def unwrapped(record: Any) -> Any:
    """The record inside that of Elasticsearch (``_source``), GraphQL (``node``) or schema.org (``item``).

    Others as given.
    """
    if not isinstance(record, Mapping):
        return record
    inside = record.get("_source", record.get("node") if len(record) == 1 else None)
    if record.get("@type") == "ListItem":
        inside = record.get("item")
    return inside if isinstance(inside, Mapping) else record


def _category_object(value: Mapping[str, Any]) -> Any:
    """What an object says of categories; the object where it is of no known kind."""
    levels = [_LEVEL.fullmatch(key) for key in value]
    if value and all(levels):
        return _levels(list(value.values()))
    named = _name(value, None)
    if named is not None:
        return named
    # <categories><category>Mugs</category></categories>
    only = list(value.values())
    inside = only[0] if len(only) == 1 else None
    return category_values(inside) if isinstance(inside, str | list | Mapping) else value


def _levels(values: Sequence[Any]) -> Any:
    """One path of levels; where each level repeats those above, the last of them says all."""
    texts = [value for value in values if value is not None]
    if not all(isinstance(text, str) for text in texts):
        return texts
    cumulative = all(low.startswith(high) for high, low in pairwise(texts))
    return texts[-1] if len(texts) > 1 and cumulative else [texts]


def _name(value: Mapping[str, Any], otherwise: Any) -> Any:
    found = called(value)
    return otherwise if found is None else found[1]
