"""Prices, brands and whatever else a table knows: numbers and categories, of any columns together.

``field = "price+brand"`` reads two columns. The price, and the columns named under `numbers`, are numbers; all others are categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field

from shelfwise.catalog.reading.column_mapping import SYNONYMS
from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, Examples, FieldInputs, Floats, Rows, State
from shelfwise.errors import ConfigError, NotFittedError
from shelfwise.nn.mlp import ClassifierSettings, RowClassifier

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
ANSWERS = (*SYNONYMS["categories"], "main_cat")
"""Columns that name a product's categories: what is to be found out must not be read."""


class TabularSettings(ClassifierSettings):
    """How columns become numbers between about -3 and 3."""

    numbers: tuple[str, ...] = Field((), description="further columns read as numbers; the price always is")
    bins: int = Field(
        16, ge=1, description="ranges of a number that hold equally many training products each"
    )
    min_count: int = Field(
        3,
        ge=1,
        description="training products a category needs to count as one of its own; the rarer ones are one together",
    )


@dataclass(frozen=True)
class Numbers:
    """A column (N,) of numbers, NaN where a product has none."""

    values: NDArray[np.float64]

    def take(self, rows: Rows) -> Numbers:
        """The given rows, in that order."""
        return Numbers(self.values[rows])


@dataclass(frozen=True)
class Words:
    """A column of categories: codes (N,) into `words`, -1 where a product has none."""

    codes: Rows
    words: tuple[str, ...]

    def take(self, rows: Rows) -> Words:
        """The given rows, in that order."""
        return Words(self.codes[rows], self.words)


@dataclass(frozen=True)
class TabularInputs(FieldInputs):
    """The columns of N products; present are those that have a value in any."""

    columns: tuple[Numbers | Words, ...]

    def take(self, rows: Rows) -> TabularInputs:
        """The given rows, in that order."""
        return TabularInputs(self.present[rows], tuple(column.take(rows) for column in self.columns))


@dataclass(frozen=True)
class NumberCode:
    """A number as: its logarithm, standardised; its range; and whether it is missing.

    Args:
        edges: (B,) rising, between the ranges.
        scale: (3,) least positive value, mean and spread of the logarithms; what is below the least counts as the least.
    """

    edges: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, column: Numbers, settings: TabularSettings) -> Self:
        """Learn ranges and scale from training products; without a single number, it only tells that it is missing."""
        values = column.values[~np.isnan(column.values)]
        edges = (
            np.unique(np.quantile(values, np.arange(1, settings.bins) / settings.bins))
            if len(values)
            else np.zeros(0)
        )
        least = values[values > 0].min(initial=np.inf)
        logs = np.log(np.maximum(values, least)) if np.isfinite(least) else np.zeros(1)
        return cls(
            edges, np.array([least if np.isfinite(least) else 1.0, logs.mean(), max(logs.std(), 1e-6)])
        )

    def encode(self, column: Numbers) -> sp.csr_array:
        """(N, B + 3)."""
        there = ~np.isnan(column.values)
        least, mean, spread = self.scale
        size = np.where(
            there, (np.log(np.maximum(np.where(there, column.values, least), least)) - mean) / spread, 0
        )
        ranges = np.where(
            there, np.searchsorted(self.edges, column.values, side="right"), len(self.edges) + 1
        )
        return sp.csr_array(
            sp.hstack(
                [sp.csr_array(size[:, None]), _one_hot(ranges, len(self.edges) + 2)],
                format="csr",
                dtype=np.float32,
            )
        )


@dataclass(frozen=True)
class WordCode:
    """A category as one of the `words` (K,) that are known; as another one; or as missing."""

    words: tuple[str, ...]

    @classmethod
    def fit(cls, column: Words, settings: TabularSettings) -> Self:
        """Learn which categories are common enough."""
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.words))
        return cls(tuple(sorted(column.words[i] for i in np.flatnonzero(counts >= settings.min_count))))

    def encode(self, column: Words) -> sp.csr_array:
        """(N, K + 2)."""
        place = {word: i for i, word in enumerate(self.words)}
        table = np.array([place.get(word, len(self.words)) for word in column.words] + [len(self.words) + 1])
        return _one_hot(table[column.codes], len(self.words) + 2)  # -1, missing, finds the last


