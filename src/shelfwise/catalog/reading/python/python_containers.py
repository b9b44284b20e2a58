"""Products as Python programs hold them: data frames, Arrow tables, data sets, dictionaries, generators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
from narwhals.exceptions import DuplicateError

from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.objects.class_labels import (
    class_name,
    class_paths,
    names_of_features,
)
from shelfwise.catalog.reading.python.python_objects import fields_of
from shelfwise.catalog.reading.python.python_values import plain_value
from shelfwise.catalog.reading.record_parsing import first_line
from shelfwise.errors import CatalogError

EXAMPLE = "[{'title': 'Mug with a handle'}]"
_EXPECTED = f"give a catalogue file, a data frame or dictionaries, e.g. {EXAMPLE}"
_SHOWN = 5

Record = Mapping[Any, Any]


def records_of(products: Any, columns: Mapping[str, str]) -> list[Record]:
    """The products as mappings from column to value, in their order.

    Args:
        products: a data frame of pandas, polars or any library that narwhals knows; a table of Arrow or of
            anything with an Arrow C stream; a mapping from the name of each column to its N values; or an
            iterable of mappings, such as a list, a generator, a numpy array or a data set of the datasets
            library, or of objects with named fields, such as data classes.
        columns: our field -> the source's column, where the settings name it.

    Raises:
        CatalogError: it is none of these, or a column's name stands for several columns.
    """
    try:
        frame = nw.from_native(products, pass_through=True, allow_series=True)
    except DuplicateError as error:
        raise CatalogError(repeated_columns(error)) from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, nw.DataFrame):
        return _rows(frame, columns)
    if isinstance(frame, nw.Series):
        # a column with the name of a field is a frame with nothing else in it
        values = frame.to_list()
        # an empty name would be that of the index, as pandas writes it
        name = frame.name if isinstance(frame.name, str) and frame.name else None
        is_field = name is not None and bool(plan_columns((name,), columns).ours)
        if is_field and not any(map(fields_of, values)):
            return _rows(frame.to_frame(), columns)
        return _checked(values)
    if hasattr(products, "__arrow_c_stream__") or hasattr(products, "__arrow_c_array__"):
        return _rows(nw.from_native(_arrow_table(products)), columns)
    if _is_columns(products, columns):
        return _rows_of_columns(products)
    _refuse_what_is_no_list(products)
    return _with_class_names(_checked(list(products)), getattr(products, "features", None))


def _is_columns(products: Any, columns: Mapping[str, str]) -> bool:
    """Whether a mapping has lists of one length under names of columns, with titles or descriptions.

    One product has a text where these have a list. The rows of a series have names of their own, by which
    other libraries would join them.
    """
    if not isinstance(products, Mapping) or not all(map(_is_column, products.values())):
        return False
    names = tuple(map(str, products))
    known = plan_columns(names, columns).ours.keys()
    return bool(known & {"title", "description"}) and len({*map(len, products.values())}) == 1


def _is_column(values: Any) -> bool:
    # an array without a dimension has no length
    return isinstance(values, list | tuple) or (isinstance(values, np.ndarray) and values.ndim > 0)


def _rows_of_columns(products: Mapping[Any, Sequence[Any]]) -> list[Record]:
    """
    >>> _rows_of_columns({"id": [1, 2], "title": ["Mug", "Lamp"]})
    [{'id': 1, 'title': 'Mug'}, {'id': 2, 'title': 'Lamp'}]
    """
    rows = zip(*products.values(), strict=True)
    return [dict(zip(products, row, strict=True)) for row in rows]


def _arrow_table(products: Any) -> pa.Table:
    """What has an Arrow C stream, as a table.

    Raises:
        CatalogError: it is an array without names.
    """
    try:
        return pa.table(products)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        kind = type(products).__name__
        raise CatalogError(
            f"the products are of the type {kind}, which is no table ({first_line(error)}); {_EXPECTED}"
        ) from None


def _with_class_names(records: list[Record], features: Any) -> list[Record]:
    """The records of a data set with names in the place of the numbers of classes.

    Args:
        features: what the datasets library says of the columns; None of other lists.
    """
    # by what it can do: the library itself need not be installed
    plain = features.to_dict() if hasattr(features, "to_dict") else {}
    classes = names_of_features(plain) if isinstance(plain, Mapping) else {}
    if not classes:
        return records
    named: list[Record] = []
    for record in records:
        own = dict(record)
        for column, names in classes.items():
            value = plain_value(own.get(column))
            if isinstance(value, list):
                own[column] = class_paths(value, names)
            elif isinstance(value, int):
                own[column] = class_name(value, names)
        named.append(own)
    return named


def _rows(frame: nw.DataFrame[Any], columns: Mapping[str, str]) -> list[Record]:
    """The rows of a data frame; the index of a pandas one is a column where it says something."""
    names = [str(name) for name in frame.columns]
    rows: list[Record] = list(frame.rows(named=True))
    index = nw.maybe_get_index(frame)
    if index is None or _only_counts(index):
        return rows
    labels = _index_columns(index, names, columns)
    return [
        {**{name: values[row] for name, values in labels.items()}, **record}
        for row, record in enumerate(rows)
    ]


def repeated_columns(error: DuplicateError) -> str:
    """What to say of a data frame with several columns of one name."""
    # the library's message names them, a line each
    shown = " ".join(str(error).split())
    return f"a data frame has several columns of one name ({shown}); give each its own name"


def _only_counts(index: Any) -> bool:
    """Whether a pandas index is the number of the row and nothing else."""
    return index.names == [None] and list(index) == list(range(len(index)))


def _index_columns(
    index: Any, names: list[str], columns: Mapping[str, str]
) -> dict[str, list[Any]]:
    """The levels of a pandas index that are columns, with their values.

    A level with a name is one, unless the frame has a column of that name. One without a name is the id, as
    in a file that pandas writes, where nothing else is.
    """
    found = {}
    for level, name in enumerate(index.names):
        if name is not None and str(name) not in names:
            found[str(name)] = index.get_level_values(level).tolist()
    has_id = "id" in plan_columns((*names, *found), columns).ours
    if len(index.names) == 1 and index.names[0] is None and not has_id:
        # pandas writes such an index under an empty name
        found[""] = index.tolist()
    return found


def _refuse_what_is_no_list(products: Any) -> None:
    """Say what is wrong with a container that has no products in it, or says not what they are.

    Raises:
        CatalogError: `products` is one of these.
    """
    kind = type(products).__name__
    # most likely one product, or columns
    if isinstance(products, Mapping):
        keys = ", ".join(repr(key) for key in list(products)[:_SHOWN])
        raise CatalogError(
            f"the products are one mapping with the keys {keys}; for one product give a list: {EXAMPLE}; "
            "for columns give lists of one length, or pandas.DataFrame(products); for parts of a data set "
            "give one part"
        )
    if isinstance(products, bytes):
        raise CatalogError(f"the products are bytes; {_EXPECTED}")
    # data sets have a shape too, but only arrays and matrices have a type of numbers
    shape = getattr(products, "shape", (0,)) if hasattr(products, "dtype") else (0,)
    if hasattr(products, "tocsr"):
        kind = f"sparse matrix ({kind})"
    if len(shape) != 1:
        raise CatalogError(
            f"the products are a {kind} of the shape {tuple(shape)}, whose columns have no names; "
            f"{_EXPECTED}, so that it can be told which column is the title"
        )
    if not isinstance(products, Iterable):
        raise CatalogError(f"the products are of the type {kind}; {_EXPECTED}")


def _checked(records: list[Any]) -> list[Record]:
    """The records as mappings."""
    found: list[Record] = []
    for place, record in enumerate(records):
        fields = fields_of(record)
        if fields is None:
            kind = type(record).__name__
            # values without names, one after the other
            named = ""
            if isinstance(record, list | tuple):
                named = (
                    "; or name the values: pandas.DataFrame(products, columns=['id', 'title', ...])"
                )
            raise CatalogError(
                f"product {place} is of the type {kind}, and no dictionary; {_EXPECTED}{named}"
            )
        found.append(fields)
    return found
