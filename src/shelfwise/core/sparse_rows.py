"""Sparse rows of several blocks of columns, joined into rows of all of them.

Dimensions: N rows, F columns of all blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from shelfwise.text.gram_counts import SparseParts


def side_by_side(blocks: list[SparseParts], widths: Sequence[int]) -> sp.csr_array:
    """Rows (N, F) of blocks of columns, each so many columns wide.

    The same as scipy's ``hstack``, which takes most of the time of a single product, and holds large blocks
    three times. Blocks are taken out of the list as they are copied, so that their memory is free.
    """
    lengths = sum(np.diff(offsets).astype(np.int64) for _, _, offsets in blocks)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    columns = sum(widths)
    # short numbers take half of the memory of long ones
    integers = np.int32 if max(int(ends[-1]), columns) <= np.iinfo(np.int32).max else np.int64
    all_values = np.empty(ends[-1], np.float32)
    all_columns = np.empty(ends[-1], integers)
    # where the next part of each row goes, and the first column of the next block
    free, first = ends[:-1].copy(), 0
    for width in widths:
        values, own_columns, offsets = blocks.pop(0)
        own = np.diff(offsets)
        places = np.repeat(free - offsets[:-1], own)
        places += np.arange(len(values))
        all_values[places] = values
        all_columns[places] = own_columns + first
        free += own
        first += width
    return sp.csr_array(
        (all_values, all_columns, ends.astype(integers)), shape=(len(free), columns)
    )
