"""The tree of labels: the rules of decoding against slow obvious ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.labels import parents_of
from shelfwise.errors import ConfigError
from shelfwise.taxonomy.tree_scores import decoded, levels, tree_of

NAMES = ("A", "A > B", "A > B > C", "A > D", "E", "F > G > H")


def test_parents_are_the_nearest_labels_above() -> None:
    assert parents_of(NAMES).tolist() == [-1, 0, 1, 0, -1, -1]
    assert parents_of(["A > B > C", "A"]).tolist() == [1, -1]
    assert parents_of(["AB", "A", "A>B"]).tolist() == [-1, -1, -1]


def forest(seed: int, labels: int) -> np.ndarray:
    """A random forest over shuffled labels: parents may come after their children."""
    rng = np.random.default_rng(seed)
    parents, place = (
        np.array([int(rng.integers(-1, i)) if i else -1 for i in range(labels)]),
        rng.permutation(labels),
    )
    shuffled = np.empty(labels, np.int64)
    shuffled[place] = np.where(parents < 0, -1, place[parents])
    return shuffled


def lineage(label: int, parents: np.ndarray) -> list[int]:
    """The label and all above it."""
    return [label] if parents[label] < 0 else [label, *lineage(int(parents[label]), parents)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_rules_as_by_hand(seed: int, labels: int) -> None:
    parents, scores = (
        forest(seed, labels),
        np.random.default_rng(seed).random((3, labels)).astype(np.float32),
    )
    for label in range(labels):
        above = lineage(label, parents)
        below = [other for other in range(labels) if label in lineage(other, parents)]
        np.testing.assert_allclose(
            decoded(scores, parents, "max")[:, label], scores[:, below].max(axis=1)
        )
        np.testing.assert_allclose(
            decoded(scores, parents, "minimum")[:, label], scores[:, above].min(axis=1)
        )
        np.testing.assert_allclose(
            decoded(scores, parents, "product")[:, label], scores[:, above].prod(axis=1), rtol=1e-5
        )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 0.99))
def test_minimum_is_top_down_decoding_at_every_threshold(seed: int, threshold: float) -> None:
    parents, scores = forest(seed, 8), np.random.default_rng(seed).random((3, 8)).astype(np.float32)
    decided = decoded(scores, parents, "minimum") >= threshold
    for label in range(8):
        assert np.array_equal(
            decided[:, label], (scores[:, lineage(label, parents)] >= threshold).all(axis=1)
        )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_levels_name_every_label_once_after_all_below_it(seed: int, labels: int) -> None:
    parents, seen = forest(seed, labels), list[int]()
    for children, above in levels(parents):
        assert np.array_equal(parents[children], above)
        seen += children.tolist()
    assert sorted(seen) == np.flatnonzero(parents >= 0).tolist()
    assert all(
        seen.index(other) < seen.index(label)
        for label in seen
        for other in seen
        if label in lineage(other, parents)[1:]
    )


def test_labels_without_a_tree() -> None:
    with pytest.raises(
        ConfigError,
        match=r"policy coherent found no label below another among 2 labels.*labels\.mode = 'path'",
    ):
        tree_of(("A", "B"), "coherent")
