"""Names that somebody may have meant: for messages about a name that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def most_similar(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` resembles most; None where it resembles none."""
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The question whether a known name was meant, and a blank behind it; empty where none is similar.

    >>> did_you_mean("meen", ["mean", "ridge"]) + "known: mean, ridge"
    "did you mean 'mean'? known: mean, ridge"
    """
    similar = most_similar(name, known)
    return "" if similar is None else f"did you mean {similar!r}? "
