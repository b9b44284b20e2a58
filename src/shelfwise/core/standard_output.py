"""Standard output for the messages of a program alone; what libraries print goes to standard error."""

from __future__ import annotations

import os


def take_standard_output() -> int:
    """A file number of standard output, for the caller; whatever else is printed goes to standard error.

    Only for a process that is the caller's own. It holds for libraries in C and for processes that are
    started later, too.
    """
    taken = os.dup(1)
    os.dup2(2, 1)
    return taken
