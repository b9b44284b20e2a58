"""The main job, end to end, on the embedded sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core import loop_checkpoints, registry
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context
from shelfwise.errors import LabelError
from shelfwise.export.loading import open_model
from shelfwise.model.bundle import load_bundle
from shelfwise.model.model import Model
from shelfwise.training import checkpoints
from shelfwise.training import fit as fitting
from shelfwise.training.dataset import prepare_data
from shelfwise.training.training_run import TrainingRun
from tests.killed_loops import Killed


@pytest.fixture(scope="module")
def results(trained: Path) -> dict[str, Any]:
    return json.loads((trained / "report" / "results.json").read_text("utf-8"))  # type: ignore[no-any-return]


def test_all_ten_rows_with_their_figures(results: dict[str, Any], ten_rows: set[str]) -> None:
    assert results["systems"].keys() >= ten_rows
    for name in ten_rows:
        row = results["systems"][name]
        assert 0 <= row["micro_f1"] <= row["micro_f1_interval"][1] <= 1
        assert row["micro_f1_interval"][0] <= row["micro_f1"]
        assert {"micro_f1_tuned", "macro_f1", "threshold"} <= row.keys()
        assert row["seconds_fit"] > 0
        assert row["seconds_predict"] > 0
    fused = results["systems"]["image+title+description"]
    assert fused["seconds_fit"] >= max(
        results["systems"][m]["seconds_fit"] for m in ("title", "description", "image")
    )


def test_every_product_is_accounted_for(results: dict[str, Any], sample: Path) -> None:
    data = results["data"]
    used = data["train"] + data["validation"] + data["test"]
    lines = sum(1 for line in sample.read_bytes().split(b"\n") if line.strip())
    assert used + sum(data["left_out"].values()) + sum(data["quarantined"].values()) == lines
    assert data["quarantined"]["catalog"] > 0, "the sample has broken records on purpose"
    kinds = data["quarantine_kinds"]["catalog"]
    assert sum(kinds.values()) == data["quarantined"]["catalog"]
    assert "duplicate id" in kinds


def test_error_tables_count_what_the_label_table_counts(results: dict[str, Any]) -> None:
    supports = {row["label"]: row["support"] for row in results["labels"]}
    for column in results["errors"]["columns"].values():
        assert 0 < len(column) <= 15
        for row in column:
            assert row["missed"] <= row["total"] == supports[row["label"]]


def test_the_report_folder_is_complete(trained: Path) -> None:
    names = {p.name for p in (trained / "report").iterdir()}
    assert {"index.html", "results.json", "results.md", "quarantine.jsonl"} <= names
    page = (trained / "report" / "index.html").read_text("utf-8")
    assert "image+<wbr>title" in page
    assert 'src="http' not in page


def test_every_unusable_image_is_told(results: dict[str, Any], trained: Path, sample: Path) -> None:
    """Of training and test products alike: in results.json, in a list and on the page."""
    model = open_model(trained)
    assert isinstance(model, Model)
    assert model.nearest_neighbours is not None
    catalog = read_catalog(sample).catalog
    # whoever opens every image of the catalogue finds these
    broken = {one.id for one in model.predict_members(catalog, Context(), model.members).refused}
    known = set(model.nearest_neighbours.ids)
    told = {part: {one["id"] for one in results["refused"][part]} for part in ("training", "test")}
    assert told["training"] == broken & known
    assert told["training"], "the sample has broken images on purpose"
    assert told["test"] <= broken - known
    lines = (trained / "report" / "refused.jsonl").read_text("utf-8").splitlines()
    listed = {(row["part"], row["id"]) for row in map(json.loads, lines)}
    assert listed == {(part, name) for part, names in told.items() for name in names}
    page = (trained / "report" / "index.html").read_text("utf-8")
    assert f"{len(results['refused']['training'])} fields of training products" in page
    for one in results["refused"]["training"]:
        assert f"<code>{one['id']}</code>" in page


def test_no_partial_work_is_left(trained: Path) -> None:
    assert [p.name for p in trained.parent.iterdir()] == [trained.name]


def test_splits_share_no_product_and_no_near_copy(sample: Path) -> None:
    data = prepare_data(sample, Config.load("recommended"), None, Context())
    training_set = data.training_set
    train_groups = set(training_set.groups[training_set.train])
    assert not set(training_set.train) & set(training_set.validation)
    assert not train_groups & set(training_set.groups[training_set.validation])
    assert not set(training_set.catalog.ids) & set(data.test.ids)


def test_a_test_catalogue_is_never_trained_on(
    sample: Path, quick: dict[str, Any], tmp_path: Path
) -> None:
    config = Config.load("paper", changes=quick)
    copy = tmp_path / "test.jsonl"
    lines = sample.read_bytes().split(b"\n")
    copy.write_bytes(b"\n".join(lines[:60]))
    rest = sample.parent / "rest.jsonl"
    rest.write_bytes(b"\n".join(lines[30:]))
    data = prepare_data(rest, config, copy, Context())
    assert data.left_out["test products that are training products"] > 0
    assert not set(data.test.ids) & set(data.training_set.catalog.ids)


@pytest.mark.parametrize(
    ("fitted_on", "validation"),
    [pytest.param("oof", 0.1, marks=pytest.mark.slow), ("holdout", 0.1), ("oof", 0)],
)
def test_a_broken_off_training_continues_to_the_same_model(
    sample: Path,
    quick: dict[str, Any],
    fitted_on: str,
    validation: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed before its last stage and resumed, a training gives the same bits, and does no stage twice."""
    changes = {
        "stacking": {"folds": 2, "fitted_on": fitted_on},
        "split": {"validation_fraction": validation},
    }
    config = Config.load("paper", changes={**quick, **changes})
    train(sample, tmp_path / "whole", config)
    real = fitting._fit_system

    def killed(run: TrainingRun, name: str, *rest: Any) -> Any:
        if name == "image+title+description":
            raise KeyboardInterrupt
        return real(run, name, *rest)

    monkeypatch.setattr(fitting, "_fit_system", killed)
    with pytest.raises(KeyboardInterrupt):
        train(sample, tmp_path / "resumed", config)
    assert not (tmp_path / "resumed").exists(), "a half-written model"
    monkeypatch.setattr(fitting, "_fit_system", real)

    def no_fit(*_: Any) -> Any:
        raise AssertionError("a member was fitted again")

    for member in ("text_cnn", "image"):
        plugin: type[Modality] = registry.modalities.load(member)
        monkeypatch.setattr(plugin, "fit", no_fit)
    train(sample, tmp_path / "resumed", config, resume=True)
    whole, resumed = load_bundle(tmp_path / "whole"), load_bundle(tmp_path / "resumed")
    for name, state in whole.sections.items():
        for key, array in state.arrays.items():
            np.testing.assert_array_equal(
                array, resumed.sections[name].arrays[key], err_msg=f"{name} {key}"
            )
    assert whole.facts["thresholds"] == resumed.facts["thresholds"]


