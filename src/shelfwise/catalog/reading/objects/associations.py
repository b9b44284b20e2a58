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
    # objects of JSON are dictionaries, and asking for these is fast
    if not isinstance(record, dict) or _KEY not in record or _CATEGORIES in record:
        return record
    held = record[_KEY]
    listed = held.get(_CATEGORIES) if isinstance(held, Mapping) else None
    found = [[str(identity)] for identity in _ids(listed)]
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
