"""Hierarchical decoding: the rules against slow obvious ones, and no label above its parent."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.contracts import Context, Floats, MemberOutputs
from shelfwise.errors import ConfigError, NotFittedError, PluginError
from shelfwise.fusion.hierarchical import Hierarchical, HierarchicalSettings, decoded, parents_of

Rule = Literal["max", "minimum", "product"]
NAMES = ("A", "A > B", "A > B > C", "A > D", "E", "F > G > H")


def make(count: int = 20, seed: int = 0) -> tuple[MemberOutputs, Floats]:
    rng = np.random.default_rng(seed)
    scores = rng.random((count, 2, len(NAMES))).astype(np.float32)
    return MemberOutputs(scores, np.ones((count, 2), np.bool_), ()), (rng.random((count, len(NAMES))) < 0.5).astype(np.float32)


def test_parents_are_the_nearest_labels_above() -> None:
    assert parents_of(NAMES).tolist() == [-1, 0, 1, 0, -1, -1]
    assert parents_of(["A > B > C", "A"]).tolist() == [1, -1]
    assert parents_of(["AB", "A", "A>B"]).tolist() == [-1, -1, -1]


def forest(seed: int, labels: int) -> np.ndarray:
    """A random forest over shuffled labels: parents may come after their children."""
    rng = np.random.default_rng(seed)
    parents, place = np.array([int(rng.integers(-1, i)) if i else -1 for i in range(labels)]), rng.permutation(labels)
    shuffled = np.empty(labels, np.int64)
    shuffled[place] = np.where(parents < 0, -1, place[parents])
    return shuffled


def lineage(label: int, parents: np.ndarray) -> list[int]:
    """The label and all above it."""
    return [label] if parents[label] < 0 else [label, *lineage(int(parents[label]), parents)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_rules_as_by_hand(seed: int, labels: int) -> None:
    parents, scores = forest(seed, labels), np.random.default_rng(seed).random((3, labels)).astype(np.float32)
    for label in range(labels):
        above = lineage(label, parents)
        below = [other for other in range(labels) if label in lineage(other, parents)]
        np.testing.assert_allclose(decoded(scores, parents, "max")[:, label], scores[:, below].max(axis=1))
        np.testing.assert_allclose(decoded(scores, parents, "minimum")[:, label], scores[:, above].min(axis=1))
        np.testing.assert_allclose(decoded(scores, parents, "product")[:, label], scores[:, above].prod(axis=1), rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 0.99))
def test_minimum_is_top_down_decoding_at_every_threshold(seed: int, threshold: float) -> None:
    parents, scores = forest(seed, 8), np.random.default_rng(seed).random((3, 8)).astype(np.float32)
    decided = decoded(scores, parents, "minimum") >= threshold
    for label in range(8):
        assert np.array_equal(decided[:, label], (scores[:, lineage(label, parents)] >= threshold).all(axis=1))


@pytest.mark.parametrize("rule", ["max", "minimum", "product"])
@pytest.mark.parametrize("base", ["mean", "logistic"])
def test_no_label_scores_above_its_parent(base: str, rule: Rule) -> None:
    outputs, targets = make(80)
    policy = Hierarchical(HierarchicalSettings(base=base, rule=rule)).fit(outputs, targets, None, Context(labels=NAMES))
    fused, parents = policy.fuse(outputs), parents_of(NAMES)
    child = np.flatnonzero(parents >= 0)
    assert (fused[:, child] <= fused[:, parents[child]]).all()
    assert not np.array_equal(fused, policy.base.fuse(outputs))


def test_the_base_has_its_own_settings() -> None:
    outputs, targets = make()
    own = HierarchicalSettings(base_settings={"weights": [1, 1e9]}, rule="minimum")
    fused = Hierarchical(own).fit(outputs, targets, None, Context(labels=NAMES)).fuse(outputs)
    np.testing.assert_allclose(fused, decoded(outputs.scores[:, 1], parents_of(NAMES), "minimum"), atol=1e-6)
    with pytest.raises(ConfigError, match="base_settings: setting weight"):
        Hierarchical(HierarchicalSettings(base_settings={"weight": [1]}))
    with pytest.raises(PluginError, match="no fusion policy called 'meen'; did you mean 'mean'"):
        Hierarchical(HierarchicalSettings(base="meen"))
    with pytest.raises(ConfigError, match="cannot decode itself"):
        Hierarchical(HierarchicalSettings(base="hierarchical"))


def test_it_reads_what_its_base_reads() -> None:
    assert Hierarchical(HierarchicalSettings()).reads == "scores"
    assert Hierarchical(HierarchicalSettings(base="early")).reads == "features"


@pytest.mark.parametrize("labels", [(), ("Mugs", "Rugs", "Toys", "Food", "Home", "Garden")])
def test_without_a_hierarchy_it_says_what_to_do(labels: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"labels\.mode = 'path'"):
        Hierarchical(HierarchicalSettings()).fit(*make(), None, Context(labels=labels))


def test_there_is_no_state_before_fitting() -> None:
    with pytest.raises(NotFittedError):
        Hierarchical(HierarchicalSettings()).state()
