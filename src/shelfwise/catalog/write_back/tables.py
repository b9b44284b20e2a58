"""Columns of a table in a text file changed, every other byte as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shelfwise.catalog.reading.columns.column_mapping import on_one_line
from shelfwise.catalog.write_back.changed_columns import ChangedColumns
from shelfwise.catalog.write_back.edits import Edit, edited

Span = tuple[int, int]


def rewrite_table(text: str, delimiter: str, place: ChangedColumns) -> str:
    """A table of fields under a header, with columns changed, or with one added at the end.

    >>> rewrite_table("id;cat\\n1;A\\n", ";", ChangedColumns("id", ("cat",), lambda record: ["B"]))
    'id;cat\\n1;B\\n'
    """
    table = _Table(text, delimiter, place)
    line = 1
    counted = 0
    for spans, end in _records(text, delimiter):
        begin = spans[0][0]
        # a field in quotes may hold line breaks, which count too
        line += text.count("\n", counted, begin)
        counted = begin
        if table.columns:
            table.change(spans, end, line)
        else:
            table.look_for_header(spans, end)
    return edited(text, table.edits)


@dataclass
class _Table:
    """The edits of one table.

    Args:
        columns: place of each changed column, in their order; empty until the header is found.
        identity: place of the column of ids.
        added: whether the only column is a new one, behind the others.
    """

    text: str
    delimiter: str
    place: ChangedColumns
    columns: tuple[int, ...] = ()
    identity: int = 0
    added: bool = False
    edits: list[Edit[str]] = field(default_factory=list)

    def look_for_header(self, spans: Sequence[Span], end: int) -> None:
        """Take a record as the header if it names the ids: Excel's line on its separator may come before."""
        names = [on_one_line(cell.lstrip("\ufeff")) for cell in self._cells(spans)]
        if self.place.identity not in names:
            return
        self.identity = names.index(self.place.identity)
        # a file without a column of categories gets one at the end of its rows
        self.added = self.place.names[0] not in names
        if self.added:
            self.columns = (len(names),)
            self.edits.append(Edit(end, end, self.delimiter + self.place.names[0]))
        else:
            self.columns = tuple(map(names.index, self.place.names))

    def change(self, spans: Sequence[Span], end: int, line: int) -> None:
        """Note what is to be changed in a record."""
        cells = self._cells(spans)
        last = max(self.columns)
        # a ragged row was set aside by the reader: it stays as it is
        if len(cells) <= self.identity or last >= len(cells) + self.added:
            return
        old = [""] if self.added else [cells[column] for column in self.columns]
        changed = self.place.changes(cells[self.identity], line, old)
        if self.added:
            new = changed.get(self.place.names[0]) or ""
            written = _quoted(new, self.delimiter, always=False)
            self.edits.append(Edit(end, end, self.delimiter + written))
            return
        where = dict(zip(self.place.names, self.columns, strict=True))
        # edits come in the order of their places
        for name in sorted(changed, key=where.__getitem__):
            start, stop = spans[where[name]]
            was_quoted = self.text[start : start + 1] == '"'
            new = "" if changed[name] is None else str(changed[name])
            self.edits.append(Edit(start, stop, _quoted(new, self.delimiter, was_quoted)))

    def _cells(self, spans: Sequence[Span]) -> list[str]:
        return [_unquoted(self.text[start:stop]) for start, stop in spans]


def _records(text: str, delimiter: str) -> Iterator[tuple[list[Span], int]]:
    """The spans of the fields of each record that is not blank, and where the record ends."""
    sign = re.escape(delimiter)
    field = re.compile(
        rf'((?:\ufeff)?"(?:[^"]|"")*"(?={sign}|\r|\n|\Z)|[^{sign}\r\n]*)({sign}|\r\n|\n|\r|\Z)'
    )
    place = 0
    spans: list[Span] = []
    while place < len(text) or spans:
        match = field.match(text, place)
        assert match is not None
        spans.append(match.span(1))
        place = match.end()
        # the record goes on
        if match.group(2) == delimiter:
            continue
        # a blank line is no record, as for the reader
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
