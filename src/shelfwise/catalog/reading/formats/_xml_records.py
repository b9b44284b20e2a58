"""Which elements of an XML file are the records: those that repeat and have fields of ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from shelfwise.catalog.reading.byte_stream import DamagedFileError
from shelfwise.catalog.reading.columns.column_mapping import normal_name, plan_columns
from shelfwise.catalog.reading.columns.described_columns import fields_by_words
from shelfwise.catalog.reading.objects.deep_fields import NEEDED, fields_of

USUAL = frozenset({"item", "entry", "product", "offer", "shopitem"})
"""What feeds call their records, in lower case: RSS, Atom, shops, Yandex, Heureka."""

_OF_GROUPS = frozenset({"group_id", "groupid"})
"""What records have the id of their category under that is no word for it, in lower case."""

DETAILS = "_details"
"""What elements end with, in lower case, whose parts say something about the element around them (BMEcat)."""

_NAMED_IN_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("column", "str", "int", "float", "double", "arr"), ("name",)),
    "field": ("name", "id", "code"),
    "value": ("attributeid",),
}
"""What MySQL, phpMyAdmin, Solr and systems of product data call the fields of their records, in lower case ->
the attributes that have the names of these, in lower case, likeliest first.
"""

_SAMPLE_BYTES = 1 << 20
_MIN_FIELDS = 2
"""Fields of ours from which on an element may be a record."""

_MIN_BY_WORDS = 3
"""The same where only words in their names say that they are ours."""


class Reader:
    """Chunks as the file that the parser wants to read from.

    Args:
        chunks: bytes of the file.
        limit: bytes after which the file seems to end; None for all.
    """

    def __init__(self, chunks: Iterator[bytes], limit: int | None = None) -> None:
        self._chunks = chunks
        self._left = limit

    def read(self, _: int = -1) -> bytes:
        """The next chunk, whatever its size."""
        if self._left is not None and self._left <= 0:
            return b""
        chunk = next(self._chunks, b"")
        if self._left is not None:
            chunk = chunk[: self._left]
            self._left -= len(chunk)
        return chunk


def local_name(tag: str) -> str:
    """A name without its namespace."""
    return tag.rpartition("}")[2]


def field_name(element: Element) -> str:
    """What a field is called: by its attribute where databases name it there, ``<field name="id">``."""
    tag = local_name(element.tag)
    keys = _NAMED_IN_ATTRIBUTES.get(tag.lower(), ())
    if not keys or not element.attrib:
        return tag
    attributes = {local_name(key).lower(): text for key, text in element.attrib.items()}
    return next((attributes[key] for key in keys if attributes.get(key)), tag)


def own_attributes(element: Element) -> dict[str, str]:
    """The attributes of an element, without the one that says what it is called, ``<arr name="cat">``."""
    name = field_name(element)
    is_named = name != local_name(element.tag)
    return {
        local_name(key): text
        for key, text in element.attrib.items()
        if not (is_named and text == name)
    }


def are_fields(element: Element) -> bool:
    """Whether all that stands in an element are fields that are named in attributes, ``<Values>`` in STEP."""
    return len(element) > 0 and all(field_name(part) != local_name(part.tag) for part in element)


def is_category(tag: str) -> bool:
    """Whether elements of this name may be categories that a feed lists.

    >>> is_category("CATALOG_STRUCTURE"), is_category("product")
    (True, False)
    """
    plain = normal_name(local_name(tag))
    return plain.endswith(("category", "kategorie", "group")) or plain == "catalog_structure"


def detail_name(name: str) -> str:
    """What a detail is called in its record: BMEcat calls a title a short description."""
    return "title" if name.lower() == "description_short" else name


@dataclass(frozen=True)
class FeedRecords:
    """The records of a file.

    Args:
        names: what they are called, in lower case.
        around: the names of the elements that they are in, in lower case.
        lists_categories: whether the file lists categories outside of the records.
        names_categories: whether the records seem to name theirs.
        is_deep: whether what they are called stands inside other elements of theirs.
    """

    names: frozenset[str]
    around: frozenset[str]
    lists_categories: bool = False
    names_categories: bool = False
    is_deep: bool = False


def records_of_feed(chunks: Iterator[bytes], columns: Mapping[str, str]) -> FeedRecords:
    """What the records are called, in lower case: the elements with the most fields of ours.

    Of equally good ones the usual names count more, then what is there more often. What is part of an
    element with a usual name, such as a variant, is no record. Where nothing has two fields of ours, the
    usual names.

    Args:
        chunks: the file; only its beginning is looked at.
        columns: our field -> the file's name, where the settings name it.
    """
    elements: defaultdict[str, _Elements] = defaultdict(_Elements)
    # a sample ends somewhere within the file; what is wrong with it is told where records are read
    with suppress(ParseError, LookupError, ValueError, DefusedXmlException, DamagedFileError):
        _look_at(Reader(chunks, _SAMPLE_BYTES), elements)
    found = _with_most_fields(elements, columns)
    parts = frozenset().union(*(elements[name].parts for name in found.names))
    ours = fields_of(parts)
    if columns or ours >= NEEDED:
        return found
    deep = _with_deep_fields(elements)
    # records with an id of their own can be read as they are
    return deep if deep is not None and ("id" not in ours or deep.names <= found.names) else found


def _with_deep_fields(elements: Mapping[str, _Elements]) -> FeedRecords | None:
    """The innermost elements with the most fields of ours at any depth; None where none has id and title."""

    def goodness(name: str) -> tuple[int, int]:
        return len(fields_of(elements[name].deep)), len(elements[name].inside)

    # what stands once is around the records
    repeated = (name for name in elements if elements[name].count > 1)
    possible = [name for name in repeated if fields_of(elements[name].deep) >= NEEDED]
    if not possible:
        return None
    best = max(possible, key=goodness)
    return FeedRecords(frozenset({best}), frozenset(elements[best].inside), is_deep=True)


def _with_most_fields(elements: Mapping[str, _Elements], columns: Mapping[str, str]) -> FeedRecords:
    def goodness(name: str) -> tuple[int, bool, int]:
        fields = len(plan_columns(tuple(sorted(elements[name].parts)), columns).ours)
        return fields, name in USUAL, elements[name].count

    # what has not ended within the sample holds records rather than being one
    ended = [name for name in elements if elements[name].count]
    possible = [name for name in ended if goodness(name)[0] >= _MIN_FIELDS]
    if not possible:
        return _described_records(elements)
    best = max(possible, key=goodness)
    around = [name for name in possible if name in USUAL and name in elements[best].inside]
    name = max(around, key=goodness, default=best)
    inside = frozenset(elements[name].inside)
    named = any(
        "categor" in part.lower() or part.lower() in _OF_GROUPS for part in elements[name].parts
    )
    # in no record, and around none
    listed = [
        one
        for one in elements
        if is_category(one) and one not in inside and name not in elements[one].inside
    ]
    # one alone may be anything, unless records have its id
    lists = any(elements[one].count > (0 if named else 1) for one in listed)
    return FeedRecords(frozenset({name}), inside, lists, named)


def _described_records(elements: Mapping[str, _Elements]) -> FeedRecords:
    """The elements with the most names that have a word of our fields, ``<UrunKodu>``; else the usual."""

    def goodness(name: str) -> tuple[int, int]:
        return len(fields_by_words(elements[name].parts)), elements[name].count

    repeated = [name for name in elements if elements[name].count > 1]
    best = max(repeated, key=goodness, default="")
    if not best or goodness(best)[0] < _MIN_BY_WORDS:
        return FeedRecords(USUAL, frozenset())
    return FeedRecords(frozenset({best}), frozenset(elements[best].inside))


@dataclass
class _Elements:
    """The elements of one name.

    Args:
        count: of those that end within the sample.
        parts: the names of their attributes and children.
        inside: the names of elements that one of them is in, in lower case.
        deep: the names of all that stands inside them, at any depth.
    """

    count: int = 0
    parts: set[str] = field(default_factory=set)
    inside: set[str] = field(default_factory=set)
    deep: set[str] = field(default_factory=set)


def _look_at(sample: Reader, elements: defaultdict[str, _Elements]) -> None:
    """Gather what the elements of each name are made of; names are in lower case.

    Raises:
        ParseError: the sample ends, or is no XML.
    """
    open_elements: list[Element] = []
    for event, element in iterparse(sample, events=("start", "end"), forbid_entities=True):
        name = local_name(element.tag).lower()
        if event == "start":
            # what a name is made of is gathered over all elements that are called so
            around = [local_name(one.tag).lower() for one in open_elements]
            elements[name].parts.update(map(local_name, element.attrib))
            elements[name].inside.update(around)
            for one in around:
                elements[one].deep.update((field_name(element), *map(local_name, element.attrib)))
            if around:
                elements[around[-1]].parts.add(field_name(element))
            if len(around) > 1 and around[-1].endswith(DETAILS):
                elements[around[-2]].parts.add(detail_name(field_name(element)))
            open_elements.append(element)
            continue
        open_elements.pop()
        elements[name].count += 1
        if open_elements:
            # nothing of it is needed any more
            open_elements[-1].remove(element)
