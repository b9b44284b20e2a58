"""Prices, brands and any other columns of a table: numbers and categories, of several columns together.

``field = "price+brand"`` reads two columns. The price, and the columns named under `numbers`, are numbers;
all others are categories.

Dimensions: N products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from pydantic import Field

from shelfwise.catalog.reading.column_synonyms import SYNONYMS
from shelfwise.core.arrow_size import is_text, one_array
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Examples, FieldInputs, Float64Array, Rows, State
from shelfwise.errors import ConfigError
from shelfwise.nn.mlp import ClassifierSettings
from shelfwise.nn.row_modality import RowModality

NUMBER_PATTERN = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"

CATEGORY_COLUMNS = (*SYNONYMS["categories"], "main_cat")
"""Columns that name a product's categories, the labels themselves; a classifier must not read them."""

MIN_SPREAD = 1e-6
"""Of a number's logarithm: one that never varied in training is not blown up later."""


class TabularSettings(ClassifierSettings):
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
class NumberColumn:
    """A column (N,) of numbers, NaN where a product has none."""

    values: Float64Array

    @property
    def present(self) -> Bools:
        """(N,) whether a product has a number."""
        return ~np.isnan(self.values)

    def take(self, rows: Rows) -> NumberColumn:
        """The given rows, in that order."""
        return NumberColumn(self.values[rows])


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories: codes (N,) into `names`, -1 where a product has none."""

    codes: Rows
    names: tuple[str, ...]

    @property
    def present(self) -> Bools:
        """(N,) whether a product has a category."""
        return self.codes >= 0

    def take(self, rows: Rows) -> CategoryColumn:
        """The given rows, in that order."""
        return CategoryColumn(self.codes[rows], self.names)


@dataclass(frozen=True)
class TabularInputs(FieldInputs):
    """The columns of N products; present are those that have a value in any."""

    columns: tuple[NumberColumn | CategoryColumn, ...]

    def take(self, rows: Rows) -> TabularInputs:
        """The given rows, in that order."""
        columns = tuple(column.take(rows) for column in self.columns)
        return TabularInputs(self.present[rows], columns)


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
    def fit(cls, column: NumberColumn, settings: TabularSettings) -> Self:
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

    def encode(self, column: NumberColumn) -> sp.csr_array:
        """Sparse rows (N, B + 3)."""
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
        size_column = sp.csr_array(size[:, None])
        range_columns = _one_hot(ranges, missing + 1)
        parts = sp.hstack([size_column, range_columns], format="csr", dtype=np.float32)
        return sp.csr_array(parts)


@dataclass(frozen=True)
class CategoryEncoder:
    """Encodes a category as one of the known `names` (K,), as another one, or as missing."""

    names: tuple[str, ...]

    @classmethod
    def fit(cls, column: CategoryColumn, settings: TabularSettings) -> Self:
        """Learn which categories are common enough."""
        counts = np.bincount(column.codes[column.present], minlength=len(column.names))
        common = np.flatnonzero(counts >= settings.min_count)
        # sorted, so that the columns do not depend on the order of the products
        names = sorted(column.names[code] for code in common)
        return cls(tuple(names))

    def encode(self, column: CategoryColumn) -> sp.csr_array:
        """Sparse rows (N, K + 2)."""
        # the known categories come first, then one column for all others, then one for "missing"
        other = len(self.names)
        missing = other + 1
        place = {name: i for i, name in enumerate(self.names)}
        places = [place.get(name, other) for name in column.names]
        # the code of a missing category, -1, finds the last entry
        table = np.array([*places, missing])
        return _one_hot(table[column.codes], missing + 1)


class Tabular(RowModality):
    """One classifier of one or several columns."""

    Settings = TabularSettings
    settings: TabularSettings

    _encoders: tuple[NumberEncoder | CategoryEncoder, ...]

    def prepare(self, catalog: Catalog, context: Context) -> TabularInputs:
        """Read the columns; once fitted, a catalogue may lack some.

        Raises:
            ConfigError: a column is missing, is neither text nor numbers, or names the product's categories.
        """
        names = self.field.split("+")
        columns = tuple(self._read(catalog, name) for name in names)
        present = reduce(np.logical_or, [column.present for column in columns])
        return TabularInputs(present, columns)

    def fit_encoding(self, train: Examples, context: Context) -> None:
        """Learn how each column is encoded."""
        encoders: list[NumberEncoder | CategoryEncoder] = []
        for column in train.inputs.columns:
            if isinstance(column, NumberColumn):
                encoders.append(NumberEncoder.fit(column, self.settings))
            else:
                encoders.append(CategoryEncoder.fit(column, self.settings))
        self._encoders = tuple(encoders)

    def rows(self, inputs: TabularInputs) -> sp.csr_array:
        """All columns encoded, side by side."""
        pairs = zip(self._encoders, inputs.columns, strict=True)
        parts = [encoder.encode(column) for encoder, column in pairs]  # type: ignore[arg-type]
        return sp.csr_array(sp.hstack(parts, format="csr"))

    def state(self) -> State:
        """The classifier, and each column's encoder."""
        state = super().state()
        arrays = dict(state.arrays)
        names: list[list[str] | None] = []
        for i, encoder in enumerate(self._encoders):
            # None among the names tells that a column is a number
            if isinstance(encoder, NumberEncoder):
                arrays[f"{i}.edges"] = encoder.edges
                arrays[f"{i}.scale"] = encoder.scale
                names.append(None)
            else:
                names.append(list(encoder.names))
        return State(arrays, {**state.facts, "words": names})

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        super().restore(state)
        encoders: list[NumberEncoder | CategoryEncoder] = []
        for i, names in enumerate(state.facts["words"]):
            if names is None:
                edges = state.arrays[f"{i}.edges"]
                scale = state.arrays[f"{i}.scale"]
                encoders.append(NumberEncoder(edges, scale))
            else:
                encoders.append(CategoryEncoder(tuple(names)))
        self._encoders = tuple(encoders)
        return self

    def provenance(self) -> dict[str, Any]:
        """How many numbers the columns became, and epochs."""
        classifier = self.classifier
        return {"inputs": classifier.inputs, "epochs": classifier.epochs}

    def _read(self, catalog: Catalog, name: str) -> NumberColumn | CategoryColumn:
        # a further column that is called like one of the catalogue's own has the suffix _2
        if name.removesuffix("_2") in CATEGORY_COLUMNS:
            raise ConfigError(
                f"the column {name!r} holds the product's categories, which are to be predicted; "
                f"leave it out of {self.field!r}"
            )
        if name not in catalog and self._classifier is None:
            known = [n for n in catalog.columns if n not in CATEGORY_COLUMNS]
            raise ConfigError(
                f"there is no column {name!r} for the field {self.field!r}; known: {', '.join(known)}"
            )
        # a fitted model goes on without a column that the catalogue lacks
        column = pa.nulls(len(catalog))
        if name in catalog:
            column = one_array(catalog.table.column(name))
        if pa.types.is_nested(column.type):
            raise ConfigError(
                f"the column {name!r} holds {column.type}; the modality tabular reads text and numbers, "
                f"the modality vector reads vectors"
            )
        if name == "price" or name in self.settings.numbers:
            return NumberColumn(_numbers(column))
        return _categories(column)


def _categories(column: pa.Array) -> CategoryColumn:
    """A column as categories, whatever their case and the blanks around them; empty text is missing."""
    trimmed = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
    text = pc.utf8_lower(trimmed)
    encoded = pc.if_else(pc.equal(text, ""), None, text).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    names = encoded.dictionary.to_pylist()
    return CategoryColumn(codes.astype(np.int64), tuple(names))


def _numbers(column: pa.Array) -> Float64Array:
    """(N,) NaN where there is no number, or an infinite one."""
    if is_text(column.type):
        column = pc.utf8_trim_whitespace(column)
        # a cast would stop at the first text that is no number, so these become null before
        is_number = pc.match_substring_regex(column, f"^{NUMBER_PATTERN}$")
        column = pc.if_else(is_number, column, None)
    values: Float64Array = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    values = values.astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _one_hot(codes: Rows, width: int) -> sp.csr_array:
    """(N, width) with a 1 at each row's code."""
    count = len(codes)
    ones = np.ones(count, np.float32)
    # one entry a row, so row i's entries begin at place i
    starts = np.arange(count + 1)
    return sp.csr_array((ones, codes, starts), shape=(count, width))
