"""Category paths of a whole column, each distinct path read once."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shelfwise.catalog.reading.arrow import (
    Column,
    bounds,
    filled,
    holding,
    opening,
    strings,
    truths,
    with_any,
)
from shelfwise.catalog.reading.record_parsing import SURROGATE
from shelfwise.catalog.reading.value_parsing import Rules, levels, read_paths
from shelfwise.core.catalog import SCHEMA

_PATHS = SCHEMA.field("categories").type


def written_paths(values: Column, rules: Rules) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Paths from texts such as ``A > B | A > C``, and which of N values are in doubt."""
    texts, odd = strings(values)
    doubt = odd | holding(texts, opening)
    if rules.delimiter.strip():
        parts = pc.split_pattern(texts, rules.delimiter)
    else:
        parts = pa.ListArray.from_arrays(pa.array(np.arange(len(texts) + 1, dtype=np.int32)), texts)
    codes = parts.flatten().dictionary_encode()
    paths = [_written_path(text or "", rules.separator) for text in codes.dictionary.to_pylist()]
    names = pa.array(paths, _PATHS.value_type).take(codes.indices)
    edges = bounds(parts)
    some = filled(texts)
    doubt |= with_any(~filled(names), edges) & some
    return pa.ListArray.from_arrays(pa.array(edges - edges[0]), names, mask=pa.array(~some)), doubt


def json_paths(values: pa.Array, rules: Rules) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Paths from JSON such as ``[["A", "B"], ["A", "C"]]``, and which of N values are in doubt.

    JSON is cut between brackets. Where that was inside a name or between deeper lists, the parts are no JSON and the value is in doubt.
    """
    try:
        texts = values.cast(pa.string())
    except pa.ArrowInvalid:  # not UTF-8
        return pa.nulls(len(values), _PATHS), np.ones(len(values), dtype=bool)
    null = np.asarray(pc.equal(texts, "null"))
    nested = truths(pc.and_(pc.starts_with(texts, '[["'), pc.ends_with(texts, '"]]')))
    tight = texts.buffers()[2] is not None and b"],[" in texts.buffers()[2].to_pybytes()
    parts = pc.split_pattern(pc.ascii_trim(texts, "[]"), "],[" if tight else "], [")
    codes = parts.flatten().dictionary_encode()
    paths = [_json_path(text) for text in codes.dictionary.to_pylist()]
    names = pa.array(paths, _PATHS.value_type).take(codes.indices)
    edges = bounds(parts)
    doubt = ~null & (~nested | with_any(~filled(names), edges))
    return pa.ListArray.from_arrays(pa.array(edges), names, mask=pa.array(null)), doubt


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


def json_reader(rules: Rules) -> Callable[[bytes], list[list[str]] | None]:
    """:func:`read_paths` of JSON; what many products have in common is remembered."""

    @lru_cache(maxsize=4096)
    def read(raw: bytes) -> list[list[str]] | None:
        text = raw.decode()
        if SURROGATE.search(text):
            raise ValueError("half a character, perhaps")
        return read_paths(json.loads(text, strict=False), rules)

    return read
