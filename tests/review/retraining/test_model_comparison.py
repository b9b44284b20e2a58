"""What may be concluded from two models' suggestions for the random sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.retraining.model_comparison import ModelComparison, compare
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.sessions import Visitor

ADA = Visitor("Ada", "lead")
COUNT = 120

RIGHT = (True, True, False, False)
"""Kitchen and Mugs, as people decide."""
WRONG = (True, False, True, False)


@pytest.fixture
def open_of(tmp_path: Path, workspace_of: Callable[..., Workspace]) -> Callable[..., Workspace]:
    """A review in which a model is wrong about some of the products."""

    def open_review(wrong: int, **changes: Any) -> Workspace:
        path = tmp_path / "catalog.csv"
        path.write_text("id,title\n" + "".join(f"p{row},Mug {row}\n" for row in range(COUNT)))
        return workspace_of(path, suggested=suggestions(wrong), **changes)

    return open_review


def suggestions(wrong: int) -> np.ndarray:
    """Right for all but the first products of the random sample."""
    suggested = np.tile(np.array(RIGHT), (COUNT, 1))
    suggested[np.random.default_rng([0, COUNT]).permutation(COUNT)[:wrong]] = WRONG
    return suggested


def other(workspace: Workspace, wrong: int, **changes: Any) -> ReviewProducts:
    return replace(workspace.products, suggested=suggestions(wrong), **changes)


def look_at(workspace: Workspace, count: int) -> None:
    for row in workspace.queues.sample[:count].tolist():
        workspace.decide([row], ("Kitchen", "Mugs"), 0, f"sample-{row}", "sample", ADA)


@pytest.mark.parametrize(
    ("looked_at", "before", "after", "verdict"),
    [
        (60, 30, 0, "better"),
        (60, 0, 30, "worse"),
        (60, 20, 20, "no difference"),
        (60, 8, 3, "too few"),
        (29, 29, 0, "too few"),
        (0, 30, 0, "too few"),
    ],
)
def test_nothing_is_concluded_from_too_little(
    open_of: Callable[..., Workspace], looked_at: int, before: int, after: int, verdict: str
) -> None:
    workspace = open_of(before)
    look_at(workspace, looked_at)
    found = compare(workspace, other(workspace, after))
    assert found.verdict == verdict
    assert found.products == looked_at
    assert len(found.changed) == abs(before - after)


def test_the_figures_are_those_counted_by_hand(open_of: Callable[..., Workspace]) -> None:
    workspace = open_of(10)
    look_at(workspace, 40)
    found = compare(workspace, other(workspace, 0))
    # 80 labels each, 10 of the old model's are wrong
    assert found.figures["micro_precision"] == (pytest.approx(70 / 80), 1)
    assert found.figures["micro_recall"] == (pytest.approx(70 / 80), 1)
    assert found.low is not None
    assert found.low < 0.125 < (found.high or 0)


def test_what_a_model_was_trained_on_does_not_measure_it(open_of: Callable[..., Workspace]) -> None:
    workspace = open_of(30)
    look_at(workspace, 60)
    known = np.zeros(COUNT, np.bool_)
    known[workspace.queues.sample[:40]] = True
    found = compare(workspace, other(workspace, 0, in_sample=known))
    assert (found.products, found.left_out, found.verdict) == (20, 40, "too few")


def test_what_was_looked_at_since_the_training_does_not_measure(
    open_of: Callable[..., Workspace],
) -> None:
    workspace = open_of(30)
    look_at(workspace, 40)
    measuring = {workspace.products.ids[row] for row in workspace.queues.sample[:35].tolist()}
    assert compare(workspace, other(workspace, 0), measuring).products == 35


def test_labels_that_come_and_go_are_named(open_of: Callable[..., Workspace]) -> None:
    workspace = open_of(0)
    names = ("Bowls", "Garden", "Kitchen", "Plates")
    paths = (*workspace.products.paths[:3], ("Kitchen", "Plates"))
    found: ModelComparison = compare(workspace, other(workspace, 0, names=names, paths=paths))
    assert (found.gone, found.new) == (("Mugs",), ("Plates",))
    assert len(found.changed) == COUNT
    # what people may choose does not shrink, and keeps its place in the tree
    workspace.use(other(workspace, 0, names=names, paths=paths, model_digest="other"))
    assert workspace.closed(["Mugs", "Plates"]) == ("Kitchen", "Mugs", "Plates")


def test_two_models_that_are_equally_good_are_seldom_told_apart() -> None:
    """By chance alone at most one pair in twenty is; each errs on one product in three."""
    from shelfwise.evaluation.before_after import before_after
    from shelfwise.review.retraining.model_comparison import conclude

    random = np.random.default_rng(0)
    truth = np.tile([True, False], (40, 1))
    told = 0
    for _ in range(200):
        answers = []
        for _ in range(2):
            wrong = random.random(40) < 1 / 3
            answers.append(np.stack([~wrong, wrong], axis=1))
        interval = before_after(truth, *answers, ["A", "B"], resamples=300)["difference"]
        differing = int((answers[0] != answers[1]).any(axis=1).sum())
        told += conclude(40, differing, interval["low"], interval["high"]) in ("better", "worse")
    assert told <= 20


def test_the_same_sample_measures_whatever_the_seed_of_the_model(
    open_of: Callable[..., Workspace],
) -> None:
    workspace = open_of(0)
    look_at(workspace, 40)
    workspace.use(other(workspace, 0, seed=5, model_digest="other"))
    assert workspace.precision().products == 40


def test_a_promise_that_the_new_model_breaks_ends_automatic_acceptance(
    open_of: Callable[..., Workspace],
) -> None:
    everything = np.ones(COUNT, np.bool_)
    workspace = open_of(0, automatic=everything, promise=0.95)
    workspace.store.switch_acceptance(True, "turned on by Ada", "Ada")
    look_at(workspace, 60)
    assert workspace.store.acceptance()[0]
    workspace.use(other(workspace, 60, model_digest="worse"))
    enabled, why = workspace.store.acceptance()
    assert not enabled
    assert "stopped by itself" in why


def test_a_model_without_a_promise_ends_automatic_acceptance(
    open_of: Callable[..., Workspace],
) -> None:
    workspace = open_of(0, promise=0.95)
    workspace.store.switch_acceptance(True, "turned on by Ada", "Ada")
    workspace.use(other(workspace, 0, model_digest="other", promise=None))
    assert workspace.store.acceptance()[0] is False
