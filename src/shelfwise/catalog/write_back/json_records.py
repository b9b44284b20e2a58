"""Members of JSON objects changed, every other byte as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shelfwise.catalog.reading.formats._json_django import models_of
from shelfwise.catalog.reading.formats._json_mixed import names_others
from shelfwise.catalog.reading.objects.bulk_lines import is_action
from shelfwise.catalog.reading.objects.envelopes import envelope_path, plain_record, record_at
from shelfwise.catalog.reading.record_parsing import parse_json
from shelfwise.catalog.write_back.changed_columns import ChangedColumns
from shelfwise.catalog.write_back.edits import Edit, edited
from shelfwise.errors import CatalogError

# not strict: the reader takes tabs within texts, too
_DECODER = json.JSONDecoder(strict=False)
_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What stands for a byte that is no text."""

_SPACE = re.compile(r"[ \t\r\n\ufeff]*")


@dataclass(frozen=True)
class _Member:
    """One name of an object with its value.

    Args:
        begin: where the name begins.
        named: where the name ends.
        start, stop: where the value stands.
    """

    name: str
    begin: int
    named: int
    start: int
    stop: int


def rewrite_json_lines(text: str, place: ChangedColumns) -> str:
    """JSON objects, one a line; lines that are no objects stay as they are."""
    lines = text.split("\n")
    rewritten = (rewrite_object(line, number, place) for number, line in enumerate(lines, 1))
    return "\n".join(
        line if new is None else new for line, new in zip(lines, rewritten, strict=True)
    )


def rewrite_object(line: str, number: int, place: ChangedColumns) -> str | None:
    """A line with one object; None for any other line.

    Args:
        number: of the line, from 1.

    >>> rewrite_object('{"id": 1, "cat": "A"}', 1, ChangedColumns("id", ("cat",), lambda record: ["B"]))
    '{"id": 1, "cat": "B"}'
    """
    if _NO_TEXT.search(line):
        # the reader has set this line aside, too
        return None
    begin = _skip(line, 0)
    try:
        values = parse_json(line[begin:])
    except (ValueError, RecursionError):
        # the reader has set this line aside
        return None
    return edited(line, _edits(line, begin, number, values, place))


def rewrite_json(text: str, prefix: str, place: ChangedColumns) -> str:
    """JSON objects in an array, under a key, or one after the other.

    Args:
        prefix: where the records are, as ijson writes it: "item" in an array, "products.item" under a key.

    Raises:
        CatalogError: their values are no plain ones.
    """
    if len(models_of(text)) > 1:
        raise CatalogError(
            "its records name their categories by the keys of other objects, and only names are changed"
        )
    parts = [part for part in prefix.split(".") if part]
    edits: list[Edit[str]] = []
    number = 0
    start = _skip(text, 0)
    while start < len(text):
        for begin in _starts(text, start, parts):
            number += 1
            # decoded for what it holds; only the text of changed values is replaced
            value, _ = _DECODER.raw_decode(text, begin)
            if isinstance(value, dict):
                inside, values = _record(text, begin, value)
                edits += _edits(text, inside, number, values, place)
        _, stop = _DECODER.raw_decode(text, start)
        start = _skip(text, stop)
    return edited(text, edits)


def _starts(text: str, start: int, parts: Sequence[str]) -> Iterator[int]:
    """Where the records inside a value begin."""
    if not parts:
        yield start
    # ijson calls the places of an array so
    elif text[start] == "[" and parts[0] == "item":
        for begin in _items(text, start):
            yield from _starts(text, begin, parts[1:])
    elif text[start] == "{":
        for member in _members(text, start):
            if member.name == parts[0]:
                yield from _starts(text, member.start, parts[1:])


def _record(text: str, start: int, values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
    """Where a record begins that may be wrapped in another object, and what it holds.

    Raises:
        CatalogError: its values are no plain ones, or its id stands elsewhere.
    """
    if is_action(values):
        raise CatalogError(
            "its ids stand on lines of their own, and only those in records are known"
        )
    path = envelope_path(values)
    inside = record_at(values, path)
    plain = plain_record(values)
    if names_others(plain):
        raise CatalogError(
            "its records name others as their categories, and only names are changed"
        )
    if plain != inside:
        raise CatalogError(
            "its records hold values under words for types or languages, and only plain ones are changed"
        )
    for key in path:
        # of several members of one name the last counts
        starts = {member.name: member.start for member in _members(text, start)}
        start = starts[key]
    return start, inside


def _edits(
    text: str, start: int, number: int, values: Mapping[str, Any], place: ChangedColumns
) -> list[Edit[str]]:
    """What is to be changed in the object that begins at `start`, the record of a number."""
    old = [values.get(name) for name in place.names]
    changed = place.changes(values.get(place.identity), number, old)
    if not changed:
        return []
    members = list(_members(text, start))
    # of several members of one name the last counts
    found = {member.name: member for member in members}
    edits = []
    for name in changed.keys() & found.keys():
        member = found[name]
        edits.append(Edit(member.start, member.stop, _written(text, member, changed[name])))
    last = members[-1]
    # as the last member stands behind the one before
    between = text[members[-2].stop : last.begin] if len(members) > 1 else ","
    gap = text[last.named : last.start]
    added = ""
    for name in [one for one in changed if one not in found]:
        key = json.dumps(name, ensure_ascii=text.isascii())
        added += between + key + gap + _written(text, last, changed[name])
    # edits come in the order of their places
    return [*sorted(edits), Edit(last.stop, last.stop, added)]


def _written(text: str, member: _Member, value: Any) -> str:
    """A value as the file writes them: with blanks or without, on one line or on several."""
    spaced = text[member.named : member.start].endswith(" ")
    signs = (", ", ": ") if spaced else (",", ":")
    ascii_only = text.isascii()
    old = text[member.start : member.stop]
    if "\n" not in old:
        return json.dumps(value, ensure_ascii=ascii_only, separators=signs)
    # how much further in each level stands
    begin = text.rfind("\n", 0, member.begin) + 1
    lead = _line_lead(text[begin : member.begin])
    step = _line_lead(old.partition("\n")[2]).removeprefix(lead)
    signs = (",", signs[1])
    lines = json.dumps(value, ensure_ascii=ascii_only, separators=signs, indent=step)
    return lines.replace("\n", "\n" + lead)


def _line_lead(line: str) -> str:
    """The blanks that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def _members(text: str, start: int) -> Iterator[_Member]:
    """The members of the object that begins at `start`."""
    place = _skip(text, start + 1)
    while text[place] != "}":
        if text[place] == ",":
            place = _skip(text, place + 1)
        begin = place
        name, named = _DECODER.raw_decode(text, begin)
        # behind the colon
        value = _skip(text, _skip(text, named) + 1)
        _, stop = _DECODER.raw_decode(text, value)
        yield _Member(name, begin, named, value, stop)
        place = _skip(text, stop)


def _items(text: str, start: int) -> Iterator[int]:
    """Where the items of the array that begins at `start` begin."""
    place = _skip(text, start + 1)
    while text[place] != "]":
        if text[place] == ",":
            place = _skip(text, place + 1)
        yield place
        _, stop = _DECODER.raw_decode(text, place)
        place = _skip(text, stop)


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    assert match is not None
    return match.end()
