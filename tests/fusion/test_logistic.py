"""Logistic stacking: Newton's answers against scikit-learn's, the shrinkage, and every set of members."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.core.types import Context, Floats, MemberOutputs, State
from shelfwise.errors import ConfigError
from shelfwise.fusion.logistic import Logistic, LogisticSettings, _largest_within
from shelfwise.metrics.threshold_search import best_micro_f1

M, L = 3, 6


def make(count: int, seed: int, rare: float = 0.3) -> tuple[MemberOutputs, Floats]:
    """Members that are each good at other labels; one is wrong about label 0 on purpose; label 5 is rare."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((count, L)) < np.array([0.3] * (L - 1) + [rare])).astype(np.float32)
    skill = np.where(np.arange(L) % M == np.arange(M)[:, None], 3.0, 0.5)
    skill[1, 0] = -3
    scores = 1 / (1 + np.exp(1 - skill * targets[:, None] - rng.normal(0, 1, (count, M, L))))
    return MemberOutputs(scores.astype(np.float32), np.ones((count, M), np.bool_), ()), targets


def only(outputs: MemberOutputs, *members: int) -> MemberOutputs:
    present = outputs.present & np.isin(np.arange(M), members)
    return MemberOutputs(outputs.scores * present[:, :, None], present, ())


def test_learns_more_than_the_mean_knows() -> None:
    outputs, targets = make(400, 2)
    policy = Logistic(LogisticSettings()).fit(*make(500, 0), None, Context())
    rules = max(
        best_micro_f1(targets, s)
        for s in (outputs.scores.mean(axis=1), *outputs.scores.transpose(1, 0, 2))
    )
    assert best_micro_f1(targets, policy.fuse(outputs)) > rules + 0.1


def test_a_rare_label_keeps_nearer_to_the_shared_weights() -> None:
    outputs, targets = make(600, 0, rare=0.01)
    arrays = (
        Logistic(LogisticSettings(shrink=10)).fit(outputs, targets, None, Context()).state().arrays
    )
    tight = (
        Logistic(LogisticSettings(shrink=1e7)).fit(outputs, targets, None, Context()).state().arrays
    )
    away = np.abs(arrays["own_7"] - tight["own_7"]).sum(axis=1)
    assert away[-1] < away[:-1].min()


def test_every_set_of_members_is_answered_as_if_there_were_no_others() -> None:
    (outputs, targets), (new, wanted) = make(500, 0), make(400, 2)
    settings = LogisticSettings(shrink=3)
    policy = Logistic(settings).fit(outputs, targets, None, Context())
    for members in ([0], [2], [0, 1]):
        alone = Logistic(settings).fit(only(outputs, *members), targets, None, Context())
        np.testing.assert_allclose(
            policy.fuse(only(new, *members)), alone.fuse(only(new, *members)), atol=1e-3
        )
        best = max(best_micro_f1(wanted, new.scores[:, m]) for m in members)
        assert best_micro_f1(wanted, policy.fuse(only(new, *members))) > best


def test_sets_that_hardly_any_product_has_learn_from_their_parts() -> None:
    outputs, targets = make(600, 0)
    present = np.repeat(np.eye(M, dtype=np.bool_), 200, axis=0)  # nobody has two
    apart = MemberOutputs(outputs.scores * present[:, :, None], present, ())
    fused = Logistic(LogisticSettings()).fit(apart, targets, None, Context()).fuse(make(400, 2)[0])
    assert best_micro_f1(make(400, 2)[1], fused) > max(
        best_micro_f1(make(400, 2)[1], make(400, 2)[0].scores[:, m]) for m in range(M)
    )


def test_a_member_nobody_had_says_nothing() -> None:
    outputs, targets = make(300, 0)
    policy = Logistic(LogisticSettings()).fit(only(outputs, 0, 1), targets, None, Context())
    fused = policy.fuse(only(outputs, 2))
    np.testing.assert_allclose(fused, np.broadcast_to(targets.mean(axis=0), fused.shape), atol=0.1)


def test_certain_scores_stay_finite() -> None:
    outputs, targets = make(100, 0)
    certain = MemberOutputs(np.round(outputs.scores), outputs.present, ())
    assert np.isfinite(
        Logistic(LogisticSettings()).fit(certain, targets, None, Context()).fuse(certain)
    ).all()


def test_too_many_members_are_refused_where_any_set_may_occur() -> None:
    outputs = MemberOutputs(np.zeros((4, 7, 2), np.float32), np.ones((4, 7), np.bool_), ())
    with pytest.raises(ConfigError, match="at most 6 members, it was given 7"):
        Logistic(LogisticSettings()).fit(outputs, np.zeros((4, 2), np.float32), None, Context())


