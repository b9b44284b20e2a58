"""On which line each id stood first, for millions of ids in little memory.

In memory an id is eight bytes, half of its hash and then its number, in sorted runs, and a bit in a filter that answers for most new
ids at once. The ids themselves lie in a temporary file, where the few that may be repeated are compared letter by letter.
"""

from __future__ import annotations

import struct
from tempfile import SpooledTemporaryFile
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shelfwise.catalog.reading.arrow import bounds
from shelfwise.text.hashing import splitmix64

_FILTER_BITS = 1 << 26
_LONGEST_RUN = 1 << 20
_IN_MEMORY = 1 << 22
_ENTRY = struct.Struct("<3q")
_HALF = np.uint64(32)
_LONG = 256
"""Bytes from which on an id is hashed by itself."""


class DuplicateIds:
    """Remembers ids and the line of each."""

    def __init__(self) -> None:
        self._filter = np.zeros(_FILTER_BITS >> 3, dtype=np.uint8)
        self._runs: list[NDArray[np.uint64]] = []
        self._ids = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with this object
        self._entries = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        self._count = 0

    def add(self, ids: pa.Array, lines: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each of N ids the line on which it stood first, 0 where that is this one; those are remembered.

        >>> DuplicateIds().add(pa.array(["a", "b", "a"]), np.array([1, 2, 5])).tolist()
        [0, 0, 1]
        """
        hashes = _hashes(ids)
        first = np.zeros(len(ids), dtype=np.int64)
        here: dict[str, int] = {}
        for row in np.flatnonzero(self._known(hashes) | _repeated(hashes)).tolist():
            text, line = ids[row].as_py(), int(lines[row])
            found = self._find(_key(hashes[row]), text.encode()) or here.setdefault(text, line)
            first[row] = found if found != line else 0
        new = first == 0
        self._remember(ids if new.all() else ids.filter(pa.array(new)), hashes[new], lines[new])
        return first

    def _known(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which hashes may have been remembered; all but a few others are told apart."""
        place = (hashes & np.uint64(_FILTER_BITS - 1)).astype(np.int64)
        rows = np.flatnonzero((self._filter[place >> 3] >> (place & 7).astype(np.uint8)) & np.uint8(1))
        known = np.zeros(len(hashes), dtype=bool)
        keys = _key(hashes[rows])
        for run in self._runs if len(rows) else ():
            near = run[np.minimum(np.searchsorted(run, keys << _HALF), len(run) - 1)]
            known[rows] |= _key(near) == keys
        return known

    def _find(self, key: Any, text: bytes) -> int | None:
        ends = np.array([int(key) << 32, (int(key) << 32) | 0xFFFFFFFF], dtype=np.uint64)
        for run in self._runs:
            for number in (run[slice(*np.searchsorted(run, ends))] & np.uint64(0xFFFFFFFF)).tolist():
                self._entries.seek(number * _ENTRY.size)
                line, start, length = _ENTRY.unpack(self._entries.read(_ENTRY.size))
                self._ids.seek(start)
                if self._ids.read(length) == text:
                    return cast(int, line)
        return None

    def _remember(self, ids: pa.Array, hashes: NDArray[np.uint64], lines: NDArray[np.int64]) -> None:
        place = (hashes & np.uint64(_FILTER_BITS - 1)).astype(np.int64)
        np.bitwise_or.at(self._filter, place >> 3, (1 << (place & 7)).astype(np.uint8))
        start = self._ids.seek(0, 2)
        if len(ids):
            offsets = bounds(ids).astype(np.int64)
            self._ids.write(memoryview(ids.buffers()[2])[offsets[0] : offsets[-1]])
            self._entries.seek(0, 2)
            self._entries.write(
                np.stack((lines, start + offsets[:-1] - offsets[0], np.diff(offsets)), axis=1)
                .astype("<i8")
                .tobytes()
            )
        run = _key(hashes) << _HALF | np.arange(self._count, self._count + len(hashes), dtype=np.uint64)
        self._count += len(hashes)
        while self._runs and len(self._runs[-1]) <= 2 * len(run) < _LONGEST_RUN:
            run = np.concatenate((self._runs.pop(), run))
        if len(run):
            self._runs.append(np.sort(run))


def _hashes(ids: pa.Array) -> NDArray[np.uint64]:
    """A hash of each of N strings: their bytes eight at a time, mixed as in splitmix64."""
    edges = bounds(ids).astype(np.int64)
    start, left = edges[:-1] - edges[0], np.diff(edges)
    letters = np.zeros(edges[-1] - edges[0] + 8, dtype=np.uint8)
    if len(letters) > 8:
        letters[:-8] = np.frombuffer(ids.buffers()[2], np.uint8)[edges[0] : edges[-1]]
    eights = np.lib.stride_tricks.as_strided(letters[:8].view("<u8"), (len(letters) - 7,), (1,))
    hashes = splitmix64(left.astype(np.uint64))
    long = np.flatnonzero(left >= _LONG)
    hashes[long] = np.fromiter((hash(ids[row].as_py()) for row in long.tolist()), np.int64, len(long)).view(
        np.uint64
    )
    rows = np.flatnonzero((left > 0) & (left < _LONG))
    while len(rows):
        beyond = np.maximum(8 - left[rows], 0).astype(np.uint64) * np.uint64(8)
        hashes[rows] = splitmix64(hashes[rows] ^ (eights[start[rows]] << beyond))
        start, left = start + 8, left - 8
        rows = rows[left[rows] > 0]
    return hashes


def _key(hashes: Any) -> Any:
    """The half of each hash that the filter does not look at."""
    return hashes >> _HALF


def _repeated(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which hashes stand more than once among these."""
    in_order = np.sort(hashes)
    return np.isin(hashes, in_order[1:][in_order[1:] == in_order[:-1]])
