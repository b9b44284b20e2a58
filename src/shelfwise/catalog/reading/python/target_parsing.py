"""``y`` in the shapes that users of scikit-learn pass becomes category paths, read as a catalogue's are."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from shelfwise.catalog.reading.categories.category_reading import category_signs, category_texts
from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.categories.category_text import read_name
from shelfwise.catalog.reading.categories.written_lists import unpacked
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.python.multi_hot import EXAMPLE, multi_hot_table, read_multi_hot
from shelfwise.catalog.reading.python.python_values import plain_value
from shelfwise.catalog.reading.value_parsing import Paths, Rules, read_paths
from shelfwise.config import CatalogSettings
from shelfwise.errors import LabelError

log = logging.getLogger("shelfwise")

_EXPECTED = "give one entry a product: a label, a list of labels, or a multi-hot table with a column a label"


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
    table = multi_hot_table(y)
    if table is not None:
        return Targets(*read_multi_hot(*table, columns))
    values = [plain_value(value) for value in _values_of(y)]
    return Targets(_paths_of(values, settings))


def refuse_another_order(products: Any, y: Any, name: str = "y") -> None:
    """Say where rows of `products` and `y`, both of pandas, have the same names in another order.

    By place, as scikit-learn takes them, and by name, as pandas does, they would be different pairs. Rows
    that have other names, such as those of a table that was numbered anew, are taken by place.

    Args:
        name: what `y` is called in the message.

    Raises:
        LabelError: `y` is in another order than `products`.
    """
    names, others = _index_of(products), _index_of(y)
    if names is None or others is None or len(names) != len(others) or names.equals(others):
        return
    if names.is_unique and set(names) == set(others):
        raise LabelError(
            f"{name} has the rows of the products in another order, by its index; give "
            f"{name}.loc[X.index] to pair them by their names, or {name}.to_numpy() by their places"
        )


def _index_of(table: Any) -> Any:
    """The index of a frame or series of pandas; None of everything else."""
    found = nw.from_native(table, pass_through=True, allow_series=True)
    return nw.maybe_get_index(found) if isinstance(found, nw.DataFrame | nw.Series) else None


def _refuse_what_is_no_list(y: Any) -> None:
    """Say what is wrong with what holds no entry a product.

    Raises:
        LabelError: `y` is such a thing.
    """
    kind = type(y).__name__
    if isinstance(y, str):
        raise LabelError(
            f"y is the text {y!r}; {_EXPECTED}, e.g. {EXAMPLE}; of a data frame give the column: "
            f"frame[{y!r}]"
        )
    # sets have no order, and mappings no entry a product; Arrow's tables have a shape, but are no iterables
    has_entries = isinstance(y, Iterable) or hasattr(y, "shape")
    if isinstance(y, Mapping | set | frozenset | bytes) or not has_entries:
        raise LabelError(f"y is of the type {kind}; {_EXPECTED}, e.g. {EXAMPLE}")
    shape = getattr(y, "shape", (0,))
    if len(shape) not in (1, 2):
        raise LabelError(f"y has the shape {tuple(shape)}; {_EXPECTED}")


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
    # found in all values together, as in a column of a file
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
