"""Members that contradict each other: as a slow obvious search finds them, where both are present."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from shelfwise.core.types import MemberOutputs
from shelfwise.explain.disagreement import disagreements


def outputs(scores: Any, present: Any = None) -> MemberOutputs:
    scores = np.array(scores, np.float32)
    present = np.ones(scores.shape[:2], bool) if present is None else np.array(present)
    return MemberOutputs(np.where(present[:, :, None], scores, np.float32(0)), present, ())


def test_image_says_shoes_title_says_laces() -> None:
    [found] = disagreements(
        outputs([[[0.9, 0.1], [0.2, 0.8]], [[0.9, 0.1], [0.8, 0.1]]]), ["image", "title"]
    )
    assert found.row == 0
    assert found.members == (0, 1)
    assert found.labels == (0, 1)
    np.testing.assert_allclose(found.scores, [(0.9, 0.2), (0.8, 0.1)], atol=1e-6)
    assert found.strength == pytest.approx(np.sqrt(0.9 * 0.8 * 0.8 * 0.9), abs=1e-6)


def test_an_absent_member_contradicts_nobody() -> None:
    sure = [[[1.0, 0.0], [0.0, 1.0]]] * 2
    found = disagreements(outputs(sure, [[True, True], [True, False]]), ["image", "title"])
    assert [d.row for d in found] == [0]


def test_readers_of_one_field_are_not_compared() -> None:
    sure = outputs([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]])
    assert disagreements(sure, ["title", "title+description", "description"]) == []
    assert disagreements(sure, ["title", "image", "title"])[0].members == (0, 1)


def test_against_a_slow_obvious_search() -> None:
    chance = np.random.default_rng(0)
    predicted = outputs(chance.uniform(size=(40, 3, 5)) ** 0.2, chance.uniform(size=(40, 3)) < 0.8)
    predicted = outputs(
        np.where(
            chance.uniform(size=predicted.scores.shape) < 0.5,
            predicted.scores,
            1 - predicted.scores,
        ),
        predicted.present,
    )
    strongest = {}
    for row in range(40):
        for a, b in itertools.combinations(range(3), 2):
            if predicted.present[row, a] and predicted.present[row, b]:
                p, q = (
                    predicted.scores[row, a].astype(float),
                    predicted.scores[row, b].astype(float),
                )
                strength = max(
                    np.sqrt(p[i] * (1 - q[i]) * q[j] * (1 - p[j]))
                    for i in range(5)
                    for j in range(5)
                )
                strongest[row] = max(strongest.get(row, 0), strength)
    expected = sorted((s for s in strongest.values() if s >= 0.5), reverse=True)
    found = disagreements(predicted, ["image", "title", "related"], top=40)
    assert len(found) == len({d.row for d in found}) > 3
    np.testing.assert_allclose([d.strength for d in found], expected, atol=1e-5)
    assert [d.row for d in disagreements(predicted, ["image", "title", "related"], top=2)] == [
        d.row for d in found[:2]
    ]


def test_nothing_to_compare() -> None:
    assert (
        disagreements(outputs(np.zeros((0, 2, 3)), np.zeros((0, 2), bool)), ["image", "title"])
        == []
    )
    assert disagreements(outputs([[[1.0, 0.0]]]), ["image"]) == []
