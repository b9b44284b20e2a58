"""Records inside other objects, as programs answer: ``{"_id": 1, "_source": {"title": "Mug"}}``.

Elasticsearch, GraphQL, JSON:API, Strapi, Airtable, Debezium, Kafka and others wrap each record in an object
that says something about it, such as its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import plan_columns

ENVELOPES = (
    *("_source", "node", "attributes", "row", "payload", "after", "fields", "document", "doc"),
    *("fullDocument", "record", "product", "data", "value"),
)
"""Keys under which a wrapped record stands, likeliest first."""

_MAX_DEPTH = 3
_CONTENT = frozenset({"title", "description", "image", "categories"})
_OF_PRODUCTS = frozenset({"title", "description", "image"})


def unwrapped(record: Any) -> Any:
    """The record inside an envelope, with the envelope's id where it has none; others as given.

    >>> unwrapped({"_id": 1, "_source": {"title": "Mug"}})
    {'_id': 1, 'title': 'Mug'}
    """
    path = envelope_path(record)
    if not path:
        return record
    inside = record
    identity: dict[str, Any] = {}
    for key in path:
        name = _ours(inside).get("id")
        if name is not None:
            identity = {name: inside[name]}
        inside = inside[key]
    return inside if "id" in _ours(inside) else {**identity, **inside}


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
        key = next((one for one in ENVELOPES if isinstance(inside.get(one), Mapping)), None)
        if key is None:
            break
        path.append(key)
        inside = inside[key]
    return tuple(path) if _CONTENT & _ours(inside).keys() else ()


def _ours(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Our fields -> keys of an object; what holds further objects is none of a product's own texts."""
    names = [str(key) for key, value in values.items() if not isinstance(value, Mapping)]
    return plan_columns(tuple(names), {}).ours
