"""What may fail around a training, and never costs the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shelfwise.cli.main import app
from shelfwise.commands import train as training
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.disk.claims import claimed
from shelfwise.errors import StorageError
from shelfwise.model.bundle import load_bundle
from shelfwise.reports import training_report

SMALL: dict[str, Any] = {
    "labels": {"min_count": 8},
    "stacking": {"folds": 2},
    "evaluation": {"bootstrap": 0},
}


def failing(what: str) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        # no error that a page would expect: a damaged image has raised it
        raise RuntimeError(f"no {what} today")

    return fail


@pytest.fixture(scope="module")
def config() -> Config:
    # the saved model is the one that the figures are about
    return Config.load("quick", changes={**SMALL, "refit": False})


@pytest.fixture(scope="module")
def whole(sample: Path, config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a training without failures."""
    folder = tmp_path_factory.mktemp("whole") / "model"
    train(sample, folder, config)
    return folder


def test_pages_that_fail_cost_the_pages_only(
    whole: Path, sample: Path, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_report, "write_markdown", failing("table"))
    monkeypatch.setattr(training_report, "write_report", failing("page"))
    monkeypatch.setattr(training, "write_quarantines", failing("list"))
    out = tmp_path / "model"
    results = train(sample, out, config)
    # the model is the same, to the last byte, and so is what is hashed of it
    assert (out / "MANIFEST.json").read_bytes() == (whole / "MANIFEST.json").read_bytes()
    assert load_bundle(out).labels == load_bundle(whole).labels
    # each failure is told, where results are returned and where they are written
    told = json.loads((out / "report" / "results.json").read_text("utf-8"))["notes"]
    assert told == results["notes"]
    for name, what in (
        ("results.md", "table"),
        ("index.html", "page"),
        ("quarantine.jsonl", "list"),
    ):
        assert (
            f"report/{name} could not be written (RuntimeError: no {what} today); the model is whole"
            in told
        )
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_page_that_was_not_written_is_not_named(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_report, "write_report", failing("page"))
    settings = tmp_path / "small.toml"
    settings.write_text("stacking.folds = 2\nevaluation.bootstrap = 0\n", "utf-8")
    words = ["train", str(sample), "--preset", "quick", "--config", str(settings), "--keep-out"]
    as_json = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "one"), "--json"])
    told = json.loads(as_json.stdout)
    assert told["report"] is None
    assert Path(told["results"]).is_file()
    in_words = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "two")])
    assert "report: " not in in_words.stdout
    assert "report/index.html could not be written" in in_words.stdout


def test_figures_that_fail_leave_the_model_and_its_stages(
    whole: Path, sample: Path, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model"
    with monkeypatch.context() as patched:
        patched.setattr(training, "evaluate_model", failing("figure"))
        with pytest.raises(RuntimeError, match="no figure today"):
            train(sample, out, config)
    assert (out / "MANIFEST.json").read_bytes() == (whole / "MANIFEST.json").read_bytes()
    # the same command with --resume fits nothing again
    train(sample, out, config, resume=True)
    assert (out / "report" / "index.html").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_second_training_into_the_folder_is_refused(
    sample: Path, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "prepare_data", failing("reading"))
    with claimed(tmp_path / "model"), pytest.raises(StorageError, match="is being written by"):
        train(sample, tmp_path / "model", config)
    assert not (tmp_path / "model.partial").exists()
