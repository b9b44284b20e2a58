"""Columns of a catalogue, read as numbers or as categories.

The price, and the columns named as such, are numbers; all others are categories.

Dimensions: N products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS
from shelfwise.core.arrow_size import is_text, one_array
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Float64Array, Rows
from shelfwise.errors import ConfigError

NUMBER_PATTERN = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"

CATEGORY_COLUMNS = (*SYNONYMS["categories"], "main_cat")
"""Columns that name a product's categories, the labels themselves; a classifier must not read them."""


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


Column = NumberColumn | CategoryColumn


def read_columns(
    catalog: Catalog, names: Sequence[str], numbers: Sequence[str], may_lack: bool
) -> tuple[Column, ...]:
    """The columns `names` of a catalogue.

    Args:
        numbers: those that are numbers, beside the price.
        may_lack: a column that is not there counts as empty.

    Raises:
        ConfigError: a column is missing, is neither text nor numbers, or names the product's categories.
    """
    return tuple(_read_column(catalog, name, names, numbers, may_lack) for name in names)


def any_value(columns: Sequence[Column]) -> Bools:
    """(N,) whether a product has a value in any of the columns."""
    return reduce(np.logical_or, [column.present for column in columns])


def _read_column(
    catalog: Catalog, name: str, names: Sequence[str], numbers: Sequence[str], may_lack: bool
) -> Column:
    field = "+".join(names)
    # a further column that is called like one of the catalogue's own has the suffix _2
    if name.removesuffix("_2") in CATEGORY_COLUMNS:
        raise ConfigError(
            f"the column {name!r} holds the product's categories, which are to be predicted; "
            f"leave it out of {field!r}"
        )
    if name not in catalog and not may_lack:
        known = [n for n in catalog.columns if n not in CATEGORY_COLUMNS]
        raise ConfigError(
            f"there is no column {name!r} for the field {field!r}; known: {', '.join(known)}"
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
    if name == "price" or name in numbers:
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
