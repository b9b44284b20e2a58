"""One column of a table in a text file changed, every other byte as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shelfwise.catalog.write_back.category_column import CategoryColumn


def rewrite_table(text: str, delimiter: str, place: CategoryColumn) -> str:
    """A table of fields under a header, with one column changed, or added at the end.

    >>> rewrite_table("id;cat\\n1;A\\n", ";", CategoryColumn("id", "cat", lambda identity, old: old + "B"))
    'id;cat\\n1;AB\\n'
    """
    identity = place.identity
    column = place.column
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
        old = "" if added else cells[column_place]
        new = place.change(cells[id_place], old)
        if added:
            written.append(text[done:end] + delimiter + _quoted(new or "", delimiter, False))
            done = end
        elif new != old:
            start, stop = spans[column_place]
            was_quoted = text[start : start + 1] == '"'
            written.append(text[done:start] + _quoted(new or "", delimiter, was_quoted))
            done = stop
    return "".join(written) + text[done:]


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
