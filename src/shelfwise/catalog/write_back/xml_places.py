"""Where the elements of an XML file stand, in bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from shelfwise.catalog.reading.record_parsing import first_line
from shelfwise.errors import CatalogError


@dataclass
class Element:
    """One element.

    Args:
        tag: as ElementTree has it, with its namespace in braces.
        begin, end: of the whole element.
        inner, stop: of what it holds; both are `end` for an element such as ``<a/>``.
        text: of itself, without that of its children.
    """

    tag: str
    attributes: dict[str, str]
    begin: int
    inner: int
    stop: int = 0
    end: int = 0
    text: str = ""
    children: list[Element] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Without its namespace."""
        return self.tag.rpartition("}")[2]


def each_record(
    data: bytes, is_record: Callable[[str], bool], take: Callable[[Element], None]
) -> None:
    """Hand out each element that is a record and in no other record, with all that it holds.

    Args:
        data: the file in UTF-8.
        is_record: of a name without namespace.

    Raises:
        CatalogError: it is no XML, or defines entities.
    """
    target = _Target(data, is_record, take)
    parser = DefusedXMLParser(target=target, encoding="utf-8", forbid_entities=True)
    # the parser alone knows where in the bytes it is
    target.position = lambda: parser.parser.CurrentByteIndex
    try:
        parser.feed(data)
        parser.close()
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise CatalogError(f"it is no XML that is safe to change ({first_line(error)})") from None


class _Target:
    """Gathers the elements of one record at a time."""

    position: Callable[[], int]

    def __init__(
        self, data: bytes, is_record: Callable[[str], bool], take: Callable[[Element], None]
    ) -> None:
        self._data = data
        self._is_record = is_record
        self._take = take
        self._open: list[Element] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if not self._open and not self._is_record(tag.rpartition("}")[2]):
            return
        begin = self.position()
        element = Element(tag, dict(attributes), begin, _end_of_tag(self._data, begin))
        if self._open:
            self._open[-1].children.append(element)
        self._open.append(element)

    def data(self, text: str) -> None:
        """Text within the innermost element."""
        if self._open:
            self._open[-1].text += text

    def end(self, tag: str) -> None:
        """An element ends."""
        if not self._open:
            return
        element = self._open.pop()
        # an element without an end tag of its own has nothing inside
        if self._data[element.inner - 2 : element.inner] == b"/>":
            element.stop = element.end = element.inner
        else:
            element.stop = self.position()
            element.end = self._data.index(b">", element.stop) + 1
        if not self._open:
            self._take(element)

    def close(self) -> Any:
        """The file ends."""


def _end_of_tag(data: bytes, begin: int) -> int:
    """Where what follows a start tag begins; a sign within quotes does not end it."""
    quote = None
    for place in range(begin, len(data)):
        sign = data[place]
        if quote is not None:
            quote = None if sign == quote else quote
        elif sign in b"\"'":
            quote = sign
        elif sign == ord(">"):
            return place + 1
    return len(data)
