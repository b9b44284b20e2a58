"""Reuse of large blocks of memory, and giving them back to the system.

Reuse is a setting of the whole process. Only a program may make it, so the command line does and nothing else
in shelfwise.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
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


def give_back_memory() -> None:
    """Give memory that is free to the system; does nothing where the C library is not glibc.

    What one stage of a training leaves free, in pieces, is of little use to the next one, which would take
    more beside it.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
