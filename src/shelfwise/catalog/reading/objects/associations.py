"""The categories of a product where PrestaShop has them: by their ids, beside what else goes with it.

``{"id": 7, "associations": {"categories": [{"id": "2"}, {"id": "5"}], "images": [...]}}``, and so in XML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_KEY = "associations"
_CATEGORIES = "categories"


def with_associations(record: Any) -> Any:
    """A record with the categories that it is associated with; others as given.

    >>> with_associations({"id": 7, "associations": {"categories": [{"id": "2"}, {"id": "5"}]}})["categories"]
    [['2'], ['5']]
    """
    held = record.get(_KEY) if isinstance(record, Mapping) else None
    if not isinstance(held, Mapping) or _CATEGORIES in record:
        return record
    found = [[str(identity)] for identity in _ids(held.get(_CATEGORIES))]
    return {**record, _CATEGORIES: found} if found else record


def _ids(value: Any) -> Iterator[Any]:
    """The ids of the objects in a list, whatever is around them."""
    if isinstance(value, Mapping) and isinstance(value.get("id"), str | int):
        yield value["id"]
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _ids(item)
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item)
