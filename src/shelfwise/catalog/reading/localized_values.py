"""Texts in several languages become a column each: ``{"name": {"en": "Mug", "de": "Becher"}}``.

commercetools and Contentful write so, and Akeneo in lists: ``[{"locale": "en_US", "data": "Mug"}]``. The
columns are then called as tables call them, ``name-en`` and ``name-de``, of which the first counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import is_language, plan_columns

_MAX_DEPTH = 5
"""Of objects and lists around a text in several languages."""

_ENTRY = frozenset({"locale", "scope", "data"})
"""What Akeneo says of a value: the language, the sales channel, and the value itself."""


def by_language(record: Any) -> Any:
    """A record with a column a language for each of our fields that is in several; others as given.

    >>> by_language({"name": {"en": "Mug", "de": "Becher"}})
    {'name-en': 'Mug', 'name-de': 'Becher'}
    """
    if not isinstance(record, Mapping):
        return record
    values = {name: _without_entries(value) for name, value in record.items()}
    found = {
        name: tuple(dict.fromkeys(_languages(value, _MAX_DEPTH)))
        for name, value in values.items()
        if isinstance(value, Mapping | list) and _is_ours(name)
    }
    if not any(found.values()):
        unchanged = all(values[name] is record[name] for name in record)
        return record if unchanged else values
    # the same order for all fields, so that the first language is one and the same
    order = tuple(dict.fromkeys(one for languages in found.values() for one in languages))
    apart: dict[str, Any] = {}
    for name, value in values.items():
        languages = found.get(name, ())
        if not languages:
            apart[name] = value
        for language in (one for one in order if one in languages):
            apart[f"{name}-{language}"] = _in_language(value, language, _MAX_DEPTH)
    return apart


def is_localized(value: Any) -> bool:
    """Whether a value is an object with texts by language, or Akeneo's list of them."""
    value = _without_entries(value)
    if not isinstance(value, Mapping) or not value:
        return False
    texts = all(not isinstance(item, Mapping | bool) for item in value.values())
    return texts and all(is_language(str(key)) for key in value)


@lru_cache(maxsize=1 << 12)
def _is_ours(name: str) -> bool:
    return bool(plan_columns((name,), {}).ours)


def _without_entries(value: Any) -> Any:
    """Akeneo's list as an object by language, or as its only value; of several channels the first counts."""
    if not isinstance(value, list) or not value:
        return value
    if not all(isinstance(item, Mapping) and item.keys() == _ENTRY for item in value):
        return value
    found: dict[str, Any] = {}
    for item in value:
        found.setdefault(item["locale"] or "", item["data"])
    return found.get("", found)


def _languages(value: Any, depth: int) -> Iterator[str]:
    """The languages of all texts inside a value."""
    if is_localized(value):
        yield from value
    elif depth:
        for item in _items(value):
            yield from _languages(item, depth - 1)


def _in_language(value: Any, language: str, depth: int) -> Any:
    """A value with the texts of one language in place of those in several; None where it has no such."""
    if is_localized(value):
        return value.get(language)
    if isinstance(value, Mapping) and depth:
        return {name: _in_language(item, language, depth - 1) for name, item in value.items()}
    if isinstance(value, list) and depth:
        return [_in_language(item, language, depth - 1) for item in value]
    return value


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
