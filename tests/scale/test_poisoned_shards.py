"""Worker processes that a record ends, or that hang: lost is that record, or a shard with its reason."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.reader import NullReporter
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.commands.label import summary_lines
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context
from shelfwise.scale import local_engine
from shelfwise.scale.job import Job
from shelfwise.scale.labeller import ShardLabeller
from shelfwise.scale.plan import LabelPlan, LabelSettings
from shelfwise.scale.shard_queue import Task

Label = Callable[..., dict[str, Any]]
Contents = Callable[[Path], dict[str, bytes]]

POISON = "poisoned"

WORKER = f"""
import os, signal
from shelfwise.scale import labeller, worker_process

label_portions = labeller.label_portions

def deadly(model, products, *settings):
    return label_portions(model, watched(products), *settings)

def watched(products):
    for portion in products:
        if any({POISON!r} in title for title in portion.column("title")):
            os.kill(os.getpid(), signal.SIGSEGV)
        yield portion

labeller.label_portions = deadly
worker_process.main()
"""
"""A worker process that ends, as a fault in a library would end it, before it labels a poisoned title."""


def ingested(files: dict[str, list[str]], folder: Path) -> Path:
    """Shards of these files, one each."""
    source = folder / "files"
    source.mkdir(parents=True)
    for name, lines in files.items():
        (source / name).write_text("\n".join(lines) + "\n", "utf-8")
    settings = CatalogSettings()
    ingest_catalog([str(source)], folder / "shards", settings, NullReporter(), shard_rows=50)
    return folder / "shards"


@pytest.fixture(scope="module")
def poisoned(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Two shards of 60 products with one poisoned title, the same without it, and its id."""
    folder = tmp_path_factory.mktemp("poisoned")
    files = {f"{number}.jsonl": lines_of(shop, number) for number in range(2)}
    bad = json.loads(files["1.jsonl"][37])
    bad["title"] += f" {POISON}"
    healthy = {**files, "1.jsonl": [*files["1.jsonl"][:37], *files["1.jsonl"][38:]]}
    files["1.jsonl"][37] = json.dumps(bad)
    return ingested(files, folder / "bad"), ingested(healthy, folder / "good"), bad["id"]


def lines_of(shop: Path, number: int) -> list[str]:
    """Sixty products of a file, of their ids and titles only."""
    titles: dict[str, str] = {}
    for line in (shop / f"shop-{number}.jsonl").read_text("utf-8", "replace").splitlines()[:120]:
        # some records have a flaw
        with suppress(ValueError, KeyError):
            record = json.loads(line)
            titles.setdefault(record["id"], str(record["title"]) or "Mug")
    products = [{"id": name, "title": title} for name, title in titles.items()]
    return [json.dumps(product) for product in products[:60]]


def parts_of(contents: dict[str, bytes]) -> list[bytes]:
    """The parts without their names, which tell the digests of their shards."""
    names = sorted(contents)
    return [contents[one] for one in names if one.startswith("part-") and one.count(".") == 1]


def test_a_record_that_is_left_out_changes_nothing_else(
    title_model: Path, poisoned: tuple[Path, Path, str], tmp_path: Path, contents: Contents
) -> None:
    bad, good, _ = poisoned
    for source, without, out in ((bad, (37,), "bad"), (good, (), "good")):
        labeller = ShardLabeller(job(title_model, source, tmp_path / out), Context())
        outcome = labeller.do(Task(1, without), lambda rows: None)
        assert outcome["entry"]["rows"] == 59
        assert outcome["entry"]["quarantined"] == len(without)
    assert parts_of(contents(tmp_path / "bad")) == parts_of(contents(tmp_path / "good"))
    trial = ShardLabeller(job(title_model, bad, tmp_path / "trial"), Context())
    tried: list[int] = []
    outcome = trial.do(Task(1, (37,), (10, 50)), tried.append)
    assert outcome == {"kind": "survived", "number": 1}
    assert not (tmp_path / "trial").exists()


def job(model: Path, source: Path, out: Path) -> Job:
    from shelfwise.catalog.shards.manifest import ShardedCatalog
    from shelfwise.model.model_identity import ModelIdentity

    shards = ShardedCatalog.load(source).shards
    plan = LabelPlan(ModelIdentity.read(model).fingerprint, LabelSettings(top=3), shards)
    return Job(str(model), str(source), str(out), str(source), plan)


@pytest.mark.slow
def test_the_record_that_ends_its_workers_goes_to_quarantine_and_the_rest_is_labelled(
    run: Label,
    poisoned: tuple[Path, Path, str],
    tmp_path: Path,
    contents: Contents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, good, name = poisoned
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    monkeypatch.setattr(local_engine, "COMMAND", (sys.executable, str(script)))
    found = run(tmp_path / "bad", source=str(bad))
    assert (found["products"], found["quarantined"], found["failed"]) == (119, 1, {})
    sentence = "1 records ended the workers that labelled them: the files *.quarantine.jsonl"
    assert sentence in list(summary_lines(found))
    [quarantine] = (tmp_path / "bad").glob("part-00001-*.quarantine.jsonl")
    row = json.loads(quarantine.read_text("utf-8"))
    told = (row["file"], row["line"], row["kind"], row["id"])
    assert told == ("products-00001.parquet", 38, "killed the worker", name)
    assert POISON in json.loads(row["text"])["title"]
    monkeypatch.undo()
    run(tmp_path / "good", source=str(good))
    assert parts_of(contents(tmp_path / "bad")) == parts_of(contents(tmp_path / "good"))
    # and it is done: the same command has nothing left to do
    monkeypatch.setattr(local_engine, "COMMAND", ("/nowhere",))
    assert run(tmp_path / "bad", source=str(bad))["parts_found"] == 2


@pytest.mark.slow
def test_a_worker_that_says_nothing_is_replaced_and_the_third_time_its_shard_is_given_up(
    run: Label,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    contents: Contents,
) -> None:
    stopped: list[int] = []
    work_on = local_engine._Worker.work_on

    def work_stopped(worker: Any, task: Task) -> None:
        # once at the first shard, every time at the third; a stopped process sleeps for good
        if task.number == 2 or not stopped:
            stopped.append(task.number)
            os.kill(worker._process.pid, signal.SIGSTOP)
        work_on(worker, task)

    monkeypatch.setattr(local_engine._Worker, "work_on", work_stopped)
    monkeypatch.setattr(local_engine, "SILENT_SECONDS", 6.0)
    monkeypatch.setattr(local_engine, "UNKNOWN_SECONDS", 6.0)
    found = run(tmp_path / "labels")
    assert stopped == [0, 2, 2, 2]
    reason = found["failed"]["products-00002.parquet"]
    assert reason.startswith("3 workers hung at the shard products-00002.parquet, the last for ")
    assert found["parts"] == 3
    monkeypatch.undo()
    run(tmp_path / "labels")
    assert contents(tmp_path / "labels") == contents(undisturbed)
    shutil.rmtree(tmp_path / "labels")
