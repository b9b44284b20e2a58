"""A model on the command line: audit, retraining on corrections, queues and a changed taxonomy."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

SETTINGS = """
decide_with = "both"
calibration = "sigmoid"
[split]
validation_fraction = 0
[members.title]
modality = "text_linear"
field = "title"
[members.description]
modality = "text_linear"
field = "description"
[systems.both]
policy = "mean"
"""


Run = Callable[..., str]


@pytest.fixture(scope="module")
def run(command: Callable[..., subprocess.CompletedProcess[str]]) -> Run:
    """Runs a command that must succeed; its output."""

    def succeed(*arguments: object) -> str:
        done = command(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return succeed


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two linear members and their mean, the final system, over the preset's own."""
    path = tmp_path_factory.mktemp("audit") / "settings.toml"
    path.write_text(SETTINGS, "utf-8")
    return path


def training(sample: Path, settings: Path, out: Path) -> tuple[object, ...]:
    """The command that trains the model `out`."""
    options = ("--preset", "quick", "--config", settings, "--min-count", 5)
    return ("train", sample, *options, "--out", out)


@pytest.fixture(scope="module")
def model(run: Run, sample: Path, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit") / "model"
    run(*training(sample, settings, folder))
    return folder


def test_an_audit_is_filled_in_and_trained_on(
    run: Run, sample: Path, settings: Path, model: Path, tmp_path: Path
) -> None:
    found = json.loads(run("audit", model, sample, "--out", tmp_path / "audit", "--json"))
    assert found["listed"] > 0
    assert found["out_of_fold"] > 0, "training products are scored by models that had not seen them"
    lines = [
        json.loads(line)
        for line in (tmp_path / "audit" / "audit.jsonl").read_text("utf-8").splitlines()
    ]
    changing = next(
        line for line in lines if line["suggested"] != line["given"] and line["suggested"]
    )
    filled = tmp_path / "corrections.jsonl"
    filled.write_text(json.dumps({**changing, "decision": "accept"}) + "\n", "utf-8")
    again = training(sample, settings, tmp_path / "next")
    printed = json.loads(run(*again, "--corrections", filled, "--compare-with", model, "--json"))
    assert printed["corrections"]["changed"] == 1
    assert printed["before_after"]["products"] > 0
    assert (tmp_path / "next" / "report" / "before_after.md").is_file()


def test_queues_are_written_and_hold_every_product(
    run: Run, sample: Path, model: Path, tmp_path: Path
) -> None:
    printed = json.loads(
        run(
            "predict",
            model,
            sample,
            "--out",
            tmp_path / "labels.jsonl",
            "--target-precision",
            0.9,
            "--json",
        )
    )
    rows = [
        json.loads(line) for line in (tmp_path / "labels.jsonl").read_text("utf-8").splitlines()
    ]
    assert len(rows) == printed["rows"]
    # records that could not be read have a row and no queue
    rows = [row for row in rows if "refused" not in row]
    assert sum(printed["queues"].values()) == len(rows) == printed["products"]
    for queue, count in printed["queues"].items():
        listed = (tmp_path / f"labels.jsonl.{queue}.txt").read_text("utf-8").split()
        assert listed == [row["id"] for row in rows if row["queue"] == queue]
        assert len(listed) == count
    assert all(not set(row["accepted"]) & set(row["to_review"]) for row in rows)


def test_an_unknown_precision_is_refused(
    command: Callable[..., subprocess.CompletedProcess[str]],
    sample: Path,
    model: Path,
    tmp_path: Path,
) -> None:
    done = command(
        "predict", model, sample, "--out", tmp_path / "x.jsonl", "--target-precision", 0.5
    )
    assert done.returncode == 2
    assert "no limits for a precision of 0.5; known: 0.9, 0.95, 0.99" in done.stderr


def test_a_changed_taxonomy_carries_the_model_over(
    run: Run, sample: Path, model: Path, tmp_path: Path
) -> None:
    label = json.loads((model / "labels.json").read_text("utf-8"))
    first = label[0] if isinstance(label, list) else label["labels"][0]
    changes = tmp_path / "changes.toml"
    changes.write_text(f'[[change]]\nrename = "{first}"\nto = "A new name"\n', "utf-8")
    run("export", model, "--migrate", changes, "--out", tmp_path / "migrated")
    run("predict", tmp_path / "migrated", sample, "--out", tmp_path / "labels.jsonl")
    row = json.loads((tmp_path / "labels.jsonl").read_text("utf-8").splitlines()[0])
    assert "A new name" in row["scores"]
    assert first not in row["scores"]


def test_a_model_is_compared_with_the_one_whose_place_it_takes(
    run: Run, sample: Path, settings: Path, model: Path, tmp_path: Path
) -> None:
    place = tmp_path / "model"
    shutil.copytree(model, place)
    again = ("train", sample, "--config", settings, "--preset", "quick", "--out", place, "--json")
    told = json.loads(run(*again, "--min-count", 30, "--compare-with", place))["before_after"]
    # with fewer labels it cannot be the same model
    assert told["before"]["macro_f1"] != told["after"]["macro_f1"]


def test_similar_products_tell_what_was_not_used(run: Run, model: Path, tmp_path: Path) -> None:
    image = tmp_path / "no.png"
    image.write_text("no image", "utf-8")
    found = json.loads(run("similar", model, "--title", "mug", "--image", image, "--json"))
    assert found["similar"]
    assert any("image" in note for note in found["notes"])
    assert json.loads(run("similar", model, "--title", "mug", "--json"))["notes"] == []
    assert "note: " in run("similar", model, "--title", "qqzzxxyy")


def test_similar_products_by_what_the_model_does_not_read_are_refused(
    command: Callable[..., subprocess.CompletedProcess[str]], model: Path, tmp_path: Path
) -> None:
    image = tmp_path / "mug.png"
    Image.new("RGB", (8, 8), "red").save(image)
    done = command("similar", model, "--image", image)
    assert done.returncode == 2
    assert done.stderr == "error: the model reads no image; give --title or --description\n"
