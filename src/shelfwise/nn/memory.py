"""Keeping large blocks of memory for the next step instead of giving them back to the system after each tensor."""

from __future__ import annotations

import ctypes
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # names of glibc's mallopt


@lru_cache
def tune_malloc() -> None:
    """Let this process reuse the memory of large tensors; does nothing where the C library is not glibc.

    By default glibc maps every large tensor afresh, and the system clears it page by page: a third of all time
    in training the last blocks of a convolutional network on a CPU.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
