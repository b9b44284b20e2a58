"""Categories that a file lists under a key of their own, and that its products name by their ids.

``{"products": [{"id": 7, "category_ids": [2]}], "categories": [{"id": 2, "name": "Mugs", "parent_id": 1}]}``;
also objects under their ids, and names in the order of their numbers (``"classes": ["Mugs", "Gifts"]``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Self

import ijson

from shelfwise.catalog.reading.byte_stream import DamagedFileError
from shelfwise.catalog.reading.categories.category_keys import (
    ID_KEYS,
    LIST_WORDS,
    PARENT_KEYS,
    REFERENCES,
)
from shelfwise.catalog.reading.columns.column_mapping import plain_names, plan_columns
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.objects.category_index import CategoryIndex
from shelfwise.catalog.reading.objects.envelopes import plain_record
from shelfwise.catalog.reading.objects.json_objects import called

_REFERENCES = frozenset(REFERENCES)

_OF_A_REFERENCE = frozenset({"id", "type", "typeId", "_type", "_ref", "_key", "sys", "href"})
"""Keys of an object that names another one, and says nothing else about it."""

_LINKED = "includes"
"""Where Contentful has what its answers name."""


def lists_categories(key: str) -> bool:
    """Whether a key is called like a list of categories, or like where Contentful has them.

    >>> lists_categories("productCategories"), lists_categories("products")
    (True, False)
    """
    return key == _LINKED or any(word in key.lower() for word in LIST_WORDS)


def names_by_id(keys: Collection[str]) -> bool:
    """Whether one of the keys of products is called like the id of a category."""
    return any(not _REFERENCES.isdisjoint(plain_names(key)) for key in keys)


def listing_keys(chunks: Iterator[bytes]) -> tuple[str, ...]:
    """The keys of the object that a file is under which it lists categories; the file is read to its end."""
    try:
        events = ijson.parse(ijson.from_iter(chunks), multiple_values=True)
        keys = (value for prefix, event, value in events if event == "map_key" and not prefix)
        return tuple(filter(lists_categories, keys))
    except (ijson.JSONError, DamagedFileError):
        # damage is told where the records are read
        return ()


class NamedById:
    """The categories that a file lists.

    Args:
        index: their names by their ids.
        keys: those of the file that list them.
    """

    def __init__(self, index: CategoryIndex[str], keys: Collection[str] = ()) -> None:
        self._index = index
        self._keys = tuple(keys)

    @classmethod
    def listed(cls, open_chunks: Callable[[], Iterator[bytes]], keys: Collection[str]) -> Self:
        """The categories under some keys of a file.

        Args:
            open_chunks: gives the bytes of the file, which are read to their end for each list.
        """
        named = cls(CategoryIndex(), keys)
        for key in keys:
            prefix = f"{key}.Entry" if key == _LINKED else key
            # the list is read as a whole, which is much smaller than that of the products;
            # damage is told where the records are read
            with suppress(ijson.JSONError, DamagedFileError):
                readable = ijson.from_iter(open_chunks())
                for listing in ijson.items(readable, prefix, use_float=True):
                    named._add_all(listing)
        return named

    def told(self) -> tuple[str, ...]:
        """What a user is told, if categories are listed."""
        if not self._index:
            return ()
        listed = " and ".join(map(repr, self._keys))
        return (
            f"json: categories that records have by their ids are called as {listed} names them",
        )

    def with_names(self, record: Any) -> Any:
        """A record with the names of the categories that it has the ids of; others as given.

        Ids that are not listed stay, beside others that are.
        """
        if not isinstance(record, Mapping) or not self._index:
            return record
        column = _column_of_ids(record)
        if column is None:
            return record
        value = record[column]
        ids = [referred(one) for one in (value if isinstance(value, list) else [value])]
        # numbers that no list of the file explains are names, for all that is known
        if not any(identity in self._index for identity in ids) or None in ids:
            return record
        paths = [self._index.path(identity) or [identity] for identity in ids if identity]
        kept = {key: one for key, one in record.items() if key != column}
        return {**kept, "categories": paths}

    def names_any(self, records: Iterable[Any]) -> bool:
        """Whether a record has its categories by ids that are listed."""
        plain = map(plain_record, records)
        return any(self.with_names(record) is not record for record in plain)

    def _add_all(self, listing: Any) -> None:
        if isinstance(listing, Mapping) and _count_names(listing):
            for name, number in listing.items():
                self._index.add(str(number), name)
        elif isinstance(listing, Mapping):
            for identity, value in listing.items():
                self._add(value, identity)
        elif isinstance(listing, list):
            # texts are names in the order of their numbers, and objects have ids of their own
            for number, value in enumerate(listing):
                self._add(value, str(number) if isinstance(value, str) else None)

    def _add(self, value: Any, identity: str | None) -> None:
        """Enter a category; what has no id or no name is passed over.

        Args:
            identity: its id, where it stands elsewhere.
        """
        if isinstance(value, str):
            if identity is not None:
                self._index.add(identity, value)
            return
        plain = plain_record(value)
        name = called(plain) if isinstance(plain, Mapping) else None
        if name is None:
            return
        own = (plain[key] for key in ID_KEYS if isinstance(plain.get(key), str | int))
        found = identity if identity is not None else next(own, None)
        above = next((plain[key] for key in plain if key.lower() in PARENT_KEYS), None)
        if found is not None:
            self._index.add(str(found), name[1], referred(above))


def _count_names(listing: Mapping[str, Any]) -> bool:
    """Whether an object has the numbers of its keys, as ``label2id`` of Hugging Face's models.

    >>> _count_names({"Mugs": 0, "Gifts": 1}), _count_names({"Mugs": 12, "Gifts": 3})
    (True, False)
    """
    numbers = list(listing.values())
    if not numbers or any(type(number) is not int for number in numbers):
        return False
    # numbers that are no ids, such as how many products there are of each, hardly ever follow each other
    first = min(numbers)
    return first in (0, 1) and sorted(numbers) == list(range(first, first + len(numbers)))


def _column_of_ids(record: Mapping[str, Any]) -> str | None:
    """The key of a record that may have the ids of its categories."""
    for key, value in record.items():
        if not is_missing(value) and not _REFERENCES.isdisjoint(plain_names(key)):
            return key
    return plan_columns(tuple(record), {}).ours.get("categories")


def referred(value: Any) -> str | None:
    """The id by which a value names another object; None of any other value.

    >>> referred(5), referred({"_ref": "c5", "_type": "reference"}), referred({"id": 5, "name": "Mugs"})
    ('5', 'c5', None)
    """
    if isinstance(value, Mapping):
        if not value.keys() <= _OF_A_REFERENCE:
            return None
        about = value.get("sys")
        # Sanity, or else Contentful
        inside = value.get("_ref", about.get("id") if isinstance(about, Mapping) else None)
        return referred(value.get("id") if inside is None else inside)
    is_id = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if is_id and value != "" else None
