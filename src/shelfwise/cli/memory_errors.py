"""What is said where the memory did not suffice: libraries report it as errors of several kinds."""

from __future__ import annotations

import sys

_TORCH_ON_THE_PROCESSOR = "DefaultCPUAllocator: can't allocate memory"
"""Torch has an error of its own for graphics cards only."""

_OF_A_LIBRARY = ("failed to map segment", "cannot allocate memory", "Cannot allocate memory")
"""What the system's loader says of a library that there is no room for."""


def memory_sentence(error: BaseException) -> str | None:
    """What was asked for and what can be done; None where `error` is another one."""
    if not _is_for_want_of_memory(error):
        return None
    # numpy and Arrow say how much they asked for, Python says nothing
    asked = str(error).split("\n", 1)[0]
    detail = f" ({asked})" if asked else ""
    return (
        f"there is not enough memory{detail}; close other programs, or do less at once: fewer --workers, "
        "--preset quick, a higher --min-count, or `shelfwise ingest` first, then `shelfwise label`"
    )


def _is_for_want_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    # a limit on addresses (ulimit -v) is met by the first large library
    if isinstance(error, ImportError):
        return any(words in str(error) for words in _OF_A_LIBRARY)
    # imported by whoever uses it
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _TORCH_ON_THE_PROCESSOR in str(error)
