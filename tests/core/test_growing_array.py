"""Pieces of any length become one array."""

from __future__ import annotations

import numpy as np

from shelfwise.core.growing_array import GrowingArray


def test_pieces_of_any_length_are_joined() -> None:
    random = np.random.default_rng(0)
    pieces = [random.random(size) for size in (0, 1, 7, 0, 1000, 3, 120_000)]
    numbers = GrowingArray(np.float32)
    for piece in pieces:
        numbers.add(piece)
    joined = numbers.finished()
    np.testing.assert_array_equal(joined, np.concatenate(pieces).astype(np.float32))
    assert (joined.dtype, joined.flags.owndata) == (np.float32, True)


def test_nothing_is_an_empty_array() -> None:
    empty = GrowingArray(np.int32).finished()
    assert (empty.dtype, empty.shape) == (np.int32, (0,))


def test_little_room_is_left_for_more() -> None:
    numbers = GrowingArray(np.int64)
    for _ in range(1000):
        numbers.add(np.arange(100))
    # what was made ready and not used
    assert len(numbers._content) <= 100_000 * 9 / 8 + 1
    assert len(numbers.finished()) == 100_000
