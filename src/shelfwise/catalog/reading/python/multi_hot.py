"""``y`` as a multi-hot table: a column a label, 1 where a product has it, 0 elsewhere.

Dimensions: N products, K columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from scipy.sparse import csr_matrix, issparse

from shelfwise.catalog.reading.categories.category_columns import is_on
from shelfwise.catalog.reading.categories.category_text import read_name
from shelfwise.catalog.reading.python.python_containers import repeated_columns
from shelfwise.catalog.reading.python.python_values import plain_value
from shelfwise.catalog.reading.value_parsing import Paths
from shelfwise.errors import LabelError

EXAMPLE = "[['Mugs', 'Gifts'], ['Lamps']]"
"""Of what else `y` may be, for messages."""

NamedTable = tuple[Any, list[str] | None]
"""A table of numbers (N, K), dense or sparse, and the names of its columns where they have any."""


def multi_hot_table(y: Any) -> NamedTable | None:
    """`y` as a table of numbers; None where it has labels or lists of them.

    Raises:
        LabelError: it is a table, but of more than numbers, or with columns whose names are no labels.
    """
    # before anything else: a sparse matrix is no data frame, and no list either
    if issparse(y):
        return csr_matrix(y), None
    try:
        frame = nw.from_native(y, pass_through=True)
    except DuplicateError as error:
        raise LabelError(f"y: {repeated_columns(error)}") from None
    if isinstance(frame, nw.DataFrame):
        return _of_frame(frame)
    if isinstance(y, list | tuple):
        return _of_lists(y)
    if len(getattr(y, "shape", ())) != 2:
        return None
    table = np.asarray(y)
    if table.ndim != 2:
        raise LabelError(
            f"y is of the type {type(y).__name__} with several columns; give the one with the labels"
        )
    # one column holds one label a product, as scikit-learn takes it
    if table.shape[1] == 1 or not _holds_numbers(table):
        return None
    return table, None


def _of_frame(frame: nw.DataFrame[Any]) -> NamedTable | None:
    """A data frame: labels in its only column, or one label a column."""
    _check_levels(frame.columns)
    names = [str(name) for name in frame.columns]
    table = frame.to_numpy()
    if len(names) == 1:
        if _holds_bits(table):
            raise LabelError(
                f"y has the single column {names[0]!r}, of 0 and 1; if these are the labels give the column "
                f"itself, y[{names[0]!r}]; if {names[0]!r} is one give a list of labels a product: {EXAMPLE}"
            )
        return None
    if not _holds_numbers(table):
        raise LabelError(
            f"y is a data frame with the columns {', '.join(map(repr, names[:5]))}, which hold more than "
            "numbers; give one column of labels, columns of 0 and 1 whose names are the labels "
            f"(such as {_as_bits(table)}), or, where each column holds one label, y.to_numpy()"
        )
    return table, names


def _check_levels(columns: Iterable[Any]) -> None:
    """Refuse names on several levels, of which no label is the whole.

    Raises:
        LabelError: there are such.
    """
    level = next((name for name in columns if isinstance(name, tuple)), None)
    if level is not None:
        raise LabelError(
            f"the columns of y have names on several levels, such as {level!r}; the names are the labels: "
            "write y.columns = y.columns.get_level_values(-1), or join them"
        )


def _as_bits(table: Any) -> str:
    """How a user makes 0 and 1 of marks such as yes and no."""
    marks = {str(value).strip() for value in table.flat}
    mark = next((mark for mark in sorted(marks) if is_on(mark)), "yes")
    return f"(y == {mark!r}).astype(int)"


def _of_lists(y: Sequence[Any]) -> NamedTable | None:
    """Lists of 0 and 1, all of one length.

    They cannot be sets of labels: of more than two columns some number comes twice, and of two every product
    would have the same labels.
    """
    rows = [plain_value(row) for row in y]
    if not rows or not all(isinstance(row, list) for row in rows):
        return None
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or lengths <= {0, 1}:
        return None
    numbers = all(isinstance(value, int | float) for row in rows for value in row)
    if not numbers or not _holds_bits(np.array(rows)):
        return None
    return np.array(rows), None


def _holds_numbers(table: Any) -> bool:
    if table.dtype == object:
        return all(isinstance(value, int | float | np.number | np.bool_) for value in table.flat)
    return table.dtype.kind in "biuf"


def _holds_bits(table: Any) -> bool:
    return _holds_numbers(table) and bool(np.isin(table.astype(float), (0, 1)).all())


def read_multi_hot(
    table: Any, names: list[str] | None, columns: Sequence[str] | None
) -> tuple[list[Paths], tuple[str, ...]]:
    """The labels of a multi-hot table (N, K): N lists of paths, and the label of each of the K columns.

    Args:
        table: dense or sparse.
        names: of its columns, where they have any.
        columns: their labels where they have no names; 0 to K - 1 where these are not given either.

    Raises:
        LabelError: it holds something else than 0 and 1, or its columns have no names that can be labels.
    """
    hot = csr_matrix(table.astype(float))
    # a sparse matrix may store zeros, which are no labels
    hot.eliminate_zeros()
    if not np.isin(hot.data, (1,)).all():
        found = hot.data[hot.data != 1][0]
        fix = "(y > 0).astype(int)" if float(found).is_integer() else "(y > 0.5).astype(int)"
        if np.isnan(found):
            fix = "y.fillna(0), or numpy.nan_to_num(y)"
        raise LabelError(
            f"y is a table of numbers {hot.shape} that holds {found:g}; a multi-hot table holds 1 where a "
            f"product has the label of the column, else 0, such as {fix}; or give labels: {EXAMPLE}"
        )
    width = hot.shape[1]
    if names is None and columns is not None:
        if len(columns) != width:
            raise LabelError(
                f"y has {width} columns, and the model was fitted on {len(columns)} labels; give a column a "
                "label, in the order of classes_"
            )
        names = list(columns)
    labels = [read_name(name) for name in names or map(str, range(width))]
    if "" in labels or len(set(labels)) < len(labels):
        raise LabelError(
            "the columns of y need names that differ and are not empty, as they are the labels; found "
            f"{', '.join(map(repr, labels[:5]))}"
        )
    bounds = zip(hot.indptr, hot.indptr[1:], strict=False)
    categories = [[[labels[column]] for column in hot.indices[begin:end]] for begin, end in bounds]
    return categories, tuple(labels)
