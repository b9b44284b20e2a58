"""Records of which some are the categories of others, in one list (exports of Sanity and Contentful).

``{"_id": "c5", "title": "Mugs"}`` and ``{"_id": "7", "title": "Mug", "categories": [{"_ref": "c5"}]}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.formats._json_categories import NamedById, referred
from shelfwise.catalog.reading.objects.category_index import CategoryIndex

_MARKS = (b'"_ref"', b'"linkType"')
"""Keys of what names another record."""


def may_name_others(data: bytes) -> bool:
    """Whether JSON may hold what names other records."""
    return any(mark in data for mark in _MARKS)


def names_others(record: Any) -> bool:
    """Whether a record has objects for its categories that name other records.

    >>> names_others({"id": 7, "categories": [{"_ref": "c5"}]}), names_others({"id": 7, "categories": [5]})
    (True, False)
    """
    return any(isinstance(value, Mapping) and referred(value) for value in _categories(record))


def split_mixed(open_records: Callable[[], Iterator[Any]]) -> tuple[Iterator[Any], tuple[str, ...]]:
    """The products with the names of their categories, without the records that are these.

    Args:
        open_records: gives the records of the file, which are read twice.

    Returns:
        The records, and what a user is told.
    """
    named: set[str] = set()
    kinds_of_products: set[Any] = set()
    others: dict[str, _Other] = {}
    for record in filter(_is_record, open_records()):
        ids = [referred(value) for value in _categories(record)]
        # what has categories is a product, and of the kind of products
        if ids:
            named.update(identity for identity in ids if identity is not None)
            kinds_of_products.add(_kind(record))
            continue
        ours = plan_columns(tuple(record), {}).ours
        identity, name = (record.get(ours.get(field, "")) for field in ("id", "title"))
        if identity is not None and isinstance(name, str):
            others[str(identity)] = _Other(name, referred(record.get("parent")), _kind(record))
    kinds = {others[one].kind for one in named & others.keys()} - kinds_of_products
    # those that no product is in, such as the ones above, are like the others
    index: CategoryIndex[str] = CategoryIndex()
    categories = {one for one, other in others.items() if one in named or other.kind in kinds}
    for one in categories:
        index.add(one, others[one].name, others[one].above)
    if not named & categories:
        return open_records(), ()
    names = NamedById(index)

    def products() -> Iterator[Any]:
        for record in open_records():
            ours = plan_columns(tuple(record), {}).ours if _is_record(record) else {}
            if "id" not in ours or str(record[ours["id"]]) not in categories:
                yield names.with_names(record)

    told = (
        f"json: {len(categories):,} records are no products, as others name them, or records of their kind, "
        "as categories"
    )
    return products(), (told,)


@dataclass(frozen=True)
class _Other:
    """A record without categories of its own."""

    name: str
    above: str | None
    kind: Any


def _is_record(value: Any) -> bool:
    return isinstance(value, Mapping)


def _kind(record: Mapping[str, Any]) -> Any:
    """What a record is: as it says itself, or by the fields that it has."""
    return record.get("_type") or frozenset(record)


def _categories(record: Any) -> list[Any]:
    """What a record has for its categories; nothing of what is no record."""
    if not isinstance(record, Mapping):
        return []
    value = record.get(plan_columns(tuple(record), {}).ours.get("categories", ""))
    values = value if isinstance(value, list) else [value]
    return [one for one in values if one is not None]
