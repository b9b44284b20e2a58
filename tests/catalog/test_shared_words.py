"""The share of words in common, against sets."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from shelfwise.catalog.shared_words import shared_words

TITLES = ["Red mug, LARGE", "large blue mug", None, "", "!?", "lamp", "lamp lamp"]


def share(one: int, other: int) -> float:
    texts = pa.chunked_array([pa.array(TITLES[:3], pa.string()), pa.array(TITLES[3:], pa.string())])
    return float(shared_words(texts, np.array([one]), np.array([other]))[0])


def test_case_signs_order_and_repeated_words_do_not_matter() -> None:
    assert share(0, 1) == pytest.approx(0.5)
    assert share(5, 6) == 1
    assert share(0, 5) == 0


@pytest.mark.parametrize(("one", "other"), [(2, 2), (2, 3), (3, 4), (0, 2), (4, 5)])
def test_a_text_without_words_shares_none(one: int, other: int) -> None:
    assert share(one, other) == 0


def test_each_pair_has_its_own_share_and_no_pairs_have_none() -> None:
    texts = pa.chunked_array([pa.array(TITLES, pa.string())])
    shares = shared_words(texts, np.array([5, 0, 0]), np.array([6, 6, 1]))
    assert shares.tolist() == [1, 0, 0.5]
    nothing = np.zeros(0, np.int64)
    assert shared_words(texts, nothing, nothing).tolist() == []