def test_a_budget_that_is_too_small_for_anything_leaves_nothing_behind(
    sample: Path, quick: dict[str, Any], tmp_path: Path
) -> None:
    config = Config.load("paper", changes={**quick, "budget": 1e-9})
    with pytest.raises(LabelError, match="allow more time"):
        train(sample, tmp_path / "model", config)
    assert not list(tmp_path.iterdir())


def test_what_was_fitted_before_an_error_is_named_and_serves_a_larger_budget(
    sample: Path,
    quick: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def failing(*_: Any) -> Any:
        raise LabelError("no")

    small, large = (
        Config.load("paper", changes={**quick, "budget": budget}) for budget in (1e5, 1e6)
    )
    with monkeypatch.context() as patched:
        patched.setattr(fitting, "_fit_system", failing)
        with pytest.raises(LabelError, match="no"):
            train(sample, tmp_path / "model", small)
    assert f"is kept in {tmp_path / 'model.partial'}; --resume goes on" in caplog.text
    for member in ("text_cnn", "image"):
        plugin: type[Modality] = registry.modalities.load(member)
        monkeypatch.setattr(plugin, "fit", failing)
    # nothing is fitted again
    train(sample, tmp_path / "model", large, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("stage", ["member.title", "system."])
def test_a_training_killed_inside_of_a_stage_goes_on_from_there(
    sample: Path, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setattr(loop_checkpoints, "MOST_TIME", np.inf)
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    changes = {
        "stacking": {"folds": 2, "fitted_on": "oof"},
        "split": {"validation_fraction": 0},
    }
    config = Config.load("paper", changes={**quick, **changes})
    taken: list[str] = []
    real = loop_checkpoints.LoopCheckpoint.keep

    def keep(checkpoint: Any, state: Any) -> None:
        real(checkpoint, state)
        taken.append(checkpoint._path.name)

    monkeypatch.setattr(loop_checkpoints.LoopCheckpoint, "keep", keep)
    train(sample, tmp_path / "whole", config)
    steps = [one for one in taken if one.startswith(stage)]
    assert len(steps) > 1
    taken.clear()

    def killed(checkpoint: Any, state: Any) -> None:
        keep(checkpoint, state)
        if taken[-1] == steps[-1] and taken.count(steps[-1]) == steps.count(steps[-1]) - 1:
            raise Killed

    monkeypatch.setattr(loop_checkpoints.LoopCheckpoint, "keep", killed)
    with pytest.raises(Killed):
        train(sample, tmp_path / "resumed", config)
    monkeypatch.setattr(loop_checkpoints.LoopCheckpoint, "keep", keep)
    taken.clear()
    train(sample, tmp_path / "resumed", config, resume=True)
    assert [one for one in taken if one.startswith(stage)] == steps[-1:]
    whole, resumed = load_bundle(tmp_path / "whole"), load_bundle(tmp_path / "resumed")
    for name, state in whole.sections.items():
        for key, array in state.arrays.items():
            np.testing.assert_array_equal(
                array, resumed.sections[name].arrays[key], err_msg=f"{name} {key}"
            )


def test_a_catalogue_without_images_trains_on_what_it_has(
    records: list[dict[str, Any]], quick: dict[str, Any], tmp_path: Path
) -> None:
    source = tmp_path / "text.jsonl"
    source.write_text(
        "\n".join(json.dumps({**record, "image": None}) for record in records), "utf-8"
    )
    config = Config.load(
        "paper", changes={**quick, "catalog": {"require": ["title", "description"]}}
    )
    results = train(source, tmp_path / "model", config)
    assert "usable value in image" in results["systems"]["image"]["not_run"]
    assert "usable value in image" in results["systems"]["image+title+description"]["not_run"]
    assert results["systems"]["mean"]["members"] == ["title", "description"]
    assert "micro_f1" in results["systems"][results["decide_with"]]