class Tabular(Modality):
    """One classifier of one or several columns."""

    Settings = TabularSettings
    settings: TabularSettings

    _model: RowClassifier | None = None
    _codes: tuple[NumberCode | WordCode, ...]

    def prepare(self, catalog: Catalog, context: Context) -> TabularInputs:
        """Read the columns; once fitted, a catalogue may lack some.

        Raises:
            ConfigError: a column is not there, is neither text nor numbers, or names the product's categories.
        """
        columns = tuple(self._read(catalog, name) for name in self.field.split("+"))
        there = [~np.isnan(c.values) if isinstance(c, Numbers) else c.codes >= 0 for c in columns]
        return TabularInputs(reduce(np.logical_or, there), columns)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn codes and classifier from `train` alone."""
        chosen, columns = self.settings, train.inputs.columns
        self._codes = tuple(
            NumberCode.fit(c, chosen) if isinstance(c, Numbers) else WordCode.fit(c, chosen) for c in columns
        )
        watched = None if validation is None else (self._inputs(validation.inputs), validation.targets)
        learnt = (self._inputs(train.inputs), train.targets)
        self._model = RowClassifier.fit(learnt, watched, chosen, context, self.field)
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, D)."""
        return self._fitted().predict(self._inputs(inputs))

    def state(self) -> State:
        """The classifier, and each column's code."""
        model = self._fitted()
        arrays = model.arrays()
        for i, code in enumerate(self._codes):
            if isinstance(code, NumberCode):
                arrays |= {f"{i}.edges": code.edges, f"{i}.scale": code.scale}
        words = [list(code.words) if isinstance(code, WordCode) else None for code in self._codes]
        return State(arrays, {"epochs": model.epochs, "words": words})

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        arrays, words = state.arrays, state.facts["words"]
        self._codes = tuple(
            NumberCode(arrays[f"{i}.edges"], arrays[f"{i}.scale"])
            if known is None
            else WordCode(tuple(known))
            for i, known in enumerate(words)
        )
        self._model = RowClassifier.restore(arrays, self.settings, state.facts["epochs"])
        return self

    def provenance(self) -> dict[str, Any]:
        """How many numbers the columns became, and epochs."""
        return {"inputs": self._fitted().inputs, "epochs": self._fitted().epochs}

    def _read(self, catalog: Catalog, name: str) -> Numbers | Words:
        if name.removesuffix("_2") in ANSWERS:
            raise ConfigError(
                f"the column {name!r} names the product's categories, which are to be found out; leave it out of {self.field!r}"
            )
        if name not in catalog and self._model is None:
            known = [n for n in catalog.table.column_names if n not in ANSWERS]
            raise ConfigError(
                f"there is no column {name!r} for the field {self.field!r}; known: {', '.join(known)}"
            )
        column = catalog.table.column(name).combine_chunks() if name in catalog else pa.nulls(len(catalog))
        if pa.types.is_nested(column.type):
            raise ConfigError(
                f"the column {name!r} holds {column.type}; a table reads text and numbers, for vectors take the modality vector"
            )
        if name == "price" or name in self.settings.numbers:
            return Numbers(_numbers(column))
        words = pc.utf8_lower(pc.utf8_trim_whitespace(column.cast(pa.string())))
        words = pc.if_else(pc.equal(words, ""), None, words).dictionary_encode()
        return Words(
            words.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64),
            tuple(words.dictionary.to_pylist()),
        )

    def _inputs(self, table: TabularInputs) -> sp.csr_array:
        parts = [code.encode(column) for code, column in zip(self._codes, table.columns, strict=True)]  # type: ignore[arg-type]
        return sp.csr_array(sp.hstack(parts, format="csr"))

    def _fitted(self) -> RowClassifier:
        if self._model is None:
            raise NotFittedError(f"the classifier of {self.field!r} is not fitted; call fit or restore first")
        return self._model


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    """(N,) NaN where there is no number, or an infinite one."""
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.match_substring_regex(column, f"^{_NUMBER}$"), column, None)
    values: NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _one_hot(codes: Rows, width: int) -> sp.csr_array:
    ones = np.ones(len(codes), np.float32)
    return sp.csr_array((ones, codes, np.arange(len(codes) + 1)), shape=(len(codes), width))
