"""Reuse of large blocks of memory, a setting of the whole process.

Only a program may make such a setting, so the command line calls it and nothing else in shelfwise does.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

# Names of glibc's settings, from its malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_MAX = -4


@lru_cache
def tune_malloc() -> None:
    """Let this process reuse the memory of large tensors; does nothing where the C library is not glibc.

    By default glibc maps every large tensor afresh, and the system clears it page by page. That takes a third
    of all time in training the last blocks of a convolutional network on a CPU.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
