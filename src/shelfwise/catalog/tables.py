"""CSV and TSV, a block at once: plain rows are cut by where their delimiters stand; any other row is read slowly and exactly.

A row is plain when it stands on one line, keeps RFC 4180 to the letter, and has as many fields as the header.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shelfwise.catalog.arrays import places
from shelfwise.catalog.blocks import Parts
from shelfwise.catalog.records import BOM, Record, decoded, split_row
from shelfwise.catalog.sources import Block, Fault, Piece, gather_quoted, last_break, open_quote, scan_quotes

_LONGEST_PLAIN = 100_000
"""Bytes; the csv module refuses fields of more than 131,072 letters."""

_LONGEST_BLOCK = (1 << 31) - 1
"""Bytes that Arrow's offsets reach; a longer block, with a line of gigabytes in it, is read slowly."""

_TRIED = 64
_QUOTE, _BREAK, _RETURN = ord('"'), ord("\n"), ord("\r")


@dataclass(frozen=True)
class Table:
    """Rows of fields under a header.

    Args:
        names: the header, C columns.
        delimiter: between fields, one ASCII character.
    """

    names: tuple[str, ...]
    delimiter: str

    def whole(self, data: bytes) -> int:
        """A good place to end a block: after a line that is a row by itself, so hardly within a quoted field."""
        end = last = last_break(data)
        for _ in range(_TRIED if b'"' in data else 0):
            begin = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
            if begin == 0 or scan_quotes(data[begin:end], self.delimiter.encode(), inside=False) == (len(self.names) - 1, False):
                break
            end = begin
        return end or last

    def take_apart(self, block: Block) -> Parts:
        """Cut the plain rows into columns; lines that belong together are found in the order of the file."""
        data = block.data if block.data.endswith(b"\n") else block.data + b"\n"
        letters = np.frombuffer(data, np.uint8)
        delimiter = ord(self.delimiter)
        marks = places(letters, lambda piece: (piece == delimiter) | (piece == _QUOTE) | (piece == _BREAK))
        ends = marks[letters[marks] == _BREAK]
        starts = np.concatenate(([0], ends[:-1] + 1))
        spans = np.stack((block.line + np.arange(len(ends)), block.offset + starts, ends + 1 - starts), axis=1)
        spans[-1, 2] -= len(data) - len(block.data)
        cuts, odd = _cuts(letters, marks, starts, delimiter)
        plain = ~(
            odd | (np.diff(np.searchsorted(cuts, starts), append=len(cuts)) != len(self.names)) | _doubtful(data, letters, starts, ends)
        )
        others, swallowed, rest = self._others(block, spans, np.flatnonzero(~plain))
        plain[swallowed] = False
        rows = np.flatnonzero(plain)
        fields = np.searchsorted(cuts, starts[rows])[:, None] + np.arange(len(self.names))
        columns = _columns(data, letters, starts[rows], cuts[fields])
        return Parts(dict(zip(self.names, columns, strict=True)), spans[rows], others, rest)

    def record(self, block: Block, span: NDArray[np.int64]) -> Record:
        """One row, read exactly."""
        return self._read(block.piece(span))

    def _read(self, piece: Piece) -> Record:
        text, fault = decoded(piece)
        row = fault or split_row(text, self.delimiter)
        if isinstance(row, list) and len(row) != len(self.names):
            row = Fault("wrong number of columns", f"the row has {len(row)} columns; expected {len(self.names)}, as the header has")
        return piece, row if isinstance(row, Fault) else dict(zip(self.names, row, strict=True))

    def _others(self, block: Block, spans: NDArray[np.int64], odd: NDArray[np.int64]) -> tuple[list[Record], list[int], int | None]:
        """The records that begin on the lines `odd`, the further lines they take, and where one begins that the block does not end."""
        others: list[Record] = []
        swallowed: list[int] = []
        resume = 0
        for i in odd.tolist():
            if i < resume:
                continue
            first = block.piece(spans[i])
            taken, closed = gather_quoted(first, map(block.piece, spans[i + 1 :]), self.delimiter.encode(), len(self.names))
            if closed is None and not block.last:
                swallowed.extend(range(i, len(spans)))
                return others, swallowed, int(spans[i, 1] - block.offset)
            resume = i + (len(taken) if closed else 1)
            swallowed.extend(range(i, resume))
            if not closed:
                others.append((first, open_quote()))
            elif len(taken) > 1 or not first.blank:
                others.append(self._read(Piece(first.line, first.offset, b"".join(p.raw for p in taken))))
        return others, swallowed, None


