"""Lines for the bulk interface of Elasticsearch: what to do, with the id, and the product on the line below.

``{"index": {"_index": "products", "_id": "7"}}`` and then ``{"title": "Mug"}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_ACTIONS = frozenset({"index", "create", "update", "delete"})
_NO_SOURCE = "delete"
"""The action that has no line below."""


def is_action(record: Any) -> bool:
    """Whether an object says what to do with the one that follows.

    >>> is_action({"index": {"_id": "7"}}), is_action({"index": 7})
    (True, False)
    """
    # objects of JSON are dictionaries, and asking for these is fast
    if not isinstance(record, dict) or len(record) != 1:
        return False
    ((key, about),) = record.items()
    return (
        key in _ACTIONS
        and isinstance(about, Mapping)
        and not about.keys().isdisjoint(("_id", "_index"))
    )


def with_ids(records: Iterator[Any]) -> Iterator[Any]:
    """The products with the ids of the lines above them; files of other kinds as they are.

    >>> list(with_ids(iter([{"index": {"_id": "7"}}, {"title": "Mug"}])))
    [{'_id': '7', 'title': 'Mug'}]
    """
    above: dict[str, Any] = {}
    for record in records:
        if is_action(record):
            ((key, about),) = record.items()
            has_id = key != _NO_SOURCE and "_id" in about
            above = {"_id": about["_id"]} if has_id else {}
        elif above and isinstance(record, Mapping):
            yield {**above, **record}
            above = {}
        else:
            yield record
