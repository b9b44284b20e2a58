"""Texts in several languages become a column each: ``{"name": {"en": "Mug", "de": "Becher"}}``.

commercetools and Contentful write so, and Akeneo in lists: ``[{"locale": "en_US", "data": "Mug"}]``. The
columns are then called as tables call them, ``name-en`` and ``name-de``, of which the first counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import is_language, plan_columns
from shelfwise.catalog.reading.columns.written_words import words_of

_CONTAINERS = frozenset((dict, list))

_MAX_DEPTH = 5
"""Of objects and lists around a text in several languages."""

_ENTRY = frozenset({"locale", "scope", "data"})
"""What Akeneo says of a value: the language, the sales channel, and the value itself."""

LANGUAGE_KEYS = words_of(
    "lang language locale language_code languageCode lang_code langCode Language"
)
"""Keys of an object that holds one text and says its language."""

_TEXT_AND_LANGUAGE = 2
"""Keys of such an object."""


def by_language(record: Any) -> Any:
    """A record with a column a language for each of our fields that is in several; others as given.

    >>> by_language({"name": {"en": "Mug", "de": "Becher"}})
    {'name-en': 'Mug', 'name-de': 'Becher'}
    """
    # objects of JSON are dictionaries, and asking for these is fast
    if not isinstance(record, dict):
        return record
    held = [
        name
        for name, value in record.items()
        if type(value) in _CONTAINERS and _is_ours(name) and _holds_objects(value, _MAX_DEPTH)
    ]
    if not held:
        return record
    values = {name: _without_entries(value) for name, value in record.items()}
    found = {name: tuple(dict.fromkeys(_languages(values[name], _MAX_DEPTH))) for name in held}
    if not any(found.values()):
        unchanged = all(values[name] is record[name] for name in held)
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


def with_translations(record: Any) -> Any:
    """A record with the texts that a list has of it in several languages, a column each; others as given.

    >>> with_translations({"id": 7, "translations": [{"locale": "en", "name": "Mug"}]})
    {'id': 7, 'name-en': 'Mug'}
    """
    if not isinstance(record, dict):
        return record
    for name, value in record.items():
        by_language = {} if _is_ours(name) else _objects_by_language(value)
        found = {
            f"{key}-{language}": text
            for language, item in by_language.items()
            for key, text in item.items()
            if isinstance(text, str) and key not in LANGUAGE_KEYS and key not in record
        }
        if any(_is_title_or_description(key) for item in by_language.values() for key in item):
            return {**{key: one for key, one in record.items() if key != name}, **found}
    return record


def _objects_by_language(value: Any) -> Mapping[str, Mapping[str, Any]]:
    """The objects of which each is in a language of its own, by language; none of other values."""
    if isinstance(value, dict) and value and all(map(is_language, map(str, value))):
        return value if all(isinstance(item, dict) for item in value.values()) else {}
    # OData has lists under a key of their own
    listed = value.get("results") if isinstance(value, dict) else value
    found = {_language_of(item): item for item in listed} if isinstance(listed, list) else {}
    named = {language: item for language, item in found.items() if language is not None}
    # of reviews several may be in one language
    return named if isinstance(listed, list) and len(named) == len(listed) else {}


def _is_title_or_description(name: str) -> bool:
    """Whether a key surely names one of these; a review has a text, too."""
    ours = plan_columns((name,), {}).ours.keys()
    return bool(ours & {"title", "description"}) and name.lower() != "text"


def _holds_objects(value: Any, depth: int) -> bool:
    """Whether a value is an object, or a list with one somewhere inside."""
    if isinstance(value, list) and depth:
        return any(_holds_objects(item, depth - 1) for item in value if type(item) is not str)
    return isinstance(value, dict)


def is_localized(value: Any) -> bool:
    """Whether a value is an object with texts by language, or Akeneo's list of them."""
    value = _without_entries(value)
    if not isinstance(value, dict) or not value:
        return False
    texts = all(not isinstance(item, Mapping | bool) for item in value.values())
    return texts and all(is_language(str(key)) for key in value)


def told_localized(value: Any) -> str:
    """What is added to the words for a value that cannot be read, where it is a text in several languages.

    >>> told_localized({"en": "Mug"}), told_localized({"size": 3})
    ('; texts by language are read with format = "json" under [catalog]', '')
    """
    hint = '; texts by language are read with format = "json" under [catalog]'
    return hint if is_localized(value) else ""


@lru_cache(maxsize=1 << 12)
def _is_ours(name: str) -> bool:
    # relations hold ids, and many of them
    return bool(plan_columns((name,), {}).ours.keys() - {"related"})


def _without_entries(value: Any) -> Any:
    """Akeneo's list as an object by language, or as its only value; of several channels the first counts."""
    if not isinstance(value, list) or not value:
        return value
    if not all(isinstance(item, dict) and item.keys() == _ENTRY for item in value):
        return _by_their_languages(value)
    found: dict[str, Any] = {}
    for item in value:
        found.setdefault(item["locale"] or "", item["data"])
    return found.get("", found)


def _by_their_languages(value: list[Any]) -> Any:
    """A list of one text in several languages as an object by language; other lists as given.

    >>> _by_their_languages([{"lang": "en", "value": "Mug"}, {"lang": "de", "value": "Becher"}])
    {'en': 'Mug', 'de': 'Becher'}
    """
    found: dict[str, str] = {}
    for item in value:
        language = _language_of(item)
        texts = [text for key, text in item.items() if key not in LANGUAGE_KEYS] if language else []
        # two texts of one language are no translations
        if len(texts) != 1 or not isinstance(texts[0], str) or language in found:
            return value
        found[str(language)] = texts[0]
    return found


def text_of(value: Any) -> Any:
    """The text of an object that has its language beside it, and nothing else; other values as given.

    >>> text_of({"Value": "Mugs", "Language": "EN"}), text_of({"Value": "Mugs"})
    ('Mugs', {'Value': 'Mugs'})
    """
    if _language_of(value) is None or len(value) != _TEXT_AND_LANGUAGE:
        return value
    return next(text for key, text in value.items() if key not in LANGUAGE_KEYS)


def _language_of(item: Any) -> str | None:
    """The language that an object says; None of others."""
    if not isinstance(item, dict):
        return None
    tags = [item[key] for key in LANGUAGE_KEYS if isinstance(item.get(key), str)]
    found = (one for tag in tags for one in (tag, tag.lower()))
    return next(filter(is_language, found), None)


def _languages(value: Any, depth: int) -> Iterator[str]:
    """The languages of all texts inside a value."""
    if is_localized(value):
        yield from value
    elif depth and type(value) in _CONTAINERS:
        for item in _items(value):
            yield from _languages(item, depth - 1)


def _in_language(value: Any, language: str, depth: int) -> Any:
    """A value with the texts of one language in place of those in several; None where it has no such."""
    if is_localized(value):
        return value.get(language)
    if isinstance(value, dict) and depth:
        return {name: _in_language(item, language, depth - 1) for name, item in value.items()}
    if isinstance(value, list) and depth:
        return [_in_language(item, language, depth - 1) for item in value]
    return value


def _items(value: Any) -> Iterator[Any]:
    """The objects and lists inside a value; texts are in no language that is told."""
    inside = value.values() if isinstance(value, dict) else value
    yield from (item for item in inside if type(item) in _CONTAINERS)
