"""Fields that stand deep inside a record, as ONIX, GDSN, cXML and Icecat have them, as fields of its own.

``<Product><Detail><TitleText>Mug`` gives the record a field ``TitleText``. That is done for a file whose
records have no title or no id otherwise; a name that stands in two places is left where it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from shelfwise.catalog.reading.byte_stream import DamagedFileError
from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.columns.described_columns import fields_by_words
from shelfwise.catalog.reading.objects.localized_values import LANGUAGE_KEYS

_SAMPLED = 200
"""Records that are looked at for what stands deep inside them."""

_MAX_DEPTH = 8

_GENERAL = frozenset(("text", "value", "name", "label", "id", "code", "type", "title"))
"""Names, in lower case, that say nothing without the one around them."""

NEEDED = frozenset({"id", "title"})
"""Without these a record's fields are looked for deeper."""

_HOLD_OTHERS = frozenset(("title", "description", "id"))
"""Our fields that may be around others; an object of another field is read as a whole."""

_TEXTS = frozenset({"title", "description"})

Path = tuple[str, ...]
Deep = Mapping[str, Path]


def with_fields_from_deep(
    records: Iterator[Any], find: Callable[[Sequence[Mapping[str, Any]]], Deep]
) -> tuple[Iterator[Any], tuple[str, ...]]:
    """The records with what `find` finds deep inside the first of them, and what a user is told of it."""
    first: list[Any] = []
    damage: DamagedFileError | None = None
    try:
        # one by one, as those before the damage count
        for record in islice(records, _SAMPLED):
            first.append(record)
    except DamagedFileError as error:
        damage = error

    def whole() -> Iterator[Any]:
        yield from first
        if damage is not None:
            raise damage
        yield from records

    deep = find([record for record in first if isinstance(record, Mapping)])
    if not deep:
        return whole(), ()
    told = f"these fields stand deeper in a record: {', '.join(deep)}"
    return (with_deep_fields(record, deep) for record in whole()), (told,)


def fields_of(names: Collection[str]) -> set[str]:
    """Our fields that some names are, or have a word of."""
    return {*plan_columns(tuple(sorted(names)), {}).ours, *fields_by_words(names)}


def deep_fields(records: Sequence[Mapping[str, Any]]) -> Deep:
    """The names that fields of ours deep inside records get -> the keys that lead to them.

    None of records that have both id and title themselves.

    >>> deep_fields([{"ref": 7, "detail": {"title": {"text": "Mug"}, "unit": {"size": 3}}}])
    {'title.text': ('detail', 'title', 'text')}
    """
    if fields_of({name for record in records for name in record}) >= NEEDED:
        return {}
    places: defaultdict[str, dict[Path, None]] = defaultdict(dict)
    for record in records:
        for path in _leaves(record, ()):
            places[_called(path)][path] = None
    one_place = ((name, next(iter(paths))) for name, paths in places.items() if len(paths) == 1)
    said = ((name, path) for name, path in one_place if path[-1] not in LANGUAGE_KEYS)
    return {name: path for name, path in said if len(path) > 1 and fields_of([name])}


def deep_only(records: Sequence[Mapping[str, Any]]) -> Deep:
    """As :func:`deep_fields`, of records that have neither id nor title but inside other objects.

    >>> deep_only([{"tradeItem": {"gtin": "7", "info": {"name": "Mug"}}}])
    {'gtin': ('tradeItem', 'gtin'), 'info.name': ('tradeItem', 'info', 'name')}
    >>> deep_only([{"id": 7, "user": {"id": 8, "name": "Ann"}}])
    {}
    """
    names = dict.fromkeys(name for record in records for name in record)
    if any(fields_of([name]) & NEEDED and _differs(name, records) for name in names):
        return {}
    deep = deep_fields(records)
    found = fields_of(deep)
    return deep if "id" in found and found & _TEXTS else {}


def _differs(name: str, records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a key holds something of its own in each record, and no object."""
    values = [record.get(name) for record in records]
    is_plain = not any(isinstance(value, Mapping) for value in values)
    return is_plain and len(set(map(str, values))) == len(records)


def with_all_deep_fields(records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Records of a program as those of a file of JSON are read: with what :func:`deep_only` finds."""
    deep = deep_only(records[:_SAMPLED])
    return [with_deep_fields(record, deep) for record in records] if deep else records


def with_deep_fields(record: Any, fields: Deep) -> Any:
    """A record with the fields that :func:`deep_fields` found in the place of what is around them."""
    if not isinstance(record, Mapping):
        return record
    around = {path[0] for path in fields.values()}
    own = {name: value for name, value in record.items() if name not in around}
    return {**own, **{name: _at(record, path) for name, path in fields.items()}}


def _leaves(record: Mapping[str, Any], around: Path) -> Iterator[Path]:
    """The ways to all that is no object to be looked into."""
    for key, value in record.items():
        path = (*around, key)
        if isinstance(value, Mapping) and len(path) < _MAX_DEPTH and _is_around_others(key, value):
            yield from _leaves(value, path)
        else:
            yield path


def _is_around_others(key: str, value: Mapping[str, Any]) -> bool:
    """Whether an object is no field of ours itself, or holds nothing but this field once more."""
    ours = fields_of([key])
    return ours <= _HOLD_OTHERS or (len(value) == 1 and ours <= fields_of(list(value)))


def _called(path: Path) -> str:
    """The last name of a way, with the one before where it says nothing by itself."""
    return ".".join(path[-2:]) if path[-1].lower() in _GENERAL else path[-1]


def _at(record: Mapping[str, Any], path: Path) -> Any:
    value: Any = record
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
