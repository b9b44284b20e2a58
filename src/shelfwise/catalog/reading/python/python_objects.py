"""Products that a program holds as objects with named fields: data classes, models, named tuples, rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


def fields_of(record: Any) -> Mapping[Any, Any] | None:
    """The fields of one product, by their names; None of what does not say what it has.

    Known are mappings, data classes, models of pydantic and attrs, named tuples, rows of sqlite3, of a pandas
    frame and of an array of numpy with named fields.

    >>> from collections import namedtuple
    >>> fields_of(namedtuple("Product", "id title")(7, "Mug"))
    {'id': 7, 'title': 'Mug'}
    >>> fields_of((7, "Mug")) is None
    True
    """
    if isinstance(record, Mapping):
        return record
    # a class has fields, but no values
    if isinstance(record, type):
        return None
    if dataclasses.is_dataclass(record):
        return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    if isinstance(record, np.void) and record.dtype.names:
        return {name: record[name] for name in record.dtype.names}
    # named tuples and pydantic have a method for it, and so has the row of a frame
    for method in ("model_dump", "_asdict"):
        if callable(getattr(record, method, None)):
            return dict(getattr(record, method)())
    if hasattr(record, "__attrs_attrs__"):
        return {field.name: getattr(record, field.name) for field in record.__attrs_attrs__}
    # a row of sqlite3 has keys and no other mark of a mapping; that of a pandas frame has an index of texts
    if callable(getattr(record, "keys", None)) and hasattr(record, "__getitem__"):
        names = list(record.keys())
        if names and all(isinstance(name, str) for name in names):
            return {name: record[name] for name in names}
    return None
