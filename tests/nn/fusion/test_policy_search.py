"""The search for a policy network: scored exactly, resumable, and never without the paper's networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.decision.thresholds import best_threshold, decide
from shelfwise.errors import ConfigError
from shelfwise.fusion.search import Search, SearchSettings
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.metrics.threshold_search import best_micro_f1
from shelfwise.nn.fusion import policy_search as search
from shelfwise.nn.fusion.policy_network import PolicySettings
from shelfwise.nn.fusion.policy_search import SearchResult, search_policy

BASE = PolicySettings.model_validate({"training": {"epochs": 2, "loss": "bce", "patience": 1}})


def parts(seed: int, products: int = 60) -> tuple[MemberOutputs, Floats]:
    """Two members know the targets a little, one knows nothing; every fifth product lacks the first."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((products, 5)) < 0.3).astype(np.float32)
    scores = rng.random((products, 3, 5), dtype=np.float32) * 0.6
    scores[:, :2] += 0.4 * targets[:, None]
    present = np.ones((products, 3), bool)
    present[::5, 0] = False
    return MemberOutputs(
        scores * present[:, :, None],
        present,
        tuple(np.ones((products, 2), np.float32) for _ in range(3)),
    ), targets


def run(trials: int, cache: Path | None = None) -> SearchResult:
    return search_policy(parts(0), parts(1), BASE, trials, None, Context(seed=3, cache=cache))


@given(st.integers(0, 2**32 - 1))
def test_scored_as_the_house_scores(seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = (rng.random((9, 3)) < 0.4).astype(np.float32)
    scores = rng.integers(0, 5, (9, 3)).astype(np.float32) / 4
    assert best_micro_f1(targets, scores) == pytest.approx(
        micro_f1(targets > 0, decide(scores, best_threshold(targets, scores)))
    )


def test_the_papers_networks_are_always_tried_first() -> None:
    trials = run(2).trials
    assert [trial["hidden"] for trial in trials] == [
        [[200, "sigmoid"], [150, "sigmoid"]],
        [[330, "sigmoid"], [270, "tanh"]],
    ]
    assert all(
        trial["members"] == [0, 1, 2] and trial["dropout"] == 0 and trial["learning_rate"] == 1e-3
        for trial in trials
    )


def test_a_killed_search_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(6)
    fits: list[Any] = []
    real = search.fit_policy

    def killed(*arguments: Any) -> Any:
        fits.append(arguments)
        if len(fits) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(search, "fit_policy", killed)
    with pytest.raises(KeyboardInterrupt):
        run(6, tmp_path)
    resumed = run(6, tmp_path)
    assert len(fits) == 4 + 3, (
        "three trials were finished before the kill and must not be tried again"
    )
    assert resumed == whole
    assert len(list((tmp_path / "search").iterdir())) == 1


def test_time_out_leaves_the_papers_networks() -> None:
    assert len(search_policy(parts(0), parts(1), BASE, 50, 1e-6, Context()).trials) == 2


def test_the_best_trial_is_the_network_that_is_kept() -> None:
    train, validation = parts(0), parts(1)
    policy = Search(SearchSettings(trials=5, network=BASE)).fit(*train, validation, Context(seed=3))
    facts = policy.facts()
    assert facts["best"]["micro_f1"] == max(trial["micro_f1"] for trial in facts["trials"])
    assert best_micro_f1(validation[1], policy.fuse(validation[0])) == pytest.approx(
        facts["best"]["micro_f1"]
    )


def test_products_that_only_others_know_get_their_mean() -> None:
    outputs, targets = parts(0)
    chosen = search.SearchCandidate((0,), BASE)
    network, _ = chosen.fit((outputs, targets), parts(1), Context())
    lacking = ~outputs.present[:, 0]
    fused = chosen.fuse(network, outputs)
    np.testing.assert_allclose(
        fused[lacking], outputs.scores[lacking][:, 1:].mean(axis=1), rtol=1e-6
    )


def test_needs_validation() -> None:
    with pytest.raises(ConfigError, match="needs validation products"):
        Search(SearchSettings()).fit(*parts(0), None, Context())
