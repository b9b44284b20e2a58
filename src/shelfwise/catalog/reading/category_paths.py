"""Category paths of a whole column, each distinct path read once."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.catalog.reading.arrow import (
    Column,
    as_strings,
    holds_mark,
    is_true,
    lists_with_mark,
    not_null,
    opens_json,
    value_offsets,
)
from shelfwise.catalog.reading.record_parsing import SURROGATE
from shelfwise.catalog.reading.value_parsing import Rules, levels, read_paths
from shelfwise.core.catalog import SCHEMA
from shelfwise.core.types import Bools

_PATHS_TYPE = SCHEMA.field("categories").type


def written_paths(values: Column, rules: Rules) -> tuple[pa.Array, Bools]:
    """Paths from texts such as ``A > B | A > C``, and which of N values are in doubt."""
    texts, doubt = as_strings(values)
    doubt |= holds_mark(texts, opens_json)
    if rules.delimiter.strip():
        parts = pc.split_pattern(texts, rules.delimiter)
    else:
        # every text is one path
        parts = pa.ListArray.from_arrays(pa.array(np.arange(len(texts) + 1, dtype=np.int32)), texts)
    # many products share their paths: each distinct one is read once
    codes = parts.flatten().dictionary_encode()
    paths = [_written_path(text or "", rules.separator) for text in codes.dictionary.to_pylist()]
    names = pa.array(paths, _PATHS_TYPE.value_type).take(codes.indices)
    offsets = value_offsets(parts)
    filled = not_null(texts)
    doubt |= lists_with_mark(~not_null(names), offsets) & filled
    found = pa.ListArray.from_arrays(pa.array(offsets - offsets[0]), names, mask=pa.array(~filled))
    return found, doubt


def json_paths(values: pa.Array, rules: Rules) -> tuple[pa.Array, Bools]:
    """Paths from JSON such as ``[["A", "B"], ["A", "C"]]``, and which of N values are in doubt.

    JSON is cut between brackets. Where that was inside a name or between deeper lists, the parts are no JSON and
    the value is in doubt.
    """
    try:
        texts = values.cast(pa.string())
    except pa.ArrowInvalid:  # not UTF-8
        return pa.nulls(len(values), _PATHS_TYPE), np.ones(len(values), dtype=bool)
    null = np.asarray(pc.equal(texts, "null"))
    nested = is_true(pc.and_(pc.starts_with(texts, '[["'), pc.ends_with(texts, '"]]')))
    parts = pc.split_pattern(pc.ascii_trim(texts, "[]"), _between_paths(texts))
    codes = parts.flatten().dictionary_encode()
    paths = [_json_path(text) for text in codes.dictionary.to_pylist()]
    names = pa.array(paths, _PATHS_TYPE.value_type).take(codes.indices)
    offsets = value_offsets(parts)
    doubt = ~null & (~nested | lists_with_mark(~not_null(names), offsets))
    return pa.ListArray.from_arrays(pa.array(offsets), names, mask=pa.array(null)), doubt


def json_reader(rules: Rules) -> Callable[[bytes], list[list[str]] | None]:
    """:func:`read_paths` of JSON; what many products have in common is remembered."""

    @lru_cache(maxsize=4096)
    def read(raw: bytes) -> list[list[str]] | None:
        text = raw.decode()
        if SURROGATE.search(text):
            raise ValueError("half a character, perhaps")
        return read_paths(json.loads(text, strict=False), rules)

    return read


def _between_paths(texts: pa.Array) -> str:
    """What stands between two paths: with a space, or without one where any of the texts has none."""
    letters = texts.buffers()[2]
    without_space = letters is not None and b"],[" in letters.to_pybytes()
    return "],[" if without_space else "], ["


@lru_cache(maxsize=65_536)
def _written_path(text: str, separator: str) -> tuple[str, ...] | None:
    """The names of one path, given as text; None where it has none."""
    found = read_paths([levels(text, Rules(separator))], Rules())
    return tuple(found[0]) if found else None


@lru_cache(maxsize=65_536)
def _json_path(text: str) -> tuple[str, ...] | None:
    """The names of one path, given as the JSON between its brackets; None where it has none or is none."""
    try:
        names = json.loads(f"[{text}]", strict=False)
    except (ValueError, RecursionError):
        return None
    if SURROGATE.search(text) or not all(isinstance(name, str) for name in names):
        return None
    found = read_paths([names], Rules())
    return tuple(found[0]) if found else None
