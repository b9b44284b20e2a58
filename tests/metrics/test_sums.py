"""Counts of parts of the products add up to those of all of them, to the last digit."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from shelfwise.metrics.calibration import TOP_LABELS, calibration_figures
from shelfwise.metrics.calibration_sums import CalibrationSums
from shelfwise.metrics.decision_sums import DecisionSums
from shelfwise.metrics.hierarchical import HierarchicalSums
from shelfwise.metrics.multilabel import decision_metrics
from shelfwise.metrics.ranking import RankingSums, TrueLabelRanks, ranking_metrics
from shelfwise.metrics.sums import UNITS, Sums, in_units, mean_of

PARTS = (slice(0, 1), slice(1, 1), slice(1, 700), slice(700, 1001))


def drawn(products: int = 1001, labels: int = 7) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    targets = random.random((products, labels)) < 0.2
    return targets, random.random((products, labels)).astype(np.float32)


def above(labels: Any) -> Any:
    """The first label lies above all others."""
    return np.column_stack([labels.any(axis=1), labels[:, 1:]])


def counted(kind: str, targets: Any, scores: Any) -> Sums:
    if kind == "decisions":
        return DecisionSums.of(targets, scores >= 0.7)
    if kind == "hierarchical":
        return HierarchicalSums.of(targets, scores >= 0.7, above)
    if kind == "calibration":
        return CalibrationSums.of(targets, scores)
    if kind == "top_calibration":
        return CalibrationSums.of(targets, scores, top=2)
    return RankingSums.of(TrueLabelRanks.of(targets, scores))


def figures(sums: Any) -> dict[str, float]:
    found: dict[str, float] = sums.figures("") if hasattr(sums, "brier") else sums.figures()
    return found


@pytest.mark.parametrize(
    "kind", ["decisions", "hierarchical", "ranking", "calibration", "top_calibration"]
)
def test_parts_in_any_order_give_every_digit_of_the_whole(kind: str) -> None:
    targets, scores = drawn()
    whole = counted(kind, targets, scores)
    # workers tell their counts as lines of JSON, an empty part's, too
    parts = [
        type(whole).from_dict(
            json.loads(json.dumps(counted(kind, targets[rows], scores[rows]).to_dict()))
        )
        for rows in PARTS
    ]
    for order in (parts, parts[::-1], [*parts[2:], *parts[:2]]):
        total = order[0]
        for part in order[1:]:
            total = total + part
        assert figures(total) == figures(whole)
        assert total.to_dict() == whole.to_dict()


def test_sparse_counts_are_those_of_dense_ones() -> None:
    targets, scores = drawn()
    scores[scores < 0.5] = 0
    for kind in ("decisions", "ranking", "calibration", "top_calibration"):
        sparse = counted(kind, sp.csr_array(targets), sp.csr_array(scores))
        assert sparse.to_dict() == counted(kind, targets, scores).to_dict()


def test_the_figures_are_those_of_the_metrics() -> None:
    targets, scores = drawn()
    decided = scores >= 0.7
    assert figures(counted("decisions", targets, scores)) == decision_metrics(targets, decided)
    ranking = figures(counted("ranking", targets, scores))
    assert ranking.items() <= ranking_metrics(targets, scores).items()


@pytest.mark.parametrize("is_sparse", [False, True])
def test_calibration_is_that_of_the_metrics(is_sparse: bool) -> None:
    targets, scores = drawn()
    # edges of bins, and what stands for the scores that are not kept
    scores[:15, 0] = np.arange(1, 16) / 15
    scores[scores < 0.5] = 0
    if is_sparse:
        targets, scores = sp.csr_array(targets), sp.csr_array(scores)
    wanted = calibration_figures(targets, scores)
    found = CalibrationSums.of(targets, scores).figures("")
    found |= CalibrationSums.of(targets, scores, TOP_LABELS).figures("_top")
    assert len(found) == 6
    assert found == pytest.approx({name: wanted[name] for name in found}, abs=1e-13)


def test_sums_of_fractions_are_exact() -> None:
    # a plain sum of these depends on their order in its last digits
    values = 1 / np.arange(1, 3001)
    exact = sum(Fraction(round(Fraction(value) * UNITS), UNITS) for value in values.tolist())
    assert Fraction(in_units(values), UNITS) == exact
    assert in_units(values) == in_units(values[::-1])
    # as many as fit no 64 bits
    assert in_units(np.full(10_000, 15.75)) == 157_500 * UNITS
    assert mean_of(in_units(values), 3000) == pytest.approx(values.mean(), abs=1e-15)


def test_of_nothing_the_mean_is_0() -> None:
    assert in_units(np.zeros(0)) == 0
    assert mean_of(0, 0) == 0.0


def test_names_that_one_part_lacks_count_0_there() -> None:
    targets, scores = drawn(3)
    sums = counted("ranking", targets, scores)
    other = type(sums).from_dict({**sums.to_dict(), "found": {"1": 2, "9": 5}})
    assert (sums + other).found["9"] == 5  # type: ignore[attr-defined]
