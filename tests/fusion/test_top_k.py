"""The top-3 policies: what they read, whom they choose, and the oracle they are measured by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.fusion.top_k import TopK, TopKSettings, best_member, highest
from shelfwise.metrics.threshold_search import best_micro_f1

M, L = 3, 8
QUICK = {"epochs": 60, "batch_size": 64, "learning_rate": 1e-2, "loss": "bce", "patience": 10}


def make(count: int, seed: int) -> tuple[MemberOutputs, Floats]:
    """For each product one member is sure and right; the others hesitate."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((count, L)) < 0.3).astype(np.float32)
    targets[np.arange(count), rng.integers(L, size=count)] = 1
    right = rng.integers(M, size=count)
    scores = rng.uniform(0.3, 0.6, (count, M, L))
    scores[np.arange(count), right] = np.where(
        targets > 0, rng.uniform(0.8, 1, targets.shape), rng.uniform(0, 0.2, targets.shape)
    )
    return MemberOutputs(scores.astype(np.float32), np.ones((count, M), np.bool_), ()), targets


def fitted(mode: str, **changes: Any) -> TopK:
    chosen = TopKSettings.model_validate({"mode": mode, "training": QUICK, **changes})
    return TopK(chosen).fit(*make(600, 0), make(200, 1), Context())


@pytest.mark.parametrize("mode", ["select_hard", "select_soft"])
def test_learns_whom_to_trust(mode: str) -> None:
    outputs, targets = make(300, 2)
    alone = max(best_micro_f1(targets, outputs.scores[:, m]) for m in range(M))
    assert best_micro_f1(targets, fitted(mode).fuse(outputs)) > max(0.9, alone)


def test_hard_selection_answers_with_one_members_own_scores() -> None:
    outputs, _ = make(100, 2)
    fused = fitted("select_hard").fuse(outputs)
    assert (fused[:, None] == outputs.scores).all(axis=2).any(axis=1).all()


def test_soft_selection_lies_between_the_members() -> None:
    outputs, _ = make(100, 2)
    fused = fitted("select_soft").fuse(outputs)
    assert (fused <= outputs.scores.max(axis=1) + 1e-6).all()
    assert (fused >= outputs.scores.min(axis=1) - 1e-6).all()


@pytest.mark.parametrize("mode", ["select_hard", "select_soft"])
def test_absent_members_are_never_chosen(mode: str) -> None:
    outputs, _ = make(50, 2)
    present = np.zeros((50, M), np.bool_)
    present[:, 1] = True
    alone = MemberOutputs(outputs.scores * present[:, :, None], present, ())
    np.testing.assert_allclose(fitted(mode).fuse(alone), outputs.scores[:, 1], atol=1e-6)


def test_selection_reads_the_top_scores_only() -> None:
    outputs, _ = make(50, 2)
    below = np.sort(outputs.scores, axis=2)[:, :, [-3]]
    dimmed = np.where(outputs.scores < below, outputs.scores * 0.9, outputs.scores).astype(
        np.float32
    )
    policy = fitted("select_soft")
    assert not np.array_equal(dimmed, outputs.scores)
    assert np.array_equal(
        policy.logits(MemberOutputs(dimmed, outputs.present, ()), M), policy.logits(outputs, M)
    )


def test_sparse_learns_labels_beyond_the_members() -> None:
    rng = np.random.default_rng(0)
    outputs, targets = make(600, 0)
    swapped = targets[:, np.r_[1:L, 0]]  # the members mean the neighbouring label
    policy = TopK(
        TopKSettings.model_validate({"mode": "sparse", "hidden": 64, "top": 6, "training": QUICK})
    ).fit(outputs, swapped, None, Context(seed=int(rng.integers(9))))
    other, wanted = make(300, 2)
    assert best_micro_f1(wanted[:, np.r_[1:L, 0]], policy.fuse(other)) > 0.8
    assert best_micro_f1(wanted[:, np.r_[1:L, 0]], other.scores.mean(axis=1)) < 0.7


