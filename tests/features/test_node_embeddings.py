"""Random walks: every step an edge, node2vec's chances against the formula, vectors of a graph in parts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from pydantic import ValidationError

from shelfwise.core.types import Context
from shelfwise.features import node_embeddings
from shelfwise.features.node_embeddings import WalkSettings, closeness, node_vectors, walk
from tests.killed_loops import Killed, resumable

EDGES = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5), (5, 6), (2, 6)]
"""Two triangles, a square, and nodes of two to four neighbours."""


def ring(size: int) -> sp.csr_array:
    here = np.tile(np.arange(size), 2)
    there = (here + np.repeat([1, -1], size)) % size
    return sp.coo_array((np.ones(2 * size), (here, there)), shape=(size, size)).tocsr()


def small_graph() -> sp.csr_array:
    one, other = np.array(EDGES).T
    return sp.coo_array(
        (np.ones(2 * len(EDGES)), (np.r_[one, other], np.r_[other, one])), shape=(7, 7)
    ).tocsr()


def chances(before: int, here: int, p: float, q: float) -> dict[int, float]:
    """Where a walk goes from `here`, by the definition."""
    around: dict[int, set[int]] = {
        node: {b if a == node else a for a, b in EDGES if node in (a, b)} for node in range(7)
    }
    weights = {
        x: 1 / p if x == before else 1.0 if x in around[before] else 1 / q for x in around[here]
    }
    return {x: weight / sum(weights.values()) for x, weight in weights.items()}


@pytest.mark.parametrize(("p", "q"), [(1, 1), (4, 0.25), (0.25, 4), (2, 2), (0.05, 1), (50, 20)])
def test_steps_have_the_chances_of_node2vec(p: float, q: float) -> None:
    settings = WalkSettings(length=30, p=p, q=q)
    visits = walk(small_graph(), np.tile(np.arange(7), 600), settings, np.random.default_rng(0))
    steps = Counter(
        map(
            tuple,
            np.lib.stride_tricks.sliding_window_view(visits, 3, axis=1).reshape(-1, 3).tolist(),
        )
    )
    ends = Counter(
        {
            pair: sum(n for (t, v, _), n in steps.items() if (t, v) == pair)
            for pair in {(t, v) for t, v, _ in steps}
        }
    )
    assert sum(ends.values()) == 28 * len(visits)
    for (before, here), total in ends.items():
        expected = chances(before, here, p, q)
        assert {x for t, v, x in steps if (t, v) == (before, here)} <= expected.keys()
        for after, chance in expected.items():
            deviation = (total * chance * (1 - chance)) ** 0.5
            assert abs(steps[before, here, after] - total * chance) <= 4.5 * deviation + 1


def test_every_step_is_an_edge() -> None:
    visits = walk(ring(20), np.arange(20), WalkSettings(length=30), np.random.default_rng(0))
    assert visits.shape == (20, 30)
    assert set(((visits[:, 1:] - visits[:, :-1]) % 20).ravel().tolist()) == {1, 19}


def test_walks_that_must_turn_back_do() -> None:
    """A path of two nodes leaves no choice, however unwelcome turning back is."""
    visits = walk(
        ring(2), np.array([0, 1]), WalkSettings(length=9, p=100), np.random.default_rng(0)
    )
    assert visits.tolist() == [[0, 1, 0, 1, 0, 1, 0, 1, 0], [1, 0, 1, 0, 1, 0, 1, 0, 1]]


@pytest.mark.parametrize("settings", [{"p": 0}, {"q": 1000}])
def test_chances_beyond_reason_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        WalkSettings.model_validate(settings)


@pytest.mark.parametrize("p", [1, 3])
def test_closeness_against_the_oracle(p: float) -> None:
    chosen = WalkSettings(length=7, walks=3, window=2, p=p)
    visits = walk(ring(9), np.tile(np.arange(9), 3), chosen, np.random.default_rng(4))
    expected = np.zeros((9, 9))
    for nodes in visits.tolist():
        for i, a in enumerate(nodes):
            for j, b in enumerate(nodes):
                expected[a, b] += 1 <= abs(i - j) <= 2
    np.testing.assert_array_equal(closeness(ring(9), chosen, Context(seed=4)).toarray(), expected)


def test_vectors_keep_parts_of_the_graph_apart() -> None:
    adjacency = sp.csr_array(sp.block_diag([ring(12), ring(12)], format="csr"))
    chosen = WalkSettings(dimensions=6, walks=20)
    vectors = node_vectors(adjacency, chosen, Context())
    assert vectors.shape == (24, 6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alike = vectors @ vectors.T
    assert np.abs(alike[:12, 12:]).max() < 0.05
    assert (
        alike[np.arange(12), (np.arange(12) + 1) % 12].min()
        > alike[np.arange(12), (np.arange(12) + 6) % 12].max()
    )
    assert np.array_equal(vectors, node_vectors(adjacency, chosen, Context()))


@pytest.mark.parametrize("killed_after", [0, 1, 4])
def test_killed_walks_go_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    monkeypatch.setattr("shelfwise.core.loop_checkpoints.MOST_TIME", np.inf)
    chosen = WalkSettings(length=6, walks=3, window=2, dimensions=4, p=2.0)
    # three walks at a time, of 21 in all
    monkeypatch.setattr(node_embeddings, "_PAIRS_PER_BLOCK", 36)
    whole = node_vectors(small_graph(), chosen, Context(seed=3))
    left = killed_after

    def killed_walk(*args: Any) -> Any:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return walk(*args)

    monkeypatch.setattr(node_embeddings, "walk", killed_walk)
    with pytest.raises(Killed):
        node_vectors(small_graph(), chosen, resumable(tmp_path, seed=3))
    # only what is left is walked
    left = 7 - killed_after
    np.testing.assert_array_equal(
        node_vectors(small_graph(), chosen, resumable(tmp_path, seed=3)), whole
    )
    assert left == 0
