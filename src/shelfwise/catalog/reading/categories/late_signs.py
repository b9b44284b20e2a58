"""Signs in names of categories that nothing at the beginning of a file has, as in a sorted catalogue."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.catalog.reading.arrow import one_chunk
from shelfwise.catalog.reading.categories.unused_signs import sign_left

MAX_NAMES = 50_000
"""Distinct names that are kept; catalogues with more are no longer looked at."""


class LateSigns:
    """The names of a file, batch by batch; how they are cut was decided by its beginning."""

    def __init__(self) -> None:
        self._first: set[str] | None = None
        self._names: set[str] = set()

    def add(self, categories: pa.ChunkedArray) -> None:
        """Note the names of a batch, paths of N products."""
        if len(self._names) > MAX_NAMES:
            return
        paths = one_chunk(categories).flatten()
        names = set(pc.unique(paths.flatten()).to_pylist())
        if self._first is None:
            self._first = names
        self._names |= names

    def told(self) -> tuple[str, int] | None:
        """What a user is told, and how many names it is about; None where all is as at the beginning."""
        if self._first is None or len(self._names) in (len(self._first), MAX_NAMES + 1):
            return None
        found = sign_left(self._names)
        # a sign that the beginning had was looked at when the signs were found
        if found is None or any(found.sign in name for name in self._first):
            return None
        holding = sorted(name for name in self._names if found.sign in name)
        written = json.dumps(found.sign, ensure_ascii=False)
        setting = "category_delimiter" if found.joins_labels else "category_separator"
        return (
            f"names of categories have {found.sign!r} inside, such as {holding[0]!r}, and those at the "
            f"beginning of the file have none; if it separates, write under [catalog]: {setting} = {written}"
        ), len(holding)
