"""One column of a text file changed, every other byte as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

Change = Callable[[str, Any], Any]
"""The id of a product and what its category column holds -> what it is to hold; the same value: no change."""

_SPACE = re.compile(r"[ \t\r\n]*")


def rewrite_table(text: str, delimiter: str, identity: str, column: str, change: Change) -> str:
    """A table of fields under a header, with one column changed, or added at the end.

    Args:
        identity: the name of the column of ids.
        column: the name of the column to change; where the header has none of it, it is added.
    """
    written: list[str] = []
    done = 0
    id_place = column_place = -1
    for spans, end in _records(text, delimiter):
        cells = [_unquoted(text[start:stop]) for start, stop in spans]
        if id_place < 0:
            # Excel's line on its separator may come before the header
            names = [cell.lstrip("\ufeff").strip() for cell in cells]
            if identity in names:
                id_place = names.index(identity)
                column_place = names.index(column) if column in names else len(names)
                if column_place == len(names):
                    written.append(text[done:end] + delimiter + column)
                    done = end
            continue
        # a ragged row was set aside by the reader: it stays as it is
        if len(cells) <= id_place or column_place > len(cells):
            continue
        added = column_place == len(cells)
        old = None if added else cells[column_place]
        new = change(cells[id_place].strip(), old)
        if added:
            written.append(text[done:end] + delimiter + _quoted(new or "", delimiter, False))
            done = end
        elif new != old:
            start, stop = spans[column_place]
            was_quoted = text[start : start + 1] == '"'
            written.append(text[done:start] + _quoted(new or "", delimiter, was_quoted))
            done = stop
    return "".join(written) + text[done:]


def rewrite_json_lines(text: str, identity: str, column: str, change: Change) -> str:
    """JSON objects, one a line, with one member changed, or added at the end of an object."""
    lines = text.split("\n")
    return "\n".join(_rewritten_object(line, identity, column, change) for line in lines)


def _rewritten_object(line: str, identity: str, column: str, change: Change) -> str:
    try:
        values = json.loads(line.lstrip("\ufeff"))
    except ValueError:
        # the reader has set this line aside: it stays as it is
        return line
    if not isinstance(values, dict) or identity not in values:
        return line
    old = values.get(column)
    new = change(str(values[identity]).strip(), old)
    if new == old:
        return line
    spaced = ": " in line
    signs = (", ", ": ") if spaced else (",", ":")
    value = json.dumps(new, ensure_ascii=line.isascii(), separators=signs)
    if column in values:
        start, stop = _member_span(line, column)
        return line[:start] + value + line[stop:]
    end = line.rindex("}")
    return line[:end] + signs[0] + json.dumps(column) + signs[1] + value + line[end:]


def _member_span(line: str, name: str) -> tuple[int, int]:
    """Where the value of an object's member stands; of several of one name the last, which counts."""
    decoder = json.JSONDecoder()
    place = line.index("{") + 1
    found = (0, 0)
    while True:
        place = _skip(line, place)
        if line[place] == "}":
            return found
        if line[place] == ",":
            place = _skip(line, place + 1)
        key, place = decoder.raw_decode(line, place)
        start = _skip(line, _skip(line, place) + 1)
        _, place = decoder.raw_decode(line, start)
        if key == name:
            found = (start, place)


def _skip(line: str, place: int) -> int:
    match = _SPACE.match(line, place)
    assert match is not None
    return match.end()


def _records(text: str, delimiter: str) -> Iterator[tuple[list[tuple[int, int]], int]]:
    """The spans of the fields of each record that is not blank, and where the record ends."""
    sign = re.escape(delimiter)
    field = re.compile(
        rf'((?:\ufeff)?"(?:[^"]|"")*"(?={sign}|\r|\n|\Z)|[^{sign}\r\n]*)({sign}|\r\n|\n|\r|\Z)'
    )
    place = 0
    spans: list[tuple[int, int]] = []
    while place < len(text) or spans:
        match = field.match(text, place)
        assert match is not None
        spans.append(match.span(1))
        place = match.end()
        if match.group(2) == delimiter:
            continue
        if len(spans) > 1 or match.group(1):
            yield spans, match.end(1)
        spans = []


def _unquoted(cell: str) -> str:
    bare = cell.lstrip("\ufeff")
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        return bare[1:-1].replace('""', '"')
    return cell


def _quoted(cell: str, delimiter: str, always: bool) -> str:
    if always or any(sign in cell for sign in (delimiter, '"', "\n", "\r")):
        return '"' + cell.replace('"', '""') + '"'
    return cell
