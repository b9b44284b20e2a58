"""``y`` in the shapes that users of scikit-learn pass becomes category paths, read as a catalogue's are."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from scipy.sparse import csr_matrix, issparse

from shelfwise.catalog.reading.categories.category_columns import is_on
from shelfwise.catalog.reading.categories.category_reading import category_signs, category_texts
from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.categories.category_text import read_name
from shelfwise.catalog.reading.categories.written_lists import unpacked
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.python.python_containers import repeated_columns
from shelfwise.catalog.reading.python.python_values import plain_value
from shelfwise.catalog.reading.value_parsing import Paths, Rules, read_paths
from shelfwise.config import CatalogSettings
from shelfwise.errors import LabelError

log = logging.getLogger("shelfwise")

_EXPECTED = "give one entry a product: a label, a list of labels, or a multi-hot table with a column a label"
_EXAMPLE = "[['Mugs', 'Gifts'], ['Lamps']]"

_Matrix = tuple[Any, list[str] | None]
"""A table of numbers (N, K), dense or sparse, and the names of its columns where they have any."""


@dataclass(frozen=True)
class Targets:
    """The labels of N products.

    Args:
        categories: N lists of paths, empty where a product has no label.
        columns: of a multi-hot `y`, the label of each of its K columns; None for every other shape.
    """

    categories: list[Paths]
    columns: tuple[str, ...] | None = None


def read_targets(
    y: Any, settings: CatalogSettings, columns: Sequence[str] | None = None
) -> Targets:
    """Read `y`.

    Args:
        y: N labels, texts or whole numbers; N collections of labels; N lists of paths; or a multi-hot table
            (N, K) of 0 and 1: an array, a sparse matrix, lists of numbers, or a data frame, whose columns'
            names are the labels. The columns of others are called 0 to K - 1. Texts are read as those of the
            column categories are: ``A > B`` is a path, if ``>`` separates levels in most of them. A missing
            value is no label.
        settings: how texts are written, where it is set.
        columns: labels of the columns of a multi-hot table that has no names of its own.

    Raises:
        LabelError: it has another shape, or a value that is no label.
        CatalogError: texts can be read in two ways.
    """
    _refuse_what_is_no_list(y)
    matrix = _multi_hot(y)
    if matrix is not None:
        return _of_matrix(*matrix, columns)
    values = [plain_value(value) for value in _values_of(y)]
    return Targets(_paths_of(values, settings))


def _refuse_what_is_no_list(y: Any) -> None:
    """Say what is wrong with what holds no entry a product.

    Raises:
        LabelError: `y` is such a thing.
    """
    kind = type(y).__name__
    if isinstance(y, str):
        raise LabelError(
            f"y is the text {y!r}; {_EXPECTED}, e.g. {_EXAMPLE}; of a data frame give the column: "
            f"frame[{y!r}]"
        )
    # sets have no order, and mappings no entry a product; Arrow's tables have a shape, but are no iterables
    has_entries = isinstance(y, Iterable) or hasattr(y, "shape")
    if isinstance(y, Mapping | set | frozenset | bytes) or not has_entries:
        raise LabelError(f"y is of the type {kind}; {_EXPECTED}, e.g. {_EXAMPLE}")
    shape = getattr(y, "shape", (0,))
    if len(shape) not in (1, 2):
        raise LabelError(f"y has the shape {tuple(shape)}; {_EXPECTED}")


def _multi_hot(y: Any) -> _Matrix | None:
    """`y` as a table of numbers; None where it is none."""
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


def _of_frame(frame: nw.DataFrame[Any]) -> _Matrix | None:
    """A data frame: labels in its only column, or one label a column."""
    _check_levels(frame.columns)
    names = [str(name) for name in frame.columns]
    table = frame.to_numpy()
    if len(names) == 1:
        if _holds_bits(table):
            raise LabelError(
                f"y has the single column {names[0]!r}, of 0 and 1; if these are the labels give the column "
                f"itself, y[{names[0]!r}]; if {names[0]!r} is one give a list of labels a product: {_EXAMPLE}"
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


def _of_lists(y: Sequence[Any]) -> _Matrix | None:
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


def _of_matrix(table: Any, names: list[str] | None, columns: Sequence[str] | None) -> Targets:
    """The labels of a multi-hot table (N, K)."""
    hot = csr_matrix(table.astype(float))
    hot.eliminate_zeros()
    if not np.isin(hot.data, (1,)).all():
        found = hot.data[hot.data != 1][0]
        fix = "(y > 0).astype(int)" if float(found).is_integer() else "(y > 0.5).astype(int)"
        if np.isnan(found):
            fix = "y.fillna(0), or numpy.nan_to_num(y)"
        raise LabelError(
            f"y is a table of numbers {hot.shape} that holds {found:g}; a multi-hot table holds 1 where a "
            f"product has the label of the column, else 0, such as {fix}; or give labels: {_EXAMPLE}"
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
    return Targets(categories, tuple(labels))


def _values_of(y: Any) -> list[Any]:
    """One value a product."""
    series = nw.from_native(y, pass_through=True, allow_series=True)
    if isinstance(series, nw.DataFrame):
        series = series.get_column(series.columns[0])
    if isinstance(series, nw.Series):
        return series.to_list()
    values = list(y)
    if len(getattr(y, "shape", ())) == 2 and y.shape[1] == 1:
        values = [value for (value,) in values]
    return values


def _paths_of(values: list[Any], settings: CatalogSettings) -> list[Paths]:
    """The paths of each value."""
    named = [_as_text(value, place) for place, value in enumerate(values)]
    whole, items = category_texts(named)
    evidence: list[str] = []
    signs = category_signs(whole, items, "y", settings, evidence)
    for sentence in evidence:
        log.info(sentence)
    _note_cut(whole, items, signs)
    rules = Rules(signs)
    paths = []
    for place, value in enumerate(named):
        try:
            paths.append(_labels(value, rules))
        except ValueError as error:
            raise LabelError(
                f"y of product {place} is {value!r}; expected a label, or {error}"
            ) from None
    return paths


def _as_text(value: Any, place: int) -> Any:
    """Whole numbers as texts, as ids of labels are.

    A float that is whole was an integer before a value was missing.
    """
    if isinstance(value, list):
        return [_as_text(item, place) for item in value]
    if is_missing(value):
        return None
    if isinstance(value, bytes):
        raise LabelError(
            f"y of product {place} is {value!r}, which are bytes; make texts of them: value.decode()"
        )
    if isinstance(value, float):
        if not value.is_integer():
            raise LabelError(
                f"y of product {place} has {value!r}, which is no label; labels are texts or whole numbers"
            )
        value = int(value)
    return str(value) if isinstance(value, int) else value


def _labels(value: Any, rules: Rules) -> Paths:
    """The paths of one value; a flat list of texts is a list of labels, not one path.

    So is one that a table had to hold as a text, ``"['Mugs', 'Gifts']"``.
    """
    value = unpacked(value)
    if isinstance(value, list) and all(isinstance(item, str | None) for item in value):
        found: Paths = []
        for item in value:
            levels = [read_name(name) for name in rules.signs.levels(item or "")]
            # a name that is nothing but mark-up is empty once it is clean
            found.append([name for name in levels if name])
        return [path for path in found if path]
    return read_paths(value, rules) or []


def _note_cut(texts: Sequence[str], items: Sequence[str], signs: CategorySigns) -> None:
    """Tell that texts are cut, with an example: who means them whole can say so."""
    read = [(text, signs.paths(text)) for text in texts]
    read += [(text, [signs.levels(text)]) for text in items]
    for text, paths in read:
        if len(paths) > 1 or any(len(path) > 1 for path in paths):
            log.warning(
                "y: %r is read as %s; set category_separator and category_delimiter under catalog to '' to "
                "take texts whole",
                text,
                " and ".join(" > ".join(path) for path in paths),
            )
            # one example is enough
            return
