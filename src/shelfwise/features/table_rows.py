"""Columns of a table as rows of numbers: logarithms and ranges of numbers, one place a category.

Dimensions: N products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field

from shelfwise.core.sparse_rows import side_by_side
from shelfwise.core.types import Bools, Float64Array, PluginSettings
from shelfwise.features.table_columns import CategoryColumn, Column, NumberColumn
from shelfwise.text.gram_counts import SparseParts

MIN_SPREAD = 1e-6
"""Of a number's logarithm: one that never varied in training is not blown up later."""


class TableSettings(PluginSettings):
    """How columns become numbers between about -3 and 3."""

    numbers: tuple[str, ...] = Field(
        (),
        description="columns that are read as numbers; price always is, all others are categories",
    )
    bins: int = Field(
        16,
        ge=1,
        description="ranges a number is sorted into, each with equally many training products",
    )
    min_count: int = Field(
        3,
        ge=1,
        description="training products that a category must have; rarer categories are treated as one "
        "category",
    )


@dataclass(frozen=True)
class NumberEncoder:
    """Encodes a number as its logarithm, standardised; as its range; and as missing.

    Args:
        edges: (B,) rising, between the ranges.
        scale: (3,) the smallest positive training value, then mean and spread of the logarithms. Values below
            the smallest count as the smallest.
    """

    edges: Float64Array
    scale: Float64Array

    @classmethod
    def fit(cls, column: NumberColumn, settings: TableSettings) -> Self:
        """Learn ranges and scale from training products; without a number it only encodes "missing"."""
        values = column.values[column.present]
        edges = np.zeros(0)
        if len(values):
            # quantiles, so that each range holds equally many products; many equal prices share one range
            quantiles = np.arange(1, settings.bins) / settings.bins
            edges = np.unique(np.quantile(values, quantiles))
        smallest = values[values > 0].min(initial=np.inf)
        if not np.isfinite(smallest):  # no positive number to take a logarithm of
            return cls(edges, np.array([1.0, 0.0, MIN_SPREAD]))
        logs = np.log(np.maximum(values, smallest))
        spread = max(logs.std(), MIN_SPREAD)
        return cls(edges, np.array([smallest, logs.mean(), spread]))

    @property
    def width(self) -> int:
        """B + 3: the size, a place a range, and one for "missing"."""
        return len(self.edges) + 3

    def encode(self, column: NumberColumn) -> SparseParts:
        """Sparse rows (N, B + 3): the size, and a 1 at the range."""
        known = column.present
        smallest, mean, spread = self.scale
        # a missing number is filled with any positive one, so that its logarithm exists; it is set to 0 below
        filled = np.where(known, column.values, smallest)
        logs = np.log(np.maximum(filled, smallest))
        size = np.where(known, (logs - mean) / spread, 0)
        # ranges are numbered from 0 to B; B + 1 stands for a missing number
        missing = len(self.edges) + 1
        ranges = np.searchsorted(self.edges, column.values, side="right")
        ranges = np.where(known, ranges, missing)
        values = np.stack([size, np.ones(len(size))], axis=1)
        columns = np.stack([np.zeros(len(ranges), np.int64), 1 + ranges], axis=1)
        # two entries a row, row after row
        starts = np.arange(0, 2 * len(ranges) + 1, 2)
        return values.astype(np.float32).ravel(), columns.ravel(), starts


