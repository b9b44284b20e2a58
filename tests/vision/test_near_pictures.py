"""Near hashes are those that comparing all with all finds, and boilerplate is none."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from shelfwise.core.types import Int64Array, Rows
from shelfwise.vision import near_pictures
from shelfwise.vision.near_pictures import Hashes, near_pairs


def drawn(count: int, seed: int = 0) -> Hashes:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def with_other_bits(hashes: Hashes, count: int, seed: int = 1) -> Hashes:
    rng = np.random.default_rng(seed)
    bits = np.unpackbits(hashes, axis=1)
    for row in bits:
        row[rng.choice(256, count, replace=False)] ^= 1
    return np.packbits(bits, axis=1)


def found(hashes: Hashes, most_differing: int, most_sharing: int = 20) -> list[tuple[int, ...]]:
    pairs = near_pairs(hashes, most_differing, most_sharing)
    columns = (pairs.first, pairs.second, pairs.differing)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def by_comparing_all(hashes: Hashes, most_differing: int) -> list[tuple[int, ...]]:
    near = []
    for one, other in combinations(range(len(hashes)), 2):
        differing = int(np.unpackbits(hashes[one] ^ hashes[other]).sum())
        if differing <= most_differing:
            near.append((one, other, differing))
    return near


@pytest.mark.parametrize("bits", [0, 1, 8, 20])
def test_all_near_pairs_are_found_and_no_other(bits: int) -> None:
    originals = drawn(100)
    copies = with_other_bits(originals[:40], bits)
    again = with_other_bits(originals[:20], 5, seed=2)
    hashes = np.concatenate([originals, copies, again])
    expected = by_comparing_all(hashes, 25)
    assert len(expected) == 80
    assert found(hashes, 25) == expected


def test_hardly_any_pair_with_an_eighth_of_its_bits_differing_is_missed_among_many() -> None:
    originals = drawn(20_000)
    copies = with_other_bits(originals[:500], 32)
    pairs = found(np.concatenate([originals, copies]), 32)
    assert len(pairs) >= 0.95 * 500
    assert all(second - first == 20_000 for first, second, _ in pairs)


@pytest.mark.parametrize("bits", [0, 4])
def test_what_too_many_have_is_in_no_pair(bits: int) -> None:
    placeholders = with_other_bits(np.repeat(drawn(1, seed=5), 21, axis=0), bits)
    copies = np.repeat(drawn(1, seed=6), 20, axis=0)
    pairs = found(np.concatenate([placeholders, copies]), 10)
    assert len(pairs) == 20 * 19 // 2
    assert min(first for first, _, _ in pairs) == 21


def test_boilerplate_of_any_number_is_not_compared_with_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0
    differing = near_pictures._differing

    def counting(hashes: Hashes, first: Rows, second: Rows) -> Int64Array:
        nonlocal compared
        compared += len(first)
        return differing(hashes, first, second)

    monkeypatch.setattr(near_pictures, "_differing", counting)
    assert found(with_other_bits(np.repeat(drawn(1), 2000, axis=0), 3), 10) == []
    # all with all would be two million
    assert compared < 1_000_000


def test_none_and_one_have_no_pairs() -> None:
    assert found(drawn(0), 10) == []
    assert found(drawn(1), 10) == []