def _cuts(
    letters: NDArray[np.uint8], marks: NDArray[np.int64], starts: NDArray[np.int64], delimiter: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where fields end, and which of K lines have quotes against RFC 4180 or an open one.

    Args:
        marks: where delimiters, quotes and line breaks stand.
        starts: (K,); where lines begin.
    """
    kinds = letters[marks]
    quotes, breaks = kinds == _QUOTE, kinds == _BREAK
    odd = np.zeros(len(starts), dtype=bool)
    if not quotes.any():
        return marks, odd
    line = np.cumsum(breaks) - breaks
    before = np.cumsum(quotes) - quotes
    inside = (before - before[np.searchsorted(marks, starts)][line]) % 2 == 1
    odd |= inside[breaks]
    at, closing = marks[quotes], inside[quotes]
    beside = letters[np.where(closing, at + 1, np.maximum(at - 1, 0))]  # a quote closes before, or opens after, the end of a field
    fits = (beside == delimiter) | (beside == _QUOTE) | (beside == _BREAK) | (closing & (beside == _RETURN)) | (at == 0)
    odd[line[quotes][~fits]] = True
    return marks[~quotes & (~inside | breaks)], odd


def _doubtful(data: bytes, letters: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of K lines may be blank or unreadable, whatever their fields: (K,)."""
    first = letters[starts]
    doubt: NDArray[np.bool_] = (first <= 32) | (first == BOM[0]) | (ends - starts > _LONGEST_PLAIN)
    if b"\r" in data:
        returns = np.flatnonzero(letters == _RETURN)
        doubt[np.searchsorted(ends, returns[letters[returns + 1] != _BREAK])] = True
    if b"\0" in data:
        doubt[np.searchsorted(ends, np.flatnonzero(letters == 0))] = True
    if not _is_utf8(data):
        doubt[np.searchsorted(ends, np.flatnonzero(letters > 127))] = True
    return doubt | (len(data) > _LONGEST_BLOCK)


def _is_utf8(data: bytes) -> bool:
    try:
        pa.BinaryArray.from_buffers(pa.large_binary(), 1, [None, pa.py_buffer(np.array([0, len(data)])), pa.py_buffer(data)]).cast(
            pa.large_string()
        )
    except pa.ArrowInvalid:
        return False
    return True


def _columns(data: bytes, letters: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> list[pa.Array]:
    """The fields of R rows, given where rows start (R,) and fields end (R, C), as C arrays of strings."""
    fields = []
    for j in range(ends.shape[1]):
        begin = starts if j == 0 else ends[:, j - 1] + 1
        end = ends[:, j]
        if j == ends.shape[1] - 1:
            end = end - (letters[end - 1] == _RETURN) * (end > begin)
        quoted = (letters[begin] == _QUOTE) & (end > begin)
        offsets = np.stack((begin + quoted, end - quoted), axis=1).ravel().astype(np.int32)
        column = _slices(data, offsets)
        if quoted.any() and pc.any(pc.match_substring(column, '""')).as_py():
            column = pc.replace_substring(column, '""', '"')
        fields.append(column)
    return fields


def _slices(data: bytes, offsets: NDArray[np.int32]) -> pa.Array:
    """Copies of the bytes between each even offset and the one after it."""
    if not len(offsets):
        return pa.array([], pa.string())
    everything = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))
    return everything.take(pa.array(np.arange(0, len(offsets) - 1, 2)))