def sets(*numbers: int, members: int = M) -> tuple[tuple[bool, ...], ...]:
    return tuple(tuple(bool(number >> m & 1) for m in range(members)) for number in numbers)


def test_only_sets_that_can_occur_are_solved_and_they_alike() -> None:
    outputs, targets = make(200, 0)
    policy = Logistic(LogisticSettings())
    everything = dict(policy.fit(outputs, targets, None, Context()).state().arrays)
    some = policy.fit(outputs, targets, None, Context(patterns=sets(2, 7))).state().arrays
    assert {name for name in some if name.startswith("own_")} == {"own_2", "own_7"}
    assert all(np.array_equal(value, everything[name]) for name, value in some.items())
    assert policy.facts()["sets"] == 2


@given(
    st.lists(st.integers(1, 2**5 - 1), min_size=1, max_size=6, unique=True),
    st.integers(1, 2**5 - 1),
)
def test_other_sets_are_answered_by_their_largest_part(solved: list[int], new: int) -> None:
    present = np.flatnonzero([new >> m & 1 for m in range(5)])
    largest = {0}
    for size in range(len(present), 0, -1):
        parts = [sum(1 << int(m) for m in part) for part in itertools.combinations(present, size)]
        if found := [number for number in parts if number in solved]:
            largest = {min(found)}
            break
    members = _largest_within(present, sorted(solved))
    assert {sum(1 << int(m) for m in members)} == largest


def test_a_set_that_was_not_solved_is_heard_without_the_rest() -> None:
    (outputs, targets), (new, _) = make(300, 0), make(50, 2)
    policy = Logistic(LogisticSettings()).fit(
        outputs, targets, None, Context(patterns=sets(1, 2, 6))
    )
    assert np.array_equal(policy.fuse(new), policy.fuse(only(new, 1, 2)))
    assert np.array_equal(policy.fuse(only(new, 0, 1)), policy.fuse(only(new, 0))), (
        "the lowest number of several"
    )


def test_without_any_solved_part_the_members_are_averaged() -> None:
    (outputs, targets), (new, _) = make(300, 0), make(50, 2)
    policy = Logistic(LogisticSettings()).fit(outputs, targets, None, Context(patterns=sets(7)))
    np.testing.assert_allclose(
        policy.fuse(only(new, 0, 2)), new.scores[:, [0, 2]].mean(axis=1), atol=1e-6
    )
    assert not policy.fuse(only(new)).any()


def test_any_number_of_members_where_their_sets_are_known() -> None:
    outputs, targets = make(200, 0)
    copies = 22  # 66 members: their sets have numbers beyond 64 bits
    many = MemberOutputs(
        np.tile(outputs.scores, (1, copies, 1)), np.tile(outputs.present, (1, copies)), ()
    )
    everybody = (True,) * (copies * M)
    policy = Logistic(LogisticSettings()).fit(many, targets, None, Context(patterns=(everybody,)))
    assert best_micro_f1(targets, policy.fuse(many)) > best_micro_f1(
        targets, outputs.scores.mean(axis=1)
    )


def test_labels_that_are_never_together_keep_each_other_down() -> None:
    outputs, _ = make(400, 0)
    # of six labels each product has one of the first three, and one of the last
    rng = np.random.default_rng(0)
    targets = np.zeros((400, L), np.float32)
    targets[np.arange(400), rng.integers(0, 3, 400)] = 1
    targets[np.arange(400), rng.integers(3, 6, 400)] = 1
    together, alone = (
        Logistic(LogisticSettings(label_sets=share)).fit(outputs, targets, None, Context())
        for share in (1, 0)
    )
    assert together.fuse(outputs)[:, :3].sum(axis=1).max() < 1
    assert alone.fuse(outputs)[:, :3].sum(axis=1).max() > 1.1


def test_sets_of_labels_are_kept_with_the_model() -> None:
    outputs, targets = make(400, 0)
    policy = Logistic(LogisticSettings()).fit(outputs, targets, None, Context())
    restored = Logistic(LogisticSettings()).restore(policy.state())
    assert restored.facts() == policy.facts()
    assert policy.facts()["label_sets"] > 0
    assert np.array_equal(restored.fuse(outputs), policy.fuse(outputs))


def test_a_model_from_before_sets_of_labels_counted_judges_labels_alone() -> None:
    outputs, targets = make(400, 0)
    state = Logistic(LogisticSettings(label_sets=0)).fit(outputs, targets, None, Context()).state()
    old = State(
        {name: array for name, array in state.arrays.items() if not name.startswith("set_")}
    )
    assert Logistic(LogisticSettings()).restore(old).facts()["label_sets"] == 0
