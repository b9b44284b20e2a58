"""On which line an id stood first, against a dictionary."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.reading import duplicate_ids
from shelfwise.catalog.reading.arrow import value_offsets
from shelfwise.catalog.reading.duplicate_ids import DuplicateIds

IDS = (
    st.text("ab é", max_size=2)
    | st.text("ab", min_size=7, max_size=17)
    | st.text("a", min_size=255, max_size=258)
)
BLOCKS = st.lists(st.lists(IDS, max_size=12), max_size=12)


def slowly(blocks: list[list[str]]) -> list[list[int]]:
    lines: dict[str, int] = {}
    answers, line = [], 0
    for block in blocks:
        answers.append([])
        for identifier in block:
            line += 1
            answers[-1].append(lines.get(identifier, 0))
            lines.setdefault(identifier, line)
    return answers


def quickly(blocks: list[list[str]]) -> list[list[int]]:
    seen, answers, line = DuplicateIds(), [], 0
    for block in blocks:
        answers.append(
            seen.add(
                pa.array(block, pa.string()), np.arange(line + 1, line + 1 + len(block))
            ).tolist()
        )
        line += len(block)
    return answers


@given(BLOCKS)
@settings(max_examples=60, deadline=None)
def test_as_a_dictionary(blocks: list[list[str]]) -> None:
    assert quickly(blocks) == slowly(blocks)


@given(BLOCKS, st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_ids_with_one_hash_are_told_apart(blocks: list[list[str]], hashes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            duplicate_ids,
            "_hashes",
            lambda ids: (np.diff(value_offsets(ids)) % hashes).astype(np.uint64),
        )
        assert quickly(blocks) == slowly(blocks)


def test_many_ids_in_several_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicate_ids, "_MAX_RUN", 4000)
    monkeypatch.setattr(duplicate_ids, "_BYTES_IN_MEMORY", 1000)
    rng = np.random.default_rng(0)
    blocks = [[f"P{n}" for n in rng.integers(0, 100_000, 1000)] for _ in range(40)]
    assert quickly(blocks) == slowly(blocks)


def test_a_slice_of_an_array_is_its_own_ids() -> None:
    seen = DuplicateIds()
    ids = pa.array(["x", "a", "b", "y"]).slice(1, 2)
    assert seen.add(ids, np.array([1, 2])).tolist() == [0, 0]
    assert seen.add(pa.array(["x", "b"]), np.array([3, 4])).tolist() == [0, 2]


def test_hashes_tell_ids_apart_wherever_they_differ() -> None:
    texts = [
        *(f"{i:09}" for i in range(20_000)),
        *("x" * n for n in range(300)),
        *("y" * n + "z" for n in range(300)),
        "",
        "\0",
        "\0\0",
    ]
    hashes = duplicate_ids._hashes(pa.array(texts).slice(1))
    assert len(set(hashes.tolist())) == len(set(texts[1:]))
    low, high = hashes & np.uint64(duplicate_ids._FILTER_BITS - 1), hashes >> np.uint64(32)
    assert min(len(np.unique(low)), len(np.unique(high))) > 0.999 * len(set(texts[1:]))
