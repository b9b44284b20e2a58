"""XML feeds of products: RSS and Atom of Google Merchant, those of Heureka, and others whose records repeat.

Records are read one by one. Entities that a file defines itself are forbidden: they can be made to fill the
memory. The encoding is the one that the file declares. A record's line is its number; its bytes are those of
its fields as JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from shelfwise.catalog.reading.byte_stream import (
    Block,
    DamagedFileError,
    RecordError,
    read_chunks,
)
from shelfwise.catalog.reading.columns.column_mapping import is_language, normal_name, plan_columns
from shelfwise.catalog.reading.columns.whole_paths import leads_to
from shelfwise.catalog.reading.file_format import BY_NAME, CERTAIN
from shelfwise.catalog.reading.formats._as_lines import blocks_of
from shelfwise.catalog.reading.formats._json_lines import JsonLinesFormat
from shelfwise.catalog.reading.formats._xml_categories import ListedCategories
from shelfwise.catalog.reading.formats._xml_groups import OpenGroups, is_group
from shelfwise.catalog.reading.formats._xml_records import (
    DETAILS,
    USUAL,
    Reader,
    are_fields,
    detail_name,
    field_name,
    is_category,
    local_name,
    own_attributes,
    records_of_feed,
)
from shelfwise.catalog.reading.objects.associations import with_associations
from shelfwise.catalog.reading.objects.deep_fields import deep_fields, with_fields_from_deep
from shelfwise.catalog.reading.objects.grouped_records import with_category
from shelfwise.catalog.reading.objects.json_objects import WHOLE_PATHS
from shelfwise.catalog.reading.record_parsing import BOM, first_line
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

_MERCHANT = "{http://base.google.com/ns/1.0}"
"""The names with g: in front, which count more than those of the feed: its own title is often cut short."""

_LANGUAGES = ("lang", "language", "languagecode", "locale")
"""Attributes, in lower case, that say the language of a text."""

_SAID_IN_ATTRIBUTES = ("href", "src", "url", "path", "value", "name")
"""Attributes, in lower case, that hold what an element without a text says, likeliest first."""

_OPENING = re.compile(
    rb"(?i)<!--|<(?:\?xml|rss|feed|products?|shop|items?|offers|catalog(?:ue)?|yml_catalog|resultset)\b"
)


class Xml(JsonLinesFormat):
    """Each element that is called like the records, and is in no other such, is one."""

    suffixes: ClassVar[Mapping[str, float]] = {".xml": BY_NAME}
    bytes_on_disk: ClassVar[bool] = False

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """The file begins as XML does."""
        return CERTAIN if _OPENING.match(start.removeprefix(BOM).lstrip()) else 0.0

    @classmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """The records of a feed; errors come while they are read."""
        found = records_of_feed(read_chunks(path), settings.columns)
        names = found.names
        sentences: tuple[str, ...] = ()
        if not names <= USUAL:
            sentences += (f"xml: each <{min(names)}> is a record, as it has the most fields",)
        categories = None
        if found.lists_categories:
            categories = ListedCategories(read_chunks(path), names, found.names_categories)
        if categories is not None and not found.names_categories and not categories.assigns:
            sentences += (
                "xml: the file lists categories, and its records name none of them; write them into these",
            )
        groups = sorted(filter(is_group, found.around))
        if groups:
            sentences += (
                f"xml: the name of the <{groups[0]}> around a record is its category, where it has none",
            )
        records: Iterator[Any] = _records(path, advance, names, categories)
        if found.is_deep:
            records, told = with_fields_from_deep(records, deep_fields)
            sentences += told
        return cls(settings.columns, sentences), blocks_of(records)


def _records(
    path: Path,
    advance: Callable[[int], None],
    names: Collection[str],
    categories: ListedCategories | None,
) -> Iterator[Mapping[str, Any]]:
    """The fields of each record.

    Args:
        names: what records are called, in lower case.
        categories: those that the file lists; None where it lists none.

    Raises:
        CatalogError: the file defines entities.
        DamagedFileError: it is no XML from some place on.
    """
    try:
        events = iterparse(
            Reader(read_chunks(path, advance)), events=("start", "end"), forbid_entities=True
        )
        # the elements that are open, from the outermost on
        open_elements: list[Element] = []
        inside = 0
        groups = OpenGroups()
        for event, element in events:
            is_record = local_name(element.tag).lower() in names
            if event == "start":
                open_elements.append(element)
                groups.open(element)
                inside += is_record
                continue
            open_elements.pop()
            groups.close(element)
            inside -= is_record
            if is_record and not inside:
                fields = with_associations(_fields(element))
                if categories is not None:
                    categories.resolve(fields)
                yield with_category(fields, groups.path())
            if not inside and open_elements:
                # what was handed out, and what is no record, need not stay in memory
                open_elements[-1].remove(element)
    except DefusedXmlException as error:
        found = f"{path} defines entities of its own ({first_line(error)})"
        advice = (
            "they can be made to fill the memory; remove the <!ENTITY ...> lines, and write what they stand "
            "for in place of their names, such as é for &eacute;"
        )
        raise CatalogError(f"{found}; {advice}") from None
    except (ParseError, LookupError, ValueError) as error:
        found = f"from here on the file is no XML ({first_line(error)})"
        raise DamagedFileError(
            RecordError("damaged XML", f"{found}; expected a whole file")
        ) from None


def _fields(element: Element) -> dict[str, Any]:
    """Attributes and children by their names without namespace; what is repeated becomes a list."""
    fields: dict[str, Any] = {**own_attributes(element)}
    found: dict[tuple[bool, str], list[Any]] = {}
    tags = Counter(child.tag for child in element)
    for child in _from_the_top(element):
        name = _name_in(child, element)
        parts = _parts(child, name)
        if parts:
            fields.update({part: fields.get(part, one) for part, one in parts.items()})
            continue
        # texts in several languages stand side by side, and are a column each
        language = _language(child) if tags[child.tag] > 1 else ""
        name = f"{name}-{language}" if is_language(language) else name
        key = (child.tag.startswith(_MERCHANT), name)
        texts = _in_languages(child)
        found.setdefault(key, []).append(texts[0] if texts else _value(child))
        # further ones are columns of their own, which the settings may name
        for number, text in enumerate(texts[1:], 2):
            fields[f"{name} (language {number})"] = text
    # those with g: last, so that they replace others of their name
    for key in sorted(found, key=lambda key: key[0]):
        name = key[1]
        values = [value for value in found[key] if value is not None]
        # BMEcat says what a product is in details, of which there may be several kinds
        if len(values) == 1 and isinstance(values[0], dict) and name.lower().endswith(DETAILS):
            details = {detail_name(part): value for part, value in values[0].items()}
            fields.update({part: fields.get(part, value) for part, value in details.items()})
            continue
        titled = _titled_description(name, values)
        if titled is not None:
            fields.update({part: fields.get(part, value) for part, value in titled.items()})
            continue
        if len(values) > 1:
            fields[name] = values
        elif values:
            fields[name] = values[0]
        else:
            fields.setdefault(name, None)
    return fields


def _name_in(child: Element, element: Element) -> str:
    """What a child is called in the fields of an element; a category in another one lies below it."""
    is_below = child.tag == element.tag and _is_of_categories(child.tag)
    return "children" if is_below else field_name(child)


def _is_of_categories(tag: str) -> bool:
    """Whether elements of this name are categories, also by a usual name that is short, ``<cat>``."""
    return is_category(tag) or "categories" in plan_columns((local_name(tag),), {}).ours


def _parts(child: Element, name: str) -> Mapping[str, Any]:
    """The fields that a child only holds together (``<Values>``), or a column a language; mostly none."""
    if are_fields(child):
        return _fields(child)
    return {f"{name}-{language}": text for language, text in _by_language(child).items()}


def _titled_description(name: str, values: list[Any]) -> Mapping[str, Any] | None:
    """The parts of a description that has the title, too; None of others."""
    if not name.lower().startswith("description") or len(values) != 1:
        return None
    inside = values[0]
    # <DESCRIPTIONS><DESCRIPTION language="cs"><TITLE>
    while isinstance(inside, dict) and len(inside) == 1:
        inside = next(iter(inside.values()))
    has_title = isinstance(inside, dict) and "title" in plan_columns(tuple(inside), {}).ours
    return inside if has_title else None


def _from_the_top(element: Element) -> Sequence[Element]:
    """The children of an element, in the order of their levels where each has one of its own."""
    if not len(element) or not all(is_category(child.tag) for child in element):
        return list(element)
    levels = [child.get("level", child.get("depth", "")) for child in element]
    if len(set(levels)) < len(levels) or not all(level.isdecimal() for level in levels):
        return list(element)
    return sorted(element, key=lambda child: int(child.get("level", child.get("depth", ""))))


def _whole_path(element: Element, name: str) -> str:
    """The path that a category has in an attribute beside its last name; else this name."""
    attributes = {normal_name(key).replace("_", ""): text for key, text in element.attrib.items()}
    paths = (attributes[key] for key in WHOLE_PATHS if key in attributes)
    return next((path for path in paths if leads_to(path, name)), name)


def _by_language(element: Element) -> Mapping[str, str]:
    """The texts of an element that has one in each of several languages (inriver); none of others."""
    if not len(element) or any(len(part) for part in element):
        return {}
    found = {_language(part): (part.text or "").strip() for part in element}
    return found if len(found) == len(element) and all(map(is_language, found)) else {}


def _language(element: Element) -> str:
    attributes = {local_name(key).lower(): text for key, text in element.attrib.items()}
    return next((attributes[key] for key in _LANGUAGES if key in attributes), "")


def _in_languages(element: Element) -> list[str]:
    """The texts of an element that has one in each of several languages by number (PrestaShop)."""
    if not len(element) or any(child.tag != "language" or len(child) for child in element):
        return []
    return [(child.text or "").strip() for child in element if child.get("id")]


def _text_beside(element: Element) -> dict[str, Any]:
    """The text of a description that stands behind a short name inside it (cXML); mostly none."""
    name = local_name(element.tag)
    if not name.lower().startswith("description"):
        return {}
    text = "".join(part.tail or "" for part in element).strip()
    is_beside = text and all("name" in local_name(part.tag).lower() for part in element)
    return {name: text} if is_beside else {}


def _value(element: Element) -> Any:
    """The text of an element, the fields of one with children, or what one without either says in an
    attribute: the address of a link or an image, or a value (Icecat).
    """
    if len(element):
        return _fields(element) | _text_beside(element)
    text = (element.text or "").strip()
    if text and element.attrib and is_category(element.tag):
        return _whole_path(element, text)
    # most have a text, and asking is fast
    if text or not element.attrib:
        return text or None
    attributes = {local_name(name).lower(): value for name, value in element.attrib.items()}
    return next((attributes[name] for name in _SAID_IN_ATTRIBUTES if attributes.get(name)), None)
