"""On which line each id stood first, for millions of ids in little memory.

In memory an id is eight bytes, half of its hash and its number, in runs sorted by hash, and a bit in a filter that answers for most new
ids at once. The ids themselves lie in a temporary file, where the few that may be repeated are compared letter by letter.
"""

from __future__ import annotations

import struct
from tempfile import SpooledTemporaryFile
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_FILTER_BITS = 1 << 26
_LONGEST_RUN = 1 << 20
_IN_MEMORY = 1 << 22
_ENTRY = struct.Struct("<3q")


class FirstLines:
    """Remembers ids and the line of each."""

    def __init__(self) -> None:
        self._filter = np.zeros(_FILTER_BITS >> 3, dtype=np.uint8)
        self._runs: list[tuple[NDArray[np.uint32], NDArray[np.uint32]]] = []
        self._ids = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with this object
        self._entries = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        self._count = 0

    def add(self, ids: pa.Array, lines: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each of N ids the line on which it stood first, 0 where that is this one; those are remembered.

        >>> FirstLines().add(pa.array(["a", "b", "a"]), np.array([1, 2, 5])).tolist()
        [0, 0, 1]
        """
        hashes = np.fromiter(map(hash, ids.to_pylist()), np.int64, len(ids))
        first = np.zeros(len(ids), dtype=np.int64)
        here: dict[str, int] = {}
        for row in np.flatnonzero(self._known(hashes) | _repeated(hashes)).tolist():
            text, line = ids[row].as_py(), int(lines[row])
            found = self._find(_key(hashes[row]), text.encode()) or here.setdefault(text, line)
            first[row] = found if found != line else 0
        new = first == 0
        self._remember(ids if new.all() else ids.filter(pa.array(new)), hashes[new], lines[new])
        return first

    def _known(self, hashes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which hashes may have been remembered; most others are told apart."""
        place = hashes & (_FILTER_BITS - 1)
        bits: NDArray[np.uint8] = (self._filter[place >> 3] >> (place & 7).astype(np.uint8)) & np.uint8(1)
        return bits.astype(bool)

    def _find(self, key: Any, text: bytes) -> int | None:
        for keys, numbers in self._runs:
            begin, end = np.searchsorted(keys, key, "left"), np.searchsorted(keys, key, "right")
            for number in numbers[begin:end].tolist():
                self._entries.seek(number * _ENTRY.size)
                line, start, length = _ENTRY.unpack(self._entries.read(_ENTRY.size))
                self._ids.seek(start)
                if self._ids.read(length) == text:
                    return cast(int, line)
        return None

    def _remember(self, ids: pa.Array, hashes: NDArray[np.int64], lines: NDArray[np.int64]) -> None:
        place = hashes & (_FILTER_BITS - 1)
        np.bitwise_or.at(self._filter, place >> 3, (1 << (place & 7)).astype(np.uint8))
        start = self._ids.seek(0, 2)
        if len(ids):
            offsets = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset : ids.offset + len(ids) + 1].astype(np.int64)
            self._ids.write(memoryview(ids.buffers()[2])[offsets[0] : offsets[-1]])
            self._entries.seek(0, 2)
            self._entries.write(np.stack((lines, start + offsets[:-1] - offsets[0], np.diff(offsets)), axis=1).astype("<i8").tobytes())
        keys, numbers = _key(hashes), np.arange(self._count, self._count + len(hashes), dtype=np.uint32)
        self._count += len(hashes)
        while self._runs and len(self._runs[-1][0]) <= 2 * len(keys) < _LONGEST_RUN:
            earlier = self._runs.pop()
            keys, numbers = np.concatenate((earlier[0], keys)), np.concatenate((earlier[1], numbers))
        order = np.argsort(keys, kind="stable")
        self._runs.append((keys[order], numbers[order]))


def _key(hashes: Any) -> Any:
    """The half of each hash that the filter does not look at."""
    return (hashes >> 32).astype(np.uint32)


def _repeated(hashes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which hashes stand more than once among these."""
    order = np.argsort(hashes)
    same = np.diff(hashes[order]) == 0
    found = np.zeros(len(hashes), dtype=bool)
    found[order[1:][same]] = found[order[:-1][same]] = True
    return found
