"""Any number of inputs and modes: a model of co-purchases, a table and a vector, without text or image."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.model.bundle import load_bundle, save_bundle
from shelfwise.model.model import Model
from shelfwise.training.fit import fit_catalog

EXAMPLE = Path(__file__).parents[2] / "examples" / "audio" / "train_with_sounds.py"
TRAINING = {"hidden": 0, "training": {"epochs": 20, "loss": "bce", "learning_rate": 0.05}}
CONFIG = {
    "labels": {"min_count": 4},
    "split": {"method": "random"},
    "stacking": {"folds": 2},
    "members": {
        "bought": {"modality": "graph", "field": "related", "settings": TRAINING},
        "table": {"modality": "tabular", "field": "price+colour", "settings": TRAINING},
        "sound": {"modality": "vector", "field": "sound", "settings": TRAINING},
        "video": {"modality": "vector", "field": "video", "settings": TRAINING},
    },
    "systems": {"mean": {"policy": "mean", "members": ["bought", "table", "sound"]}},
    "decide_with": "mean",
}


def products(count: int = 90) -> list[dict[str, Any]]:
    """Three kinds of products.

    The colour tells the first, the price the second, the sound the third, neighbours all of them.
    """
    rng = np.random.default_rng(0)
    kinds = np.arange(count) % 3
    return [
        {
            "id": str(i),
            "categories": [["kind", str(kind)]],
            "related": {
                "also_viewed": rng.choice(np.flatnonzero(kinds == kind), 4).astype(str).tolist()
            },
            "price": float(rng.lognormal(4 if kind == 1 else 1, 0.3)),
            "colour": "red" if kind == 0 else "blue",
            "sound": (rng.normal(size=2) + (5 if kind == 2 else 0)).tolist(),
            "video": None if i > 2 else [1.0],
        }
        for i, kind in enumerate(kinds.tolist())
    ]


def test_trained_saved_and_asked(tmp_path: Path) -> None:
    model = fit_catalog(Catalog.from_records(products()), Config.parse(CONFIG), Context())
    assert model.facts["not_run"].keys() == {"video"}
    save_bundle(model.bundle(), tmp_path / "model")
    loaded = Model.from_bundle(load_bundle(tmp_path / "model"))
    new = Catalog.from_records(
        [
            {
                "id": "all",
                "related": {"also_viewed": ["0", "3"]},
                "price": 2,
                "colour": "Red",
                "sound": [0, 0],
            },
            {"id": "bought", "related": {"also_viewed": ["1", "4"]}},
            {"id": "sound only", "sound": [5, 5]},
            {"id": "nothing"},
        ]
    )
    scores = model.scores(model.predict_members(new, Context()))
    assert np.array_equal(scores, loaded.scores(loaded.predict_members(new, Context())))
    columns = [model.labels.names.index(name) for name in ("0", "1", "2")]
    assert scores[:3, columns].argmax(axis=1).tolist() == [0, 1, 2]
    assert not scores[3].any()


@pytest.mark.slow
def test_the_example_with_sounds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE))["main"](tmp_path)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:5]]
    reached = {name: float(value) for name, value in rows}
    assert min(reached["mean"], reached["ridge"]) > max(reached["title"], reached["sound"]) > 0.8
