"""Samples of bounded size of what is read batch by batch, and everything where it is no more than that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.core.arrow_size import take_rows
from shelfwise.core.types import Float64Array


class TextSample:
    """A seeded sample of the products of a stream: some text columns, of so many bytes at most.

    Each product draws a number. Where the kept texts become too large, those with the larger half of the
    numbers are dropped, and the later products of that half are not taken. So every product is as likely as
    any other to be in the sample, and how the stream is cut into batches does not count.

    Args:
        columns: the text columns.
        most_bytes: of all kept texts.
        seed: of the draw.

    Attributes:
        seen: products so far.
    """

    def __init__(self, columns: Sequence[str], most_bytes: int, seed: int) -> None:
        self.seen = 0
        self._columns = list(dict.fromkeys(columns))
        self._most_bytes = most_bytes
        self._draw = np.random.default_rng(seed)
        self._share = 1.0
        self._bytes = 0
        self._tables: list[pa.Table] = []
        self._numbers: list[Float64Array] = []

    def __len__(self) -> int:
        """Products in the sample."""
        return sum(table.num_rows for table in self._tables)

    def add(self, table: pa.Table) -> None:
        """Take note of further products."""
        self.seen += table.num_rows
        if not self._columns:
            return
        numbers = self._draw.random(table.num_rows)
        texts = [_texts(table, name) for name in self._columns]
        chosen = pa.table(texts, names=self._columns)
        self._keep(chosen, numbers)
        # halving ends at the latest with an empty sample
        while self._bytes > self._most_bytes:
            self._share /= 2
            kept = list(zip(self._tables, self._numbers, strict=True))
            self._tables = []
            self._numbers = []
            self._bytes = 0
            for part, drawn in kept:
                self._keep(part, drawn)

    def blocks(self, column: str) -> Iterator[list[str | None]]:
        """The sampled texts of a column, in their order, some at once."""
        for table in self._tables:
            yield table.column(column).to_pylist()

    def _keep(self, table: pa.Table, numbers: Float64Array) -> None:
        """Keep the products of a batch whose number is small enough."""
        rows = np.flatnonzero(numbers < self._share)
        if len(rows):
            # a copy: the whole batch need not be kept for some of its rows
            kept = take_rows(table, rows)
            self._tables.append(kept)
            self._numbers.append(numbers[rows])
            # of the texts; what tables take depends on how the stream is cut
            self._bytes += sum(pc.sum(pc.binary_length(one)).as_py() or 0 for one in kept.columns)


class EvenSample:
    """Values of a stream at equal distances: all of them, or each second, each fourth and so on.

    Args:
        most: values that are kept.

    Attributes:
        seen: values so far.
    """

    def __init__(self, most: int) -> None:
        self.seen = 0
        self._most = most
        self._distance = 1
        self._kept: list[Any] = []

    def keep_at_most(self, most: int) -> None:
        """Keep no more than so many from now on."""
        self._most = min(self._most, most)
        self._thin_out()

    def extend(self, values: Iterable[Any]) -> None:
        """Take note of further values."""
        for value in values:
            if self.seen % self._distance == 0:
                self._kept.append(value)
            self.seen += 1
            self._thin_out()

    def _thin_out(self) -> None:
        while len(self._kept) > self._most:
            self._kept = self._kept[::2]
            self._distance *= 2

    def spread(self, count: int) -> list[Any]:
        """`count` of the values at equal distances, the first and the last among them."""
        places = np.linspace(0, len(self._kept) - 1, min(count, len(self._kept)))
        return [self._kept[place] for place in places.round().astype(int).tolist()]


def _texts(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A text column; nulls where there is none."""
    if name in table.column_names:
        return table.column(name)
    return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
