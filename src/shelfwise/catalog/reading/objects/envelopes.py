"""Records inside other objects, as programs answer: ``{"_id": 1, "_source": {"title": "Mug"}}``.

Elasticsearch, GraphQL, JSON:API, Strapi, Airtable, Debezium, Kafka, commercetools, Akeneo and others wrap
each record in an object that says something about it, such as its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.columns.written_words import words_of
from shelfwise.catalog.reading.objects.associations import with_associations
from shelfwise.catalog.reading.objects.localized_values import (
    by_language,
    is_localized,
    with_translations,
)
from shelfwise.catalog.reading.objects.typed_values import untyped

ENVELOPES = words_of(
    """
    _source node attributes row payload after fields document doc fullDocument record product data value
    Item values masterData current body productDescription productInfo productData properties
    """
)
"""Keys under which a wrapped record stands, likeliest first.

``body`` is of programs that answer for several products at once. ``properties`` is of HubSpot and GeoJSON,
and last, as a product may have others of its own.
"""

_ABOUT = "sys"
"""Where Contentful has the id of what stands in an envelope."""

_PRIMARY_KEY = "pk"
"""Where Django has the id of what stands in an envelope, beside the name of its model."""

_ANNOTATIONS = "annotations"
"""Where Label Studio has what people chose, beside ``data``: it is kept, so that a user is told of it."""

_ATTRIBUTES = "custom_attributes"

_MAX_DEPTH = 3
_CONTENT = frozenset({"title", "description", "image", "categories"})
_OF_PRODUCTS = frozenset({"title", "description", "image"})
_BESIDE = ("id", "categories")
"""Our fields that may stand beside the envelope."""


def plain_record(record: Any) -> Any:
    """A record as other files have it, without envelope, words for types and objects of languages.

    >>> plain_record({"Item": {"sku": {"S": "7"}, "name": {"M": {"en": {"S": "Mug"}}}}})
    {'sku': '7', 'name-en': 'Mug'}
    """
    # most records hold nothing that could be wrapped, and asking is fast
    if isinstance(record, Mapping) and not any(map(_holds_others, record.values())):
        return record
    inside = with_associations(_with_attributes(unwrapped(untyped(record))))
    # product may be a title, and is an id in systems of accounts
    has_texts = isinstance(inside, dict) and _ours(inside).keys() >= {"title", "description"}
    return by_language(inside if has_texts else with_translations(inside))


def _holds_others(value: Any) -> bool:
    return isinstance(value, dict | list)


def is_plain(record: Any) -> bool:
    """Whether a record is as other files have it."""
    return plain_record(record) is record


def _with_attributes(record: Any) -> Any:
    """A record with the fields that it has as a list of names and values (Magento); others as given."""
    found = record.get(_ATTRIBUTES) if isinstance(record, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        return record
    named = {
        str(one["attribute_code"]): one.get("value") for one in found if "attribute_code" in one
    }
    return {**named, **record} if named else record


def unwrapped(record: Any) -> Any:
    """The record inside an envelope; others as given. Id and categories may stand beside it.

    >>> unwrapped({"_id": 1, "_source": {"title": "Mug"}})
    {'_id': 1, 'title': 'Mug'}
    """
    return record_at(record, envelope_path(record))


def record_at(record: Any, path: Sequence[str]) -> Any:
    """The record inside the envelope that the keys of `path` lead through, with id and categories beside it.

    Without keys it is `record` as given. See :func:`envelope_path`.
    """
    if not path:
        return record
    inside = record
    # our field -> the name that it has beside the envelope, and its value
    beside: dict[str, tuple[str, Any]] = {}
    for key in path:
        ours = _ours(inside)
        beside.update(
            {field: (ours[field], inside[ours[field]]) for field in _BESIDE if field in ours}
        )
        if _ANNOTATIONS in inside:
            beside[_ANNOTATIONS] = (_ANNOTATIONS, inside[_ANNOTATIONS])
        about = inside.get(_ABOUT)
        if isinstance(about, Mapping) and "id" in about:
            beside["id"] = ("id", about["id"])
        if _PRIMARY_KEY in inside and isinstance(inside.get("model"), str):
            beside["id"] = ("id", inside[_PRIMARY_KEY])
        inside = inside[key]
    known = _ours(inside)
    return {
        # what the record itself says goes before what stands around it
        **{name: value for field, (name, value) in beside.items() if field not in known},
        **inside,
    }


def envelope_path(record: Any) -> tuple[str, ...]:
    """The keys that lead to the record inside an envelope; none where it stands in none."""
    if not isinstance(record, Mapping):
        return ()
    # of schema.org; it may have a name of its own
    if record.get("@type") == "ListItem":
        return ("item",) if isinstance(record.get("item"), Mapping) else ()
    path: list[str] = []
    inside = record
    while not _OF_PRODUCTS & _ours(inside).keys() and len(path) < _MAX_DEPTH:
        # what holds nothing but an object is around it, whatever its key is called
        keys = tuple(inside) if len(inside) == 1 else ENVELOPES
        key = next((one for one in keys if isinstance(inside.get(one), Mapping)), None)
        if key is None:
            break
        path.append(key)
        inside = inside[key]
    return tuple(path) if _CONTENT & _ours(inside).keys() else ()


def _ours(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Our fields -> keys of an object; what holds further objects is none of a product's own texts."""
    names = [
        str(key)
        for key, value in values.items()
        if not isinstance(value, Mapping) or is_localized(value)
    ]
    return plan_columns(tuple(names), {}).ours
