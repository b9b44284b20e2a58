"""On which line each id stood first, for millions of ids in little memory.

In memory an id is eight bytes, half of its hash and then its number, in sorted runs; and a bit in a filter
that answers for most new ids at once. The ids themselves lie in a temporary file, where the few that may be
repeated are compared letter by letter.
"""

from __future__ import annotations

import struct
from tempfile import SpooledTemporaryFile
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from shelfwise.catalog.reading.arrow import Letters, letters_of, value_offsets
from shelfwise.core.types import Bools, Int64Array
from shelfwise.text.hashing import splitmix64

Hashes = NDArray[np.uint64]

_FILTER_BITS = 1 << 26
_FILTER_MASK = np.uint64(_FILTER_BITS - 1)
# entries of a sorted run; longer ones are not merged any more
_MAX_RUN = 1 << 20

# of a temporary file, before it is on the disk
_BYTES_IN_MEMORY = 1 << 22

# of each id its line, and where it begins and how long it is in the file of ids
_ENTRY = struct.Struct("<3q")

_HALF = np.uint64(32)
_NUMBER_MASK = np.uint64(0xFFFFFFFF)
# from this length on an id is hashed by itself
_LONG_ID_BYTES = 256

_WORD_BYTES = 8
_ALL_BITS = (1 << 64) - 1
# of a file, to seek
_END = 2


