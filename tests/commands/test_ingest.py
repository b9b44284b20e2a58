"""``ingest``: the verb, and its folder as the CATALOG of the others."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def shards(command: Command, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ingested") / "shards"
    done = command("ingest", sample, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    return out


def test_the_account_is_printed(command: Command, sample: Path, shards: Path) -> None:
    # once more: it is finished, so it only tells
    done = command("ingest", sample, "--out", shards, "--json")
    found = json.loads(done.stdout)
    assert found["records"] == len(sample.read_bytes().splitlines())
    assert found["records"] == found["products"] + sum(found["refused"].values())
    assert found["out"] == str(shards)
    done = command("ingest", sample, "--out", shards)
    first, second, *_ = done.stdout.splitlines()
    assert first == (
        f"{found['products']} of {found['records']} records of 1 file are products: "
        f"1 shard in {shards}"
    )
    assert second.startswith(f"the others are in {shards / 'quarantine.jsonl'} (")


def test_a_file_that_cannot_be_read_has_an_exit_code_of_its_own(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "1", "title": "Mug"}\n')
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    done = command("ingest", tmp_path, "--out", tmp_path.with_name("torn"))
    assert done.returncode == 4
    assert "not read, or not to the end: b.parquet cannot be read as Parquet" in done.stdout
    done = command("ingest", tmp_path / "b.parquet", "--out", tmp_path.with_name("torn2"))
    assert done.returncode == 2
    assert "cannot be read as Parquet" in done.stderr


def test_predictions_are_those_of_the_file(
    command: Command, title_model: Path, sample: Path, shards: Path, tmp_path: Path
) -> None:
    answers = []
    for source in (sample, shards):
        out = tmp_path / "labels.jsonl"
        done = command("predict", title_model, source, "--out", out)
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        answers.append([row for row in rows if not row.get("refused")])
    assert answers[0] == answers[1]


def test_the_other_verbs_take_the_folder(
    command: Command, title_model: Path, sample: Path, shards: Path, tmp_path: Path
) -> None:
    done = command("inspect", shards, "--out", tmp_path / "look", "--json")
    assert done.returncode == 0, done.stderr
    from_shards = json.loads(done.stdout)
    done = command("inspect", sample, "--out", tmp_path / "look2", "--json")
    from_file = json.loads(done.stdout)
    # pictures are found where they lie, too
    for what in ("columns", "accepted", "images", "statistics", "first_products"):
        assert from_shards[what] == from_file[what], what
    assert command("evaluate", title_model, shards).returncode == 0
    assert command("audit", title_model, shards, "--out", tmp_path / "audit").returncode == 0


def test_settings_that_name_another_column_are_refused(
    command: Command, shards: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "other.toml"
    settings.write_text("[catalog]\ncolumns = { title = 'name' }\n")
    done = command("inspect", shards, "--out", tmp_path / "look", "--config", settings)
    assert done.returncode == 2
    assert "was ingested with 'title' as title, and the settings name 'name'" in done.stderr
    done = command("ingest", shards, "--out", tmp_path / "again")
    assert "is an ingested catalogue already" in done.stderr


def test_a_lost_image_folder_is_told(command: Command, sample: Path, tmp_path: Path) -> None:
    shutil.copytree(sample.parent, tmp_path / "shop")
    out = tmp_path / "shards"
    assert command("ingest", tmp_path / "shop" / sample.name, "--out", out).returncode == 0
    shutil.rmtree(tmp_path / "shop")
    done = command("inspect", out, "--out", tmp_path / "look", "--json")
    assert json.loads(done.stdout)["images"]["found"] == 0
