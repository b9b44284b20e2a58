"""What JSON:API puts beside its answers: records name their categories by type and id, and these stand once.

``{"data": [{"id": 7, "relationships": {"categories": {"data": [...]}}}], "included": [...]}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import ijson

from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.objects.category_index import CategoryIndex
from shelfwise.catalog.reading.objects.envelopes import plain_record
from shelfwise.catalog.reading.objects.json_objects import called

_RELATIONSHIPS = "relationships"
_INCLUDED = "included.item"

Key = tuple[str, str]
"""Type and id of what is named."""


class Included:
    """What stands beside the answers of a file, by type and id.

    Args:
        chunks: the bytes of the file, which are read to their end.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._index: CategoryIndex[Key] = CategoryIndex()
        readable = ijson.from_iter(chunks)
        for found in ijson.items(readable, _INCLUDED, multiple_values=True, use_float=True):
            self._add(found)

    def with_categories(self, record: Any) -> Any:
        """A record with the categories that it names by type and id; others as given.

        Those that are not there are called by their ids.
        """
        related = record.get(_RELATIONSHIPS) if isinstance(record, Mapping) else None
        if not isinstance(related, Mapping):
            return record
        column = plan_columns(tuple(related), {}).ours.get("categories")
        if column is None:
            return record
        paths = [self._index.path(key) or [key[1]] for key in _keys(related[column])]
        return {**record, "categories": paths} if paths else record

    def _add(self, found: Any) -> None:
        key = _key(found)
        name = called(plain_record(found)) if key is not None else None
        if key is None or name is None:
            return
        related = found.get(_RELATIONSHIPS)
        above = _keys(related.get("parent")) if isinstance(related, Mapping) else []
        self._index.add(key, name[1], above[0] if above else None)


def _keys(related: Any) -> list[Key]:
    """What a relationship names, one or several."""
    data = related.get("data") if isinstance(related, Mapping) else None
    found = map(_key, data if isinstance(data, list) else [data])
    return [key for key in found if key is not None]


def _key(value: Any) -> Key | None:
    if not isinstance(value, Mapping) or "type" not in value or "id" not in value:
        return None
    return str(value["type"]), str(value["id"])
