"""Sparse rows of several blocks of columns, or of products, joined into one matrix.

Dimensions: N rows, F columns of all blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from shelfwise.core.growing_array import GrowingArray
from shelfwise.text.gram_counts import SparseParts

_COPIED_AT_A_TIME = 1 << 22
"""Values whose places are computed at a time: those of all would take twice the memory of the values."""


def stack_columns(blocks: list[SparseParts], widths: Sequence[int]) -> sp.csr_array:
    """Rows (N, F) of blocks of columns, each so many columns wide.

    The same as scipy's ``hstack``, which holds large blocks three times. Blocks are taken out of the list as
    they are copied, so that their memory is free.
    """
    parts = side_by_side(blocks, widths)
    return sp.csr_array(parts, shape=(len(parts[2]) - 1, sum(widths)))


def side_by_side(blocks: list[SparseParts], widths: Sequence[int]) -> SparseParts:
    """As :func:`stack_columns`, but the parts: scipy's checks take most of the time of a single product."""
    if len(blocks[0][2]) == 2:
        return _end_to_end(blocks, widths)
    lengths = sum((offsets[1:] - offsets[:-1]).astype(np.int64) for _, _, offsets in blocks)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    columns = sum(widths)
    integers = _integers(int(ends[-1]), columns)
    all_values = np.empty(ends[-1], np.float32)
    all_columns = np.empty(ends[-1], integers)
    # where the next part of each row goes, and the first column of the next block
    free, first = ends[:-1].copy(), 0
    for width in widths:
        values, own_columns, offsets = blocks.pop(0)
        own = offsets[1:] - offsets[:-1]
        for rows in _pieces(offsets):
            stored = slice(offsets[rows.start], offsets[rows.stop])
            places = np.repeat(free[rows] - offsets[:-1][rows], own[rows])
            places += np.arange(stored.start, stored.stop)
            all_values[places] = values[stored]
            all_columns[places] = own_columns[stored] + first
        free += own
        first += width
    return all_values, all_columns, ends.astype(integers)


def _end_to_end(blocks: list[SparseParts], widths: Sequence[int]) -> SparseParts:
    """The only row of each block: there, what is side by side lies end to end."""
    values = np.concatenate([own for own, _, _ in blocks]).astype(np.float32, copy=False)
    firsts = [0, *accumulate(widths[:-1])]
    columns = [own + first for (_, own, _), first in zip(blocks, firsts, strict=True)]
    blocks.clear()
    integers = _integers(len(values), sum(widths))
    return values, np.concatenate(columns).astype(integers), np.array([0, len(values)], integers)


def _integers(stored: int, columns: int) -> DTypeLike:
    """What numbers the places of stored values: short numbers take half of the memory of long ones."""
    return np.int32 if max(stored, columns) <= np.iinfo(np.int32).max else np.int64


def taken(parts: SparseParts, rows: NDArray[np.integer]) -> SparseParts:
    """The given rows, in that order."""
    values, columns, offsets = parts
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    ends = np.concatenate([[0], np.cumsum(lengths)])
    # each value's old place is its new one, shifted as far as its row moves
    places = np.arange(ends[-1]) + np.repeat(starts - ends[:-1], lengths)
    return values[places], columns[places], ends


def one_below_another(
    parts: Iterable[sp.csr_array], columns: int, dtype: DTypeLike = np.float32
) -> sp.csr_array:
    """The rows (N, F) of all parts, of type `dtype`, with so many columns.

    The same as scipy's ``vstack``, which holds all parts beside the whole: here a part may be made when the
    one before it is forgotten.
    """
    values = GrowingArray(dtype)
    places = GrowingArray(np.int32)
    lengths = [np.zeros(1, np.int64)]
    for part in parts:
        values.add(part.data)
        places.add(part.indices)
        lengths.append(np.diff(part.indptr))
    ends = np.cumsum(np.concatenate(lengths))
    # scipy wants one kind of integers, and short ones take half of the memory
    if ends[-1] <= np.iinfo(np.int32).max:
        ends = ends.astype(np.int32)
    stored = (values.finished(), places.finished(), ends)
    return sp.csr_array(stored, shape=(len(ends) - 1, columns))


def _pieces(offsets: NDArray[np.integer]) -> Iterator[slice]:
    """All rows, in pieces that store about :data:`_COPIED_AT_A_TIME` values."""
    full = np.arange(_COPIED_AT_A_TIME, offsets[-1], _COPIED_AT_A_TIME)
    ends = np.searchsorted(offsets, full).tolist()
    for start, stop in pairwise([0, *ends, len(offsets) - 1]):
        yield slice(start, stop)
