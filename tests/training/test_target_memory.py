"""Targets of so many labels that they do not fit into memory are told before anything is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from shelfwise.catalog.labels import LabelSet
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.errors import LabelError
from shelfwise.training import target_memory
from shelfwise.training.dataset import TrainingSet
from shelfwise.training.fit import fit_model

COUNT, LABELS = 40, 4
LINEAR = {"modality": "text_linear", "field": "title"}
NETWORK = {"modality": "text_bag", "field": "title"}
BYTES = COUNT // 2 * LABELS * 4
"""Of the targets of the products that have a title."""


def training_set() -> TrainingSet:
    """Every second product has a title."""
    kinds = np.arange(COUNT) // 2 % LABELS
    records = [
        {"id": str(i), "title": f"thing {kind}" if i % 2 else None} for i, kind in enumerate(kinds)
    ]
    targets = sp.csr_array(np.eye(LABELS, dtype=np.float32)[kinds])
    rows = np.arange(COUNT)
    return TrainingSet(Catalog.from_records(records), targets, rows, rows[:0], rows)


def fit(members: dict[str, Any], skip_failures: bool = False) -> dict[str, Any]:
    config = Config.parse({"members": members, "stacking": {"folds": 2}, "refit": False})
    labels = LabelSet([str(label) for label in range(LABELS)])
    made = fit_model(training_set(), labels, config, Context(), skip_failures=skip_failures)
    return dict(made.facts["not_run"])


def test_a_member_whose_targets_do_not_fit_is_refused_before_another_is_fitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(target_memory, "free_bytes", lambda: BYTES - 1)
    begun: list[str] = []
    monkeypatch.setattr("shelfwise.training.fit_members.fit_member", lambda *a: begun.append(a[1]))
    with pytest.raises(LabelError, match=r"the member words needs .* 20 products and 4 labels"):
        fit({"lines": LINEAR, "words": NETWORK})
    assert not begun


def test_a_comparison_leaves_the_member_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_memory, "free_bytes", lambda: BYTES - 1)
    left_out = fit({"words": NETWORK, "lines": LINEAR}, skip_failures=True)
    assert list(left_out) == ["words"]


def test_a_comparison_leaves_out_a_member_whose_library_is_missing() -> None:
    left_out = fit({"gone": {"modality": "no_such_kind", "field": "title"}, "lines": LINEAR}, True)
    assert "no_such_kind" in left_out["gone"]


@pytest.mark.parametrize("free", [BYTES, None])
def test_targets_that_fit_are_not_refused(
    free: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target_memory, "free_bytes", lambda: free)
    for kind in (NETWORK, LINEAR):
        target_memory.check_target_memory("it", made(kind), training_set())


def made(member: dict[str, Any]) -> Any:
    from shelfwise.core.registry import make_member

    return make_member(Config.parse({"members": {"it": member}}), "it")