def test_the_oracle_bounds_every_member_and_every_choice() -> None:
    outputs, targets = make(600, 0)
    policy = fitted("select_hard")
    facts = policy.facts()
    at_half = [
        micro_f1(s, targets) for s in (*outputs.scores.transpose(1, 0, 2), policy.fuse(outputs))
    ]
    assert max(at_half) <= facts["oracle_micro_f1"] <= 1
    assert facts["oracle_share"] == pytest.approx([1 / 3] * M, abs=0.06)
    assert sum(facts["oracle_share"]) == pytest.approx(1)
    assert facts["chosen_share"] == pytest.approx([1 / 3] * M, abs=0.06)
    assert "chosen_share" not in fitted("sparse", training={"epochs": 1, "loss": "bce"}).facts()


def micro_f1(scores: Floats, targets: Floats) -> float:
    given, truth = scores >= 0.5, targets > 0
    return float(2 * (given & truth).sum() / (given.sum() + truth.sum()))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_best_member_is_found_as_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.choice(np.array([0.1, 0.4, 0.5, 0.9], np.float32), (6, M, 4))
    targets, present = (rng.random((6, 4)) < 0.5).astype(np.float32), rng.random((6, M)) < 0.7
    outputs = MemberOutputs(scores * present[:, :, None], present, ())
    for row, best in enumerate(best_member(outputs, targets)):
        keys = []
        for m in range(M):
            given, truth = (
                set(np.flatnonzero(scores[row, m] >= 0.5)),
                set(np.flatnonzero(targets[row])),
            )
            f1 = 2 * len(given & truth) / max(len(given) + len(truth), 1)
            bce = -np.log(np.where(targets[row] > 0, scores[row, m], 1 - scores[row, m])).sum()
            keys.append((present[row, m], f1, -bce))
        if present[row].any():
            assert keys[best][:2] == max(keys)[:2]
            assert keys[best][2] == pytest.approx(max(keys)[2], abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 10), st.integers(1, 6), st.integers(0, 10_000))
def test_the_highest_against_sorting_by_hand(labels: int, top: int, seed: int) -> None:
    scores = np.random.default_rng(seed).choice(
        np.linspace(0, 1, 5, dtype=np.float32), (4, 2, labels)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shelfwise.fusion.top_k.CELLS_PER_BLOCK", 3 * labels)
        places, values = highest(scores, top)
    for n in range(4):
        for m in range(2):
            expected = sorted(range(labels), key=lambda label: (-scores[n, m, label], label))[:top]
            assert places[n, m].tolist() == expected
            assert values[n, m].tolist() == [scores[n, m, label] for label in expected]


def test_the_sparse_input_is_0_but_at_the_highest_of_present_members() -> None:
    outputs, _ = make(20, 3)
    present = np.random.default_rng(0).random((20, M)) < 0.7
    policy = TopK(TopKSettings.model_validate({"mode": "sparse", "top": 2}))
    rows = np.array([3, 1, 7])
    (read,) = policy.batches(MemberOutputs(outputs.scores, present, ())).batch(rows)
    for row, flat in zip(rows, read.numpy(), strict=True):
        for m, given_ in enumerate(flat.reshape(M, L)):
            top = np.argsort(-outputs.scores[row, m], kind="stable")[:2]
            assert given_.nonzero()[0].tolist() == (sorted(top.tolist()) if present[row, m] else [])
            assert (given_[top] == outputs.scores[row, m, top] * present[row, m]).all()


def test_the_defaults_are_zahavys() -> None:
    default = TopKSettings()
    assert (default.mode, default.top, default.hidden) == ("select_hard", 3, None)
    weights = TopK(
        default.model_copy(update={"training": default.training.model_copy(update={"epochs": 1})})
    )
    assert weights.fit(*make(20, 0), None, Context()).facts()["weights"] == (3 * M * 32 + 32) + (
        32 * M + M
    )
