"""Sparse rows in files, dealt at random: each shard is a fair sample of all of them.

Dimensions: N rows, F columns.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from shelfwise.core.types import Rows
from shelfwise.disk.array_file import ArrayFile

ROWS_PER_SHARD = 16384


class RowShards:
    """Sparse rows (N, F), appended in their order and read a shard at a time.

    Args:
        rows: N.
        columns: F.
        seed: decides which rows share a shard.

    Attributes:
        rows_with: (F,) how many rows have each column.
    """

    def __init__(self, rows: int, columns: int, seed: int) -> None:
        self.shape = (rows, columns)
        self.count = max(1, -(-rows // ROWS_PER_SHARD))
        self._shard_of = np.random.default_rng(seed).integers(0, self.count, rows)
        self._values = ArrayFile(np.float32)
        self._columns = ArrayFile(np.int32)
        # of each row where its entries begin in the files, and how many there are
        self._starts = np.zeros(rows, np.int64)
        self._lengths = np.zeros(rows, np.int64)
        self._appended = 0
        self.rows_with = np.zeros(columns, np.int64)

    def append(self, matrix: sp.csr_array) -> None:
        """Write further rows (K, F)."""
        rows = slice(self._appended, self._appended + matrix.shape[0])
        # rows of one shard lie beside each other, and are read in one go
        order = np.argsort(self._shard_of[rows], kind="stable")
        dealt = matrix[order]
        begin = len(self._values)
        self._starts[rows][order] = begin + dealt.indptr[:-1]
        self._lengths[rows][order] = np.diff(dealt.indptr)
        self._values.append(dealt.data)
        self._columns.append(dealt.indices)
        self._appended = rows.stop
        self.rows_with += np.bincount(matrix.indices, minlength=self.shape[1])

    def read(self, shard: int) -> tuple[Rows, sp.csr_array]:
        """The numbers (K,) of a shard's rows, and the rows (K, F)."""
        rows = np.flatnonzero(self._shard_of == shard)
        starts = self._starts[rows]
        lengths = self._lengths[rows]
        # a piece ends where the next row does not follow at once
        ends = starts + lengths
        cuts = np.flatnonzero(starts[1:] != ends[:-1]) + 1
        values = []
        columns = []
        for piece in np.split(np.arange(len(rows)), cuts):
            if not len(piece):
                continue
            stop = int(ends[piece[-1]])
            values.append(self._values.read(int(starts[piece[0]]), stop))
            columns.append(self._columns.read(int(starts[piece[0]]), stop))
        if not values:
            return rows, sp.csr_array((0, self.shape[1]), dtype=np.float32)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        parts = (np.concatenate(values), np.concatenate(columns), offsets)
        return rows, sp.csr_array(parts, shape=(len(rows), self.shape[1]))