@dataclass(frozen=True)
class CategoryEncoder:
    """Encodes a category as one of the known `names` (K,), as another one, or as missing."""

    names: tuple[str, ...]

    @classmethod
    def fit(cls, column: CategoryColumn, settings: TableSettings) -> Self:
        """Learn which categories are common enough."""
        counts = np.bincount(column.codes[column.present], minlength=len(column.names))
        common = np.flatnonzero(counts >= settings.min_count)
        # sorted, so that the columns do not depend on the order of the products
        names = sorted(column.names[code] for code in common)
        return cls(tuple(names))

    def knows(self, column: CategoryColumn) -> Bools:
        """(N,) whether a product has one of the known categories."""
        # the code of a missing category, -1, finds the last entry
        table = np.array([*(name in self._places for name in column.names), False])
        return np.asarray(table[column.codes], np.bool_)

    @property
    def width(self) -> int:
        """K + 2: the known categories come first, then one column for all others, then one for "missing"."""
        return len(self.names) + 2

    def encode(self, column: CategoryColumn) -> SparseParts:
        """Sparse rows (N, K + 2), with a 1 in each."""
        other, missing = len(self.names), len(self.names) + 1
        places = [self._places.get(name, other) for name in column.names]
        # the code of a missing category, -1, finds the last entry
        table = np.array([*places, missing])
        ones = np.ones(len(column.codes), np.float32)
        return ones, table[column.codes], np.arange(len(column.codes) + 1)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}


Encoder = NumberEncoder | CategoryEncoder


@dataclass(frozen=True)
class TableEncoding:
    """How each of several columns is encoded."""

    encoders: tuple[Encoder, ...]

    @classmethod
    def fit(cls, columns: Sequence[Column], settings: TableSettings) -> Self:
        """Learn it from training products."""
        encoders: list[Encoder] = []
        for column in columns:
            if isinstance(column, NumberColumn):
                encoders.append(NumberEncoder.fit(column, settings))
            else:
                encoders.append(CategoryEncoder.fit(column, settings))
        return cls(tuple(encoders))

    @property
    def width(self) -> int:
        """How many columns the rows have."""
        return sum(encoder.width for encoder in self.encoders)

    def rows(self, columns: Sequence[Column]) -> sp.csr_array:
        """All columns encoded, side by side."""
        return sp.csr_array(self.parts(columns), shape=(len(columns[0].present), self.width))

    def parts(self, columns: Sequence[Column]) -> SparseParts:
        """As :meth:`rows`, but the parts of the matrix."""
        pairs = zip(self.encoders, columns, strict=True)
        blocks = [encoder.encode(column) for encoder, column in pairs]  # type: ignore[arg-type]
        return side_by_side(blocks, [encoder.width for encoder in self.encoders])

    def knows(self, columns: Sequence[Column]) -> Bools:
        """(N,) whether a product has a category with a place of its own."""
        known = np.zeros(len(columns[0].present), np.bool_)
        for encoder, column in zip(self.encoders, columns, strict=True):
            if isinstance(encoder, CategoryEncoder) and isinstance(column, CategoryColumn):
                known |= encoder.knows(column)
        return known

    def can_tell(self, columns: Sequence[Column]) -> Bools:
        """(N,) of which products :meth:`knows` tells: a number is neither known nor unknown."""
        told = np.zeros(len(columns[0].present), np.bool_)
        for column in columns:
            if isinstance(column, CategoryColumn):
                told |= column.present
        return told

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Ranges and scales of the numbers, by the column's place."""
        arrays: dict[str, NDArray[Any]] = {}
        for i, encoder in enumerate(self.encoders):
            if isinstance(encoder, NumberEncoder):
                arrays[f"{i}.edges"] = encoder.edges
                arrays[f"{i}.scale"] = encoder.scale
        return arrays

    def names(self) -> list[list[str] | None]:
        """Each column's known categories; None tells that it is a number."""
        return [
            None if isinstance(encoder, NumberEncoder) else list(encoder.names)
            for encoder in self.encoders
        ]

    @classmethod
    def restored(
        cls, arrays: Mapping[str, NDArray[Any]], names: Sequence[Sequence[str] | None]
    ) -> Self:
        """The encoding that :meth:`arrays` and :meth:`names` were taken from."""
        encoders: list[Encoder] = []
        for i, known in enumerate(names):
            if known is None:
                encoders.append(NumberEncoder(arrays[f"{i}.edges"], arrays[f"{i}.scale"]))
            else:
                encoders.append(CategoryEncoder(tuple(known)))
        return cls(tuple(encoders))
