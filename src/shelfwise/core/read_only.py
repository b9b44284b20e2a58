"""What plug-ins of other packages are given to read they cannot change: others read the same arrays.

Our own are tested to change nothing. They are given the arrays as they are: torch warns of read-only ones.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp

from shelfwise.errors import PluginError

T = TypeVar("T")

_OUR_PACKAGE = __name__.partition(".")[0]


def lent(plugin: object, value: T) -> T:
    """`value` for a plug-in to read: its arrays, and those of its dataclasses and tuples, are read-only."""
    ours = type(plugin).__module__.partition(".")[0] == _OUR_PACKAGE
    return value if ours else _read_only(value)


@contextmanager
def changes_refused(plugin: object) -> Iterator[None]:
    """Say in a sentence that a plug-in writes into what was lent to it.

    Raises:
        PluginError: it does.
    """
    try:
        yield
    except ValueError as error:
        # numpy has no kind of error of its own for it
        if "read-only" not in str(error):
            raise
        raise PluginError(
            f"the plug-in {type(plugin).__name__} changes arrays that it was given to read ({error}); "
            "correct the plug-in: let it work on a copy"
        ) from error


def _read_only(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    if sp.issparse(value):
        copied = copy.copy(value)
        copied.data = _read_only(value.data)
        return copied
    if type(value) is tuple:
        return tuple(_read_only(one) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # its own way to be made may ask for more than its fields
        copied = copy.copy(value)
        for one in dataclasses.fields(value):
            object.__setattr__(copied, one.name, _read_only(getattr(value, one.name)))
        return copied
    return value