class DuplicateIds:
    """Remembers ids and the line of each."""

    def __init__(self) -> None:
        self._filter = np.zeros(_FILTER_BITS // 8, dtype=np.uint8)
        self._runs: list[Hashes] = []
        self._ids = SpooledTemporaryFile(_BYTES_IN_MEMORY)  # noqa: SIM115 - closed with this object
        self._entries = SpooledTemporaryFile(_BYTES_IN_MEMORY)  # noqa: SIM115
        self._count = 0

    def add(self, ids: pa.Array, lines: Int64Array) -> Int64Array:
        """For each of N ids the line on which it stood first, 0 where that is this one; those are remembered.

        >>> DuplicateIds().add(pa.array(["a", "b", "a"]), np.array([1, 2, 5])).tolist()
        [0, 0, 1]
        """
        hashes = _hashes(ids)
        first = np.zeros(len(ids), dtype=np.int64)
        lines_here: dict[str, int] = {}
        # only an id whose hash is known, or repeated here, can be one that was there before
        suspects = self._may_be_known(hashes) | _is_repeated(hashes)
        for row in np.flatnonzero(suspects).tolist():
            text = ids[row].as_py()
            line = int(lines[row])
            key = _key(hashes[row])
            earlier = self._line_of(key, text.encode())
            if earlier is None:
                # an id may be repeated within this block; the first of several finds itself
                earlier = lines_here.setdefault(text, line)
            if earlier != line:
                first[row] = earlier
        new = first == 0
        # mostly all are new, and nothing has to be copied
        new_ids = ids if new.all() else ids.filter(pa.array(new))
        self._remember(new_ids, hashes[new], lines[new])
        return first

    def close(self) -> None:
        """Delete the temporary files."""
        self._ids.close()
        self._entries.close()

    def _may_be_known(self, hashes: Hashes) -> Bools:
        """Which hashes may have been remembered: all that were, and a few others."""
        byte, bit = _filter_places(hashes)
        bits = self._filter[byte] >> bit
        in_filter = bits & np.uint8(1)
        rows = np.flatnonzero(in_filter)
        known = np.zeros(len(hashes), dtype=bool)
        if not len(rows):
            return known
        keys = _key(hashes[rows])
        # the least entry of each key: it has number 0
        least = keys << _HALF
        for run in self._runs:
            place = np.searchsorted(run, least)
            # beyond the end of the run there is no such key; its last entry has another one
            place = np.minimum(place, len(run) - 1)
            known[rows] |= _key(run[place]) == keys
        return known

    def _line_of(self, key: Any, text: bytes) -> int | None:
        """The line of a remembered id, by its hash's key and its letters; None where it is not remembered."""
        least = int(key) << 32
        greatest = least | int(_NUMBER_MASK)
        bounds = np.array([least, greatest], dtype=np.uint64)
        for run in self._runs:
            begin, end = np.searchsorted(run, bounds)
            numbers = run[begin:end] & _NUMBER_MASK
            # several ids may have this key
            for number in numbers.tolist():
                line, stored = self._stored(number)
                if stored == text:
                    return line
        return None

    def _stored(self, number: int) -> tuple[int, bytes]:
        """The line and the letters of the id with this number."""
        self._entries.seek(number * _ENTRY.size)
        entry = self._entries.read(_ENTRY.size)
        line, start, length = _ENTRY.unpack(entry)
        self._ids.seek(start)
        return cast(int, line), self._ids.read(length)

    def _remember(
        self,
        ids: pa.Array,
        hashes: Hashes,
        lines: Int64Array,
    ) -> None:
        """Add new ids to the filter, the files and the runs."""
        byte, bit = _filter_places(hashes)
        masks = np.uint8(1) << bit
        # plain indexing would set one bit only of several in a byte
        np.bitwise_or.at(self._filter, byte, masks)
        self._store(ids, lines)
        # ids are numbered as they come, and an entry is a key with a number below it
        before = self._count
        self._count += len(hashes)
        numbers = np.arange(before, self._count, dtype=np.uint64)
        run = _key(hashes) << _HALF | numbers
        # merging runs of like size keeps their number small and merges each entry few times
        while self._runs and self._worth_merging(run):
            run = np.concatenate((self._runs.pop(), run))
        if len(run):
            self._runs.append(np.sort(run))

    def _worth_merging(self, run: Hashes) -> bool:
        """Whether the last run is not much longer than this one, and both together are not too long."""
        return len(self._runs[-1]) <= 2 * len(run) < _MAX_RUN

    def _store(self, ids: pa.Array, lines: Int64Array) -> None:
        """Append the ids and their entries to the temporary files."""
        if not len(ids):
            return
        offsets = value_offsets(ids).astype(np.int64)
        first = offsets[0]
        last = offsets[-1]
        letters = memoryview(ids.buffers()[2])
        begin = self._ids.seek(0, _END)
        self._ids.write(letters[first:last])
        # where each id begins in the file, not in the array
        starts = begin + offsets[:-1] - first
        lengths = np.diff(offsets)
        entries = np.stack((lines, starts, lengths), axis=1)
        self._entries.seek(0, _END)
        self._entries.write(entries.astype("<i8").tobytes())


def _hashes(ids: pa.Array) -> Hashes:
    """A hash of each of N strings: their bytes eight at a time, mixed as in splitmix64."""
    offsets = value_offsets(ids).astype(np.int64)
    start = offsets[:-1] - offsets[0]
    left = np.diff(offsets)
    words = _words_at_each_byte(ids, offsets)
    # ids of zeros differ in their length alone
    hashes = splitmix64(left.astype(np.uint64))
    # a very long id would take a round of the loop below for every eight bytes
    long = np.flatnonzero(left >= _LONG_ID_BYTES)
    for row in long.tolist():
        # Python's own hash may be negative
        hashes[row] = hash(ids[row].as_py()) & _ALL_BITS
    short = (left > 0) & (left < _LONG_ID_BYTES)
    rows = np.flatnonzero(short)
    while len(rows):
        # the bytes behind the end of an id are those of the next one: they are shifted out
        surplus = np.maximum(_WORD_BYTES - left[rows], 0)
        surplus_bits = (8 * surplus).astype(np.uint64)
        word = words[start[rows]] << surplus_bits
        hashes[rows] = splitmix64(hashes[rows] ^ word)
        start = start + _WORD_BYTES
        left = left - _WORD_BYTES
        rows = rows[left[rows] > 0]
    return hashes


def _words_at_each_byte(ids: pa.Array, offsets: Int64Array) -> Hashes:
    """The eight bytes from each byte of the ids on, as one number; behind the last id there are zeros."""
    begin = offsets[0]
    end = offsets[-1]
    size = end - begin
    letters = np.zeros(size + _WORD_BYTES, dtype=np.uint8)
    # without letters there may be no buffer of them
    if size > 0:
        letters[:size] = letters_of(ids)[begin:end]
    first_word = letters[:_WORD_BYTES].view("<u8")
    # a view with steps of one byte: the numbers overlap
    words: Hashes = as_strided(
        first_word,
        shape=(size + 1,),
        strides=(1,),
    )
    return words


def _key(hashes: Any) -> Any:
    """The half of each hash that the filter does not look at."""
    return hashes >> _HALF


def _filter_places(hashes: Hashes) -> tuple[Int64Array, Letters]:
    """Where the bit of each hash stands in the filter: which byte, and which bit of it."""
    place = (hashes & _FILTER_MASK).astype(np.int64)
    bit = (place & 7).astype(np.uint8)
    return place >> 3, bit


def _is_repeated(hashes: Hashes) -> Bools:
    """Which hashes stand more than once among these."""
    in_order = np.sort(hashes)
    later = in_order[1:]
    # equal ones stand beside each other
    repeated = later[later == in_order[:-1]]
    return np.isin(hashes, repeated)
