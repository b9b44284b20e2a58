"""A column as Python values that are made when they are read: those of a million rows take much memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import pyarrow as pa

_VALUES_AT_A_TIME = 8192


class LazyColumn(Sequence[Any]):
    """N values, None where a row has none; each is made anew whenever it is asked for.

    >>> column = LazyColumn(pa.chunked_array([["a"], ["b", None]]))
    >>> len(column), list(column), column[1], list(column[1:])
    (3, ['a', 'b', None], 'b', ['b', None])
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), _VALUES_AT_A_TIME):
            yield from self._column.slice(start, _VALUES_AT_A_TIME).to_pylist()

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> LazyColumn: ...

    def __getitem__(self, place: int | slice) -> Any:
        chosen = self._column[place]
        return LazyColumn(chosen) if isinstance(place, slice) else chosen.as_py()
