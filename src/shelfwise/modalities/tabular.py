"""Prices, brands and any other columns of a table: numbers and categories, of several columns together.

``field = "price+brand"`` reads two columns. The price, and the columns named under `numbers`, are numbers;
all others are categories.

Dimensions: N products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import scipy.sparse as sp

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Examples, FieldInputs, Rows, State
from shelfwise.features.table_columns import Column, any_value, read_columns
from shelfwise.features.table_rows import TableEncoding, TableSettings
from shelfwise.nn.mlp import ClassifierSettings
from shelfwise.nn.row_modality import RowModality


class TabularSettings(ClassifierSettings, TableSettings):
    """How columns become numbers between about -3 and 3, and how these are classified."""


@dataclass(frozen=True)
class TabularInputs(FieldInputs):
    """The columns of N products; present are those that have a value in any."""

    columns: tuple[Column, ...]

    def take(self, rows: Rows) -> TabularInputs:
        """The given rows, in that order."""
        columns = tuple(column.take(rows) for column in self.columns)
        return TabularInputs(self.present[rows], columns)


class Tabular(RowModality):
    """One classifier of one or several columns."""

    Settings = TabularSettings
    settings: TabularSettings
    fits_in_threads = True

    _encoding: TableEncoding

    def prepare(self, catalog: Catalog, context: Context) -> TabularInputs:
        """Read the columns; once fitted, a catalogue may lack some.

        Raises:
            ConfigError: a column is missing, is neither text nor numbers, or names the product's categories.
        """
        # a fitted model goes on without a column that the catalogue lacks
        fitted = self._classifier is not None
        names = self.field.split("+")
        columns = read_columns(catalog, names, self.settings.numbers, may_lack=fitted)
        return TabularInputs(any_value(columns), columns)

    def fit_encoding(self, train: Examples, context: Context) -> None:
        """Learn how each column is encoded."""
        self._encoding = TableEncoding.fit(train.inputs.columns, self.settings)

    def rows(self, inputs: TabularInputs) -> sp.csr_array:
        """All columns encoded, side by side."""
        return self._encoding.rows(inputs.columns)

    def knows(self, inputs: TabularInputs) -> Bools:
        """(N,) which products have a category that was in the training."""
        return self._encoding.knows(inputs.columns)

    def can_tell(self, inputs: TabularInputs) -> Bools:
        """(N,) which products have a category."""
        return self._encoding.can_tell(inputs.columns)

    def state(self) -> State:
        """The classifier, and each column's encoder."""
        state = super().state()
        arrays = {**state.arrays, **self._encoding.arrays()}
        return State(arrays, {**state.facts, "words": self._encoding.names()})

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        super().restore(state)
        self._encoding = TableEncoding.restored(state.arrays, state.facts["words"])
        return self

    def provenance(self) -> dict[str, Any]:
        """How many numbers the columns became, and epochs."""
        classifier = self.classifier
        return {"inputs": classifier.inputs, "epochs": classifier.epochs}
