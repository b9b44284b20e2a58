"""Category paths of a whole column, each distinct path read once."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.catalog.reading.arrow import (
    Column,
    Letters,
    Offsets,
    as_strings,
    holds_mark,
    is_true,
    lists_with_mark,
    not_null,
    opens_json,
    value_offsets,
)
from shelfwise.catalog.reading.categories.category_signs import CategorySigns, split_at
from shelfwise.catalog.reading.record_parsing import SURROGATE
from shelfwise.catalog.reading.value_parsing import Paths, Rules, read_paths
from shelfwise.core.catalog import SCHEMA
from shelfwise.core.types import Bools

Path = tuple[str, ...]
"""The names of a category path."""

_NOT_PLAIN = r"^\s*(?:\(|[A-Za-z_][\w.]*\(|[-*#\x{2022}\"])|&#?\w+;|<|:/"

_MARK_UP_BYTES = b'<&(-*:#"\xe2'
"""The last is the first byte of a bullet."""

_PATHS_TYPE = SCHEMA.field("categories").type


def written_paths(values: Column, rules: Rules) -> tuple[pa.Array, Bools]:
    """Paths from texts such as ``A > B | A > C``, and which of N values are in doubt."""
    texts, doubt = as_strings(values)
    if rules.float_labels:
        doubt |= not_null(texts)
    doubt |= holds_mark(texts, opens_json)
    # mark-up and written tuples are read one by one, as their signs separate nothing
    rows = np.flatnonzero(holds_mark(texts, _may_be_mark_up))
    doubt[rows] |= is_true(pc.match_substring_regex(texts.take(pa.array(rows)), _NOT_PLAIN))
    signs = rules.signs
    if signs.escaped or signs.bare:
        # Arrow cuts at fixed texts only; of these columns each distinct text is cut by itself
        parts = _each_distinct(texts, lambda text: _written_parts(text or "", signs))
    elif signs.delimiter:
        parts = pc.split_pattern(texts, signs.delimiter)
    else:
        # every text is one path
        one_each = np.arange(len(texts) + 1, dtype=np.int32)
        parts = pa.ListArray.from_arrays(pa.array(one_each), texts)

    def read(text: str | None) -> Path | None:
        return _written_path(text or "", signs.separator)

    names = _each_distinct(parts.flatten(), read)
    offsets = value_offsets(parts)
    missing = ~not_null(texts)
    # a part without a name may be an empty path, or none
    doubt |= lists_with_mark(~not_null(names), offsets) & ~missing
    # the parts of a slice do not begin at 0, the names do
    offsets = offsets - offsets[0]
    return _lists(offsets, names, missing), doubt


def json_paths(values: pa.Array, rules: Rules) -> tuple[pa.Array, Bools]:
    """Paths from JSON such as ``[["A", "B"], ["A", "C"]]``, and which of N values are in doubt.

    JSON is cut between brackets. Where that was inside a name or between deeper lists, the parts are no JSON
    and the value is in doubt.
    """
    try:
        texts = values.cast(pa.string())
    except pa.ArrowInvalid:  # not UTF-8
        count = len(values)
        return pa.nulls(count, _PATHS_TYPE), np.ones(count, dtype=bool)
    null = np.asarray(pc.equal(texts, "null"))
    # anything but a list of lists of texts is left to the slow way
    nested = is_true(pc.starts_with(texts, '[["'))
    nested &= is_true(pc.ends_with(texts, '"]]'))
    bare = pc.ascii_trim(texts, "[]")
    parts = pc.split_pattern(bare, _between_paths(texts))
    names = _each_distinct(parts.flatten(), _json_path)
    offsets = value_offsets(parts)
    unreadable = lists_with_mark(~not_null(names), offsets)
    doubt = ~null & (~nested | unreadable)
    return _lists(offsets, names, null), doubt


def json_reader(rules: Rules) -> Callable[[bytes], Paths | None]:
    """:func:`read_paths` of JSON; what many products have in common is remembered."""

    @lru_cache(maxsize=4096)
    def read(raw: bytes) -> Paths | None:
        text = raw.decode()
        # which half of a character stands alone is found when the record is read by itself
        if SURROGATE.search(text):
            raise ValueError("half a character, perhaps")
        return read_paths(json.loads(text, strict=False), rules)

    return read


def _may_be_mark_up(letters: Letters) -> Bools:
    """Which bytes may belong to mark-up, an entity, a tuple, a bullet or quotes; the pattern for these is
    slow.
    """
    found = np.zeros(len(letters), dtype=bool)
    for sign in _MARK_UP_BYTES:
        found |= letters == sign
    return found


def _each_distinct(texts: pa.Array, read: Callable[[Any], Path | None]) -> pa.Array:
    """What `read` makes of each text, as lists of names; many are the same, and each is read once."""
    codes = texts.dictionary_encode()
    paths = [read(text) for text in codes.dictionary.to_pylist()]
    return pa.array(paths, _PATHS_TYPE.value_type).take(codes.indices)


def _lists(offsets: Offsets, values: pa.Array, missing: Bools) -> pa.Array:
    """N lists, given where each begins among the values, null where `missing`."""
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(missing))


def _between_paths(texts: pa.Array) -> str:
    """What stands between two paths: with a space, or without one where any of the texts has none."""
    letters = texts.buffers()[2]
    without_space = letters is not None and b"],[" in letters.to_pybytes()
    if without_space:
        return "],["
    return "], ["


@lru_cache(maxsize=65_536)
def _written_path(text: str, separator: str) -> Path | None:
    """The names of one path, given as text; None where it has none."""
    found = read_paths([CategorySigns(separator).levels(text)], Rules())
    return tuple(found[0]) if found else None


def _written_parts(text: str, signs: CategorySigns) -> tuple[str, ...]:
    """The paths of a text, each as a text."""
    return tuple(split_at(text, signs.delimiter, signs.escaped, signs.bare))


@lru_cache(maxsize=65_536)
def _json_path(text: str) -> Path | None:
    """The names of one path, given as the JSON between its brackets; None where it has none or is none."""
    try:
        names = json.loads(f"[{text}]", strict=False)
    except (ValueError, RecursionError):
        return None
    if SURROGATE.search(text):
        return None
    # numbers and deeper lists are judged with the whole value
    if not all(isinstance(name, str) for name in names):
        return None
    found = read_paths([names], Rules())
    if found:
        return tuple(found[0])
    return None
