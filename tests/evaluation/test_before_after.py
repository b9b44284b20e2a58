"""Before and after: figures as scikit-learn has them, and only labels that changed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from shelfwise.evaluation.before_after import before_after, before_after_markdown

NAMES = ("Mugs", "Bowls|Plates", "Toys")


def test_figures_as_scikit_learn_has_them() -> None:
    rng = np.random.default_rng(0)
    truth, before = rng.random((2, 200, 3)) < 0.4
    after = np.where(rng.random(truth.shape) < 0.5, truth, before)
    after[:, 2] = before[:, 2]
    found = before_after(truth, before, after, NAMES, resamples=200)
    for average in ("micro", "macro"):
        assert found["before"][f"{average}_f1"] == pytest.approx(
            f1_score(truth, before, average=average)
        )
        assert found["after"][f"{average}_f1"] == pytest.approx(
            f1_score(truth, after, average=average)
        )
    each = f1_score(truth, after, average=None) - f1_score(truth, before, average=None)
    changes = {row["label"]: row["change"] for row in found["labels"]}
    assert changes == pytest.approx(
        {name: change for name, change in zip(NAMES, each, strict=True) if name != "Toys"}
    )
    assert [abs(row["change"]) for row in found["labels"]] == sorted(
        (abs(c) for c in changes.values()), reverse=True
    )
    assert (
        found["difference"]["low"] < found["difference"]["difference"] < found["difference"]["high"]
    )
    text = before_after_markdown(found, top=1)
    assert f"{100 * found['after']['micro_f1']:.2f}" in text
    assert text.count("\n| ") == 6  # four figures, the heading of the labels, one label


def test_nothing_changed() -> None:
    truth = np.eye(3, dtype=np.bool_)
    found = before_after(truth, truth, truth, NAMES, resamples=0)
    assert found["difference"] is None
    assert found["labels"] == []
    assert "label" not in before_after_markdown(found)
