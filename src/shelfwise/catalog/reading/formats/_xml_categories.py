"""Categories that a feed lists once, with an id each, and that stand in its records by their ids only.

Feeds of Yandex Market have ``<category id="2" parentId="1">Mugs</category>``, and in each record
``<categoryId>2</categoryId>``. BMEcat and Demandware have elements for the categories, and others behind the
records that name a product and a category by their ids each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from shelfwise.catalog.reading.byte_stream import DamagedFileError
from shelfwise.catalog.reading.categories.category_keys import (
    ID_KEYS,
    LINK_CATEGORY_KEYS,
    LINK_PRODUCT_KEYS,
    PARENT_KEYS,
    REFERENCES,
    XML_NAME_KEYS,
)
from shelfwise.catalog.reading.columns.column_mapping import normal_name, plan_columns
from shelfwise.catalog.reading.formats._xml_records import Reader, is_category, local_name
from shelfwise.catalog.reading.objects.category_index import CategoryIndex

_PIECE_BYTES = 16 << 10


class ListedCategories:
    """The categories of a feed, and which of its products are in which.

    Args:
        chunks: the bytes of the file.
        names: what records are called, in lower case.
        named_in_records: whether the records name their categories by ids; then what stands behind the first
            record is not read.
    """

    def __init__(
        self, chunks: Iterator[bytes], names: Collection[str], named_in_records: bool
    ) -> None:
        self._index: CategoryIndex[str] = CategoryIndex()
        self._of_product: defaultdict[str, list[str]] = defaultdict(list)
        # damage is told where the records are read
        with suppress(ParseError, LookupError, ValueError, DefusedXmlException, DamagedFileError):
            self._read(chunks, names, named_in_records)

    @property
    def assigns(self) -> bool:
        """Whether elements of their own put products into categories."""
        return bool(self._of_product)

    def resolve(self, fields: dict[str, Any]) -> None:
        """Give a record the paths of its categories, where it has their ids."""
        identity, columns, called_so = _columns_of(tuple(fields))
        for column in columns:
            found = self._paths(fields[column])
            # an id by itself says nothing; a name may as well be one of a list
            if found and (
                normal_name(column) in REFERENCES or len(found) == _count(fields[column])
            ):
                # else the ids could be taken for the categories, too
                del fields[column]
                fields["categories"] = found
                return
        product = fields.get(identity)
        if isinstance(product, str) and product in self._of_product and not columns:
            fields["categories"] = self._paths(self._of_product[product])
            return
        for column in called_so:
            found = self._paths(fields[column])
            if found and len(found) == _count(fields[column]):
                del fields[column]
                fields["categories"] = found
                return

    def _paths(self, numbers: Any) -> list[list[str]]:
        texts = [number for number in _listed(numbers) if isinstance(number, str)]
        return [self._index.path(number) for number in texts if number in self._index]

    def _read(self, chunks: Iterator[bytes], names: Collection[str], only_in_front: bool) -> None:
        """Gather what stands outside of the records."""
        open_elements: list[Element] = []
        inside = 0
        for event, element in iterparse(
            Reader(_pieces(chunks)), events=("start", "end"), forbid_entities=True
        ):
            is_record = local_name(element.tag).lower() in names
            if event == "start":
                if is_record and only_in_front and self._index:
                    return
                open_elements.append(element)
                # records may hold others, so they are counted
                inside += is_record
                continue
            open_elements.pop()
            inside -= is_record
            parts = _parts(element) if not inside and not is_record else {}
            if parts:
                self._add(local_name(element.tag), parts)
            # texts stay until the element that they say something about has ended
            if open_elements and (inside or is_record or len(element) or not _is_text(element)):
                open_elements[-1].remove(element)

    def _add(self, tag: str, parts: dict[str, str]) -> None:
        """Enter a category, or that a product is in one; other elements are passed over."""
        product, category = _first(parts, LINK_PRODUCT_KEYS), _first(parts, LINK_CATEGORY_KEYS)
        if product and category:
            self._of_product[product].append(category)
            return
        if not is_category(tag):
            return
        identity, name = (
            _first(parts, ID_KEYS),
            _first(parts, XML_NAME_KEYS) or parts.get("", ""),
        )
        if identity and name:
            self._index.add(identity, name, _first(parts, PARENT_KEYS) or None)


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in small pieces: the categories mostly end long before the first chunk does."""
    for chunk in chunks:
        yield from (chunk[i : i + _PIECE_BYTES] for i in range(0, len(chunk), _PIECE_BYTES))


@lru_cache(maxsize=1024)
def _columns_of(names: tuple[str, ...]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Of a record the field with its id, those that may have the ids of its categories, likeliest first, and
    those that are called so in other ways, as ``<classification-category>`` is.

    Most records of a file have the same fields.
    """
    ours = plan_columns(names, {}).ours
    # names that a record has under this very word need no ids
    if ours.get("categories") == "categories":
        return ours.get("id", ""), ("categories",), ()
    numbers = [name for one in REFERENCES for name in names if normal_name(name) == one]
    columns = (ours["categories"], *numbers) if "categories" in ours else tuple(numbers)
    called_so = (name for name in names if is_category(name) and name not in columns)
    return ours.get("id", ""), tuple(dict.fromkeys(columns)), tuple(called_so)


def _parts(element: Element) -> dict[str, str]:
    """The attributes and texts of an element by their plain names; of several the first counts, and its own
    text is called ``""``.
    """
    parts = {normal_name(local_name(name)): text.strip() for name, text in element.attrib.items()}
    for child in element:
        parts.setdefault(normal_name(local_name(child.tag)), (child.text or "").strip())
    # an element without a name of its own is mostly one of the texts
    if parts:
        parts[""] = (element.text or "").strip()
    return parts


def _is_text(element: Element) -> bool:
    return bool((element.text or "").strip())


def _first(parts: dict[str, str], keys: Collection[str]) -> str:
    """The first of several parts that an element has; empty where it has none."""
    return next((parts[key] for key in keys if parts.get(key)), "")


def _count(value: Any) -> int:
    return len(_listed(value))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
