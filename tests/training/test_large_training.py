"""A training whose answers are too large for dense arrays: the same figures from sparse ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from shelfwise.catalog.sample import write_sample
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core import sparse_scores
from shelfwise.export.loading import open_model
from shelfwise.modalities.text_linear import TextLinear

MEMBERS = {name: {"modality": "text_linear", "field": name} for name in ("title", "description")}
ALONE: dict[str, Any] = {"members": {"title": MEMBERS["title"]}, "systems": {}}
FUSED: dict[str, Any] = {
    "members": MEMBERS,
    "systems": {"fused": {"policy": "ridge"}},
    "decide_with": "fused",
}
TREE: dict[str, Any] = {
    "members": {"title": {**MEMBERS["title"], "settings": {"tree_from": 20}}},
    "systems": {},
}
WITH_VALIDATION = {"split": {"validation_fraction": 0.15}}
TIMES = ("seconds", "seconds_fit", "seconds_predict", "timings", "created")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    write_sample(folder / "sample", 500, 0, images=False)
    return folder / "sample" / "catalog.jsonl"


def flat(results: Any, path: str = "") -> dict[str, Any]:
    """Every figure under its path, without times."""
    if isinstance(results, dict):
        items = [(str(key), value) for key, value in results.items() if key not in TIMES]
    elif isinstance(results, list):
        items = [(str(place), value) for place, value in enumerate(results)]
    else:
        return {path: results}
    found = {}
    for key, value in items:
        found |= flat(value, f"{path}/{key}")
    return found


def trained(catalog: Path, out: Path, settings: dict[str, Any]) -> dict[str, Any]:
    config = {"refit": False, "evaluation": {"bootstrap": 20}, "stacking": {"folds": 2}}
    return flat(train(catalog, out, Config.parse({**config, **settings})))


@pytest.mark.parametrize(
    "settings",
    [
        ALONE,
        {**ALONE, "threshold": "per_product", **WITH_VALIDATION},
        {**ALONE, "threshold": "per_label", "labels": {"mode": "path"}},
        {**FUSED, "consistency": "most_probable", "stacking": {"folds": 2, "max_products": 200}},
        {**FUSED, **WITH_VALIDATION},
        {**TREE, "threshold": "global"},
    ],
    ids=["alone", "per_product", "paths", "fused", "fused with validation", "label tree"],
)
def test_all_figures_are_those_of_dense_answers(
    settings: dict[str, Any], catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(catalog, tmp_path / "dense", settings)
    monkeypatch.setattr(sparse_scores, "MOST_DENSE_CELLS", 0)
    monkeypatch.setattr(sparse_scores, "KEPT_LABELS", 1000)
    asked: list[bool] = []
    fit = TextLinear.fit

    def watched(self: TextLinear, train: Any, *rest: Any) -> TextLinear:
        asked.append(sp.issparse(train.targets))
        return fit(self, train, *rest)

    monkeypatch.setattr(TextLinear, "fit", watched)
    found = trained(catalog, tmp_path / "sparse", settings)
    assert asked
    assert all(asked)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, float):
            assert found[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name
        else:
            assert found[name] == value, name
    # a label below the highest is no other than of dense answers
    models = [open_model(tmp_path / name) for name in ("dense", "sparse")]
    kept = [model.out_of_fold for model in models]
    assert kept[0] is not None
    assert kept[1] is not None
    np.testing.assert_allclose(kept[1].dense()[0], kept[0].dense()[0], atol=1e-3)


def test_of_each_product_only_the_highest_scores_are_kept(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(catalog, tmp_path / "dense", ALONE)["/systems/title/micro_f1_tuned"]
    monkeypatch.setattr(sparse_scores, "MOST_DENSE_CELLS", 0)
    monkeypatch.setattr(sparse_scores, "KEPT_LABELS", 6)
    found = trained(catalog, tmp_path / "sparse", {**ALONE, "consistency": "none"})
    model = open_model(tmp_path / "sparse")
    assert model.out_of_fold is not None
    assert np.diff(model.out_of_fold.scores.indptr).max() == 6
    assert found["/systems/title/micro_f1_tuned"] == pytest.approx(expected, abs=0.02)
