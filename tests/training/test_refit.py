"""A model that was scored on a part of the catalogue learns from all of it before it is saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise import Categorizer
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core.types import Context
from shelfwise.errors import LabelError
from shelfwise.training import refit as refitting
from shelfwise.training.dataset import prepare_data
from shelfwise.training.fit import fit_catalog
from shelfwise.training.refit import final_settings

TITLE = {"modality": "text_linear", "field": "title"}
DESCRIPTION = {"modality": "text_linear", "field": "description"}
MEMBERS = {
    "members": {"title": TITLE, "description": DESCRIPTION},
    "systems": {"mean": {"policy": "mean", "members": ["title", "description"]}},
    "split": {"validation_fraction": 0},
    "labels": {"min_count": 8},
    "evaluation": {"bootstrap": 0},
    "decide_with": "mean",
}


def settings(**changes: Any) -> Config:
    return Config.parse({**MEMBERS, **changes})


@pytest.fixture(scope="module")
def refitted(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("refit") / "model"
    return train(sample, out, settings()), out


def test_the_saved_model_is_the_one_fitted_on_all_products(
    refitted: tuple[dict[str, Any], Path], sample: Path
) -> None:
    results, out = refitted
    data = results["data"]
    assert results["refit"]["products"] == data["train"] + data["test"]
    assert results["refit"]["not_run"] is None
    catalog = read_catalog(sample, settings().catalog, strict=True)
    config = settings().model_copy(update={"catalog": catalog.settings})
    everything = Categorizer.from_model(fit_catalog(catalog.catalog, config, Context()))
    saved = Categorizer.load(out)
    products = [{"title": "Blue mug"}, {"title": "Running shoe", "description": "For a road."}]
    np.testing.assert_array_equal(saved.predict_proba(products), everything.predict_proba(products))


def test_the_figures_are_of_the_model_that_had_not_seen_the_test_products(
    refitted: tuple[dict[str, Any], Path], sample: Path, tmp_path: Path
) -> None:
    results, _ = refitted
    kept_out = train(sample, tmp_path / "model", settings(refit=False))
    assert kept_out["refit"] is None
    for name, system in results["systems"].items():
        assert system["metrics"] == kept_out["systems"][name]["metrics"]


def test_out_of_fold_scores_cover_all_products(
    refitted: tuple[dict[str, Any], Path], sample: Path
) -> None:
    _, out = refitted
    data = prepare_data(sample, settings(), None, Context())
    ids = Categorizer.load(out).model_.out_of_fold.ids  # type: ignore[union-attr]
    assert set(data.test.ids) <= set(ids)


def test_a_test_catalogue_of_its_own_leaves_nothing_to_fit_again(
    sample: Path, tmp_path: Path
) -> None:
    test = tmp_path / "test.jsonl"
    lines = sample.read_bytes().split(b"\n")
    test.write_bytes(b"\n".join(lines[:60]))
    rest = sample.parent / "rest_of_refit.jsonl"
    rest.write_bytes(b"\n".join(lines[60:]))
    assert train(rest, tmp_path / "model", settings(), test)["refit"] is None


def test_a_second_fit_that_fails_does_not_cost_the_first(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any) -> Any:
        raise LabelError("no product is left")

    monkeypatch.setattr(refitting, "fit_model", fails)
    results = train(sample, tmp_path / "model", settings())
    assert results["refit"]["not_run"] == "no product is left"
    report = json.loads((tmp_path / "model" / "report" / "results.json").read_text("utf-8"))
    assert report["refit"]["products"] == results["data"]["train"]
    assert "no product is left" in (tmp_path / "model" / "report" / "index.html").read_text("utf-8")
    Categorizer.load(tmp_path / "model").predict([{"title": "Blue mug"}])


def test_a_spent_budget_saves_the_scored_model(sample: Path, tmp_path: Path) -> None:
    # too little for two fits, and enough that the members are fitted at all
    data = prepare_data(sample, settings(), None, Context())
    scored = refitting.fit_model(data.training_set, data.labels, settings(), Context())
    checkpoints = refitting.Checkpoints()
    for seconds_fit, spent in ((60.0, True), (10.0, False)):
        config = settings(budget=100)
        found = refitting.refit(scored, data, config, Context(), checkpoints, seconds_fit)
        assert (found.not_run == "the budget of 100 seconds was spent") is spent
        assert (found.model is scored) is spent


def test_only_the_final_system_and_its_members_are_fitted_again(sample: Path) -> None:
    data = prepare_data(sample, settings(), None, Context())
    for final, members in (("title", ["title"]), ("mean", ["title", "description"])):
        config = settings(decide_with=final)
        model = refitting.fit_model(data.training_set, data.labels, config, Context())
        again = final_settings(model)
        assert list(again.members) == members
        assert list(again.systems) == [name for name in ("mean",) if name == final]


@pytest.mark.parametrize("preset", ["paper", "authors_code"])
def test_the_papers_presets_save_what_they_scored(preset: str) -> None:
    assert not Config.load(preset).refit
    assert Config.load("recommended").refit
