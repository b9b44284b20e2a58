"""The categories of an XML feed changed, every other byte as it was.

Categories are texts of elements: one element a record, several with one name, or one that holds several.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from shelfwise.catalog.reading.formats._xml_records import local_name
from shelfwise.catalog.write_back.changed_columns import ChangedColumns
from shelfwise.catalog.write_back.edits import Edit, edited
from shelfwise.catalog.write_back.xml_places import Element, each_record
from shelfwise.errors import CatalogError

_CDATA = b"<![CDATA["


def rewrite_xml(text: str, names: Collection[str], place: ChangedColumns) -> str:
    """A feed with other categories.

    Args:
        names: what records are called, in lower case.

    Raises:
        CatalogError: its categories stand where they cannot be changed by themselves.
    """
    if len(place.names) > 1:
        raise CatalogError("its categories stand in several elements, and only one is changed")
    data = text.encode()
    feed = _Feed(data, place)

    def is_record(name: str) -> bool:
        return name.lower() in names

    # whether any product has several must be known before the first is changed
    each_record(data, is_record, feed.look_at)
    each_record(data, is_record, feed.change)
    return edited(data, feed.edits).decode()


@dataclass
class _Feed:
    """The edits of one file.

    Args:
        repeated: whether a record has several elements of categories.
        opening: the start tag of an element of categories, for records without any.
    """

    data: bytes
    place: ChangedColumns
    repeated: bool = False
    opening: bytes = b""
    edits: list[Edit[bytes]] = field(default_factory=list)
    _number: int = 0

    def look_at(self, record: Element) -> None:
        """See how a record holds its categories."""
        holder, group = self._group(record)
        self.repeated |= len(group) > 1 or holder is not record
        if group and holder is record and not group[0].attributes:
            self.opening = self.opening or self._opening(group[0])

    def change(self, record: Element) -> None:
        """Note what is to be changed in a record.

        Raises:
            CatalogError: its categories stand where they cannot be changed by themselves.
        """
        self._number += 1
        holder, group = self._group(record)
        old = [one.text.strip() for one in group]
        identity = _texts(record, self.place.identity)
        # the reader makes a list of several, and of one a text
        given = old if len(old) > 1 or self.repeated else "".join(old)
        changed = self.place.changes(
            identity[0] if len(identity) == 1 else None, self._number, [given]
        )
        if not changed:
            return
        new = changed[self.place.names[0]] or ""
        texts = [new] if isinstance(new, str) else new
        if not all(isinstance(one, str) for one in texts):
            raise CatalogError("its lists of names cannot hold several paths")
        self._check(record, group)
        texts = [one for one in texts if one]
        if group:
            self._replace(holder, group, texts)
        elif texts:
            self._add(holder, texts)

    def _group(self, record: Element) -> tuple[Element, list[Element]]:
        """The elements whose texts are categories, and the one that holds them."""
        found = _called(record, self.place.names[0])
        if len(found) == 1 and found[0].children:
            return found[0], found[0].children
        return record, found

    def _check(self, record: Element, group: Sequence[Element]) -> None:
        """Refuse what would say something else than its text does.

        Raises:
            CatalogError: it does.
        """
        name = self.place.names[0]
        if not group and (name in record.attributes or _texts(record, "categoryId")):
            raise CatalogError(f"its records have no element {name}, but name categories otherwise")
        if any(one.children for one in group) or len({one.tag for one in group}) > 1:
            raise CatalogError(f"the element {name} holds more than a list of names")
        if any(one.attributes for one in group):
            raise CatalogError(f"the categories in {name} have attributes, such as numbers")

    def _replace(self, holder: Element, group: list[Element], texts: list[str]) -> None:
        """Other texts; further elements like the last one, or fewer of them."""
        # without any, the last element of a record stays empty; of a list nothing stays
        kept = max(len(texts), int(holder.name != self.place.names[0]))
        for element, text in zip(group, [*texts, ""][:kept], strict=False):
            if element.text.strip() != text:
                self.edits.append(self._with_text(element, text))
        last = group[-1]
        gap = self._blank_before(last)
        # new elements are written like the last one, with the blanks before it
        if len(texts) > len(group):
            opening = self._opening(last)
            further = texts[len(group) :]
            added = b"".join(gap + self._element(opening, text) for text in further)
            self.edits.append(Edit(last.end, last.end, added))
        # an element goes with the blanks before it, so that no empty line stays
        for element in group[kept:]:
            start = element.begin - len(self._blank_before(element))
            self.edits.append(Edit(start, element.end, b""))

    def _add(self, holder: Element, texts: list[str]) -> None:
        """Elements behind the last one of a record that has no categories."""
        opening = self.opening or f"<{self.place.names[0]}>".encode()
        last = holder.children[-1]
        gap = self._blank_before(last)
        added = b"".join(gap + self._element(opening, text) for text in texts)
        self.edits.append(Edit(last.end, last.end, added))

    def _with_text(self, element: Element, text: str) -> Edit[bytes]:
        inside = self.data[element.inner : element.stop]
        new = html.escape(text, quote=False).encode()
        if inside.strip().startswith(_CDATA) and "]]>" not in text:
            new = _CDATA + text.encode() + b"]]>"
        if element.inner == element.end:
            return Edit(element.begin, element.end, self._element(self._opening(element), text))
        # blanks around a text are no part of it
        before = inside[: len(inside) - len(inside.lstrip())]
        after = inside[len(inside.rstrip()) :] if inside.strip() else b""
        return Edit(element.inner, element.stop, before + new + after)

    def _opening(self, element: Element) -> bytes:
        """The start tag of an element, whether it holds anything or not."""
        tag = self.data[element.begin : element.inner]
        return tag.removesuffix(b"/>").rstrip() + b">" if tag.endswith(b"/>") else tag

    def _element(self, opening: bytes, text: str) -> bytes:
        name = opening[1:-1].split()[0]
        return opening + html.escape(text, quote=False).encode() + b"</" + name + b">"

    def _blank_before(self, element: Element) -> bytes:
        start = element.begin
        while self.data[start - 1 : start].isspace():
            start -= 1
        return self.data[start : element.begin]


def _texts(record: Element, name: str) -> list[str]:
    """What a record holds under a name: texts of elements, or else an attribute."""
    texts = [one.text.strip() for one in _called(record, name)]
    attributes = [value for key, value in record.attributes.items() if local_name(key) == name]
    return [text for text in texts if text] or attributes


def _called(record: Element, name: str) -> list[Element]:
    """The elements directly in a record that have a name."""
    found = [one for one in record.children if one.name == name]
    # of one name in two namespaces that of Google Merchant counts
    tags = sorted({one.tag for one in found}, key=lambda tag: "base.google.com" in tag)
    return [one for one in found if one.tag == tags[-1]]
