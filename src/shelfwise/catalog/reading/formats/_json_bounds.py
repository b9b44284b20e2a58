"""Records of JSON read bit by bit, none of them longer than a record may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import ijson

from shelfwise.catalog.reading.byte_stream import (
    MAX_RECORD_BYTES,
    DamagedFileError,
    too_long,
)

Chunks = Callable[[], Iterator[bytes]]
"""Opens the file anew and gives its bytes."""

_STARTS = frozenset(("start_map", "start_array"))
_ENDS = frozenset(("end_map", "end_array"))
_KEYS = frozenset(("map_key",))


class _TooLongError(Exception):
    """More bytes than a record may have came without its end."""


class _Measured:
    """The chunks of a file, until what was begun is too long.

    Args:
        chunks: bytes, one piece after the other.

    Attributes:
        since: bytes that came since something was begun; None where nothing is.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.since: int | None = 0

    def __iter__(self) -> Iterator[bytes]:
        """The chunks.

        Raises:
            _TooLongError: too many came without an end.
        """
        for chunk in self._chunks:
            yield chunk
            # a chunk may end several records: what it began is known only when it was read
            if self.since is not None:
                self.since += len(chunk)
                if self.since > MAX_RECORD_BYTES:
                    raise _TooLongError


def bounded_items(first: Iterator[bytes], again: Chunks, prefix: str) -> Iterator[Any]:
    """The values at `prefix`, one after the other.

    Args:
        first: the bytes of the file.
        again: opens it anew, where there are many bytes without a record: they may be a record, or may lie
            between two of them.
        prefix: as ijson writes it, such as ``products.item``.

    Raises:
        DamagedFileError: a record is too long; what follows it is not read.
        ijson.JSONError: the file is no JSON from some place on.
    """
    given = 0
    measured = _Measured(first)
    try:
        for record in _items(measured, prefix):
            measured.since = 0
            given += 1
            yield record
        return
    except _TooLongError:
        number = _long_record(again(), prefix)
    # from the beginning, with what is known now
    yield from islice(_items(again(), prefix), given, number)
    if number is not None:
        fault = too_long(MAX_RECORD_BYTES)
        rest = "what follows it in the file is not read; write one object a line, and it is"
        raise DamagedFileError(replace(fault, reason=f"{fault.reason}; {rest}"))


def values_at(value: Any, prefix: str) -> list[Any]:
    """The records of one value, given where they are as ijson writes it."""
    if not prefix:
        return [value]
    found = inside(value, prefix)
    return found if isinstance(found, list) else []


def inside(value: Any, prefix: str) -> Any:
    """What stands where ijson's prefix of its items says; None where nothing does."""
    place = prefix.removesuffix("item").removesuffix(".")
    for key in filter(None, place.split(".")):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _items(chunks: Iterable[bytes], prefix: str) -> Iterator[Any]:
    readable = ijson.from_iter(iter(chunks))
    records: Iterator[Any] = ijson.items(readable, prefix, multiple_values=True, use_float=True)
    return records


def _long_record(chunks: Iterator[bytes], prefix: str) -> int | None:
    """The number of the first record that is too long, from 0; None where all of them are short enough.

    Nothing is built of the records, so that none of them takes memory.
    """
    measured = _Measured(chunks)
    measured.since = None
    number = 0
    try:
        for place, event, _ in ijson.parse(ijson.from_iter(iter(measured)), multiple_values=True):
            if place != prefix or event in _KEYS:
                continue
            if event in _STARTS:
                measured.since = 0
            else:
                # a record is a value of its own, or an object or array that ends here
                measured.since = None
                number += 1
    except _TooLongError:
        return number
    return None
