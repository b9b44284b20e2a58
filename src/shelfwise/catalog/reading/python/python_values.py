"""Values of Python programs as a file would hold them: numpy's, pandas' and Arrow's become Python's own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np

_MISSING_TYPES = frozenset(("NAType", "NaTType"))
"""Of pandas' marks; pandas itself need not be installed."""

_PLAIN_TYPES = frozenset((str, int, bool, float, type(None)))


def plain_value(value: Any) -> Any:
    """A value as JSON has it, where it can be; anything else stays, and the checks of its field refuse it.

    Scalars and arrays of numpy, pandas, polars, Arrow and torch become numbers, texts and lists; so do
    tuples. Members of an enumeration become their values, marks for missing values None, sets sorted lists,
    dates ISO text.

    >>> plain_value((np.float32(1.5), np.array(["a", "b"], dtype=object), np.datetime64("NaT")))
    [1.5, ['a', 'b'], None]
    """
    # most values are plain already
    if type(value) in _PLAIN_TYPES:
        return value
    if type(value).__name__ in _MISSING_TYPES:
        return None
    if isinstance(value, str):
        # a member of an enumeration that is a text would be called by its name in the program
        return str(value.value if isinstance(value, Enum) else value)
    if isinstance(value, Mapping):
        return {str(name): plain_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, set | frozenset):
        # a set has no order of its own, and the same set must give the same product
        return sorted((plain_value(item) for item in value), key=str)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Decimal):
        return None if value.is_nan() else value
    return _of_library(value)


def _of_library(value: Any) -> Any:
    """The value of an array, a series or a scalar of a library, or of a member of an enumeration."""
    if isinstance(value, Enum):
        return plain_value(value.value)
    if isinstance(value, memoryview):
        # its list would be numbers, one a byte
        return value.tobytes()
    if isinstance(value, np.datetime64):
        # numpy gives nanoseconds as a number; NaT becomes None
        return plain_value(value.astype("datetime64[us]").item())
    if isinstance(value, np.ndarray) and value.dtype.kind == "M":
        return [plain_value(item) for item in value]
    for name in ("as_py", "tolist", "to_pylist", "to_list"):
        method = getattr(value, name, None)
        if callable(method):
            return plain_value(method())
    return value
