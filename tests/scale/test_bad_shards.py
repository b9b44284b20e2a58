"""Shards that are empty, uneven, without any label, or as large as they get; and no room for their parts."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.reading.reader import NullReporter
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.commands.label import summary_lines
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import SCHEMA, Catalog
from shelfwise.errors import StorageError
from shelfwise.scale.job import Job
from shelfwise.scale.local_engine import LocalEngine
from shelfwise.scale.plan import LabelPlan
from tests.conftest import save_title_model

Label = Callable[..., dict[str, Any]]
Rows = Callable[[Path], list[dict[str, Any]]]
Contents = Callable[[Path], dict[str, bytes]]


def sharded(folder: Path, shards: Sequence[Sequence[tuple[str, str]]]) -> Path:
    """A catalogue of these ids and titles, as an ingestion would have left it."""
    source = folder / "seed.jsonl"
    folder.mkdir()
    source.write_text('{"id": "seed", "title": "Mug"}\n')
    out = folder / "shards"
    ingest_catalog([str(source)], out, CatalogSettings(), NullReporter())
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    manifest["shards"] = []
    for number, products in enumerate(shards):
        records = [{"id": name, "title": title} for name, title in products]
        path = out / f"products-{number:05}.parquet"
        pq.write_table(pa.Table.from_pylist(records, schema=SCHEMA), path)
        content = path.read_bytes()
        shard = {"name": path.name, "rows": len(products), "bytes": len(content)}
        manifest["shards"].append({**shard, "sha256": hashlib.sha256(content).hexdigest()})
    (out / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return out


def mugs(first: int, count: int) -> list[tuple[str, str]]:
    return [(f"p{number}", f"Ceramic Mug {number}") for number in range(first, first + count)]


@pytest.mark.usefixtures("in_process")
def test_empty_shards_and_one_with_nearly_all_products(
    run: Label, tmp_path: Path, rows: Rows
) -> None:
    source = sharded(tmp_path / "source", [[], mugs(0, 30), [], mugs(30, 2500)])
    found = run(tmp_path / "out", source=str(source))
    assert (found["products"], found["parts"], found["failed"]) == (2530, 4, {})
    assert found["empty_shards"] == ["products-00000.parquet", "products-00002.parquet"]
    assert "2 shards hold no product" in list(summary_lines(found))
    assert [row["id"] for row in rows(tmp_path / "out")] == [f"p{n}" for n in range(2530)]


def test_the_largest_shards_are_begun_first(
    run: Label, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    source = sharded(tmp_path / "source", [mugs(0, 3), mugs(3, 90), mugs(93, 3), mugs(96, 7)])

    def label(engine: LocalEngine, numbers: Sequence[int]) -> Any:
        begun.extend(numbers)
        return iter(())

    monkeypatch.setattr(LocalEngine, "label", label)
    monkeypatch.setattr(LocalEngine, "start", lambda engine: None)
    run(tmp_path / "out", source=str(source))
    # one that is much larger than the others must not be left for the end
    assert begun == [1, 3, 0, 2]


@pytest.mark.usefixtures("in_process")
def test_a_shard_without_any_label_is_a_part_like_others(
    run: Label, tmp_path: Path, rows: Rows
) -> None:
    unknown = [(f"p{number}", f"qqq{number}zzz") for number in range(20)]
    source = sharded(tmp_path / "source", [unknown, mugs(20, 5)])
    found = run(tmp_path / "out", source=str(source))
    assert found["failed"] == {}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert [part["labels_given"] > 0 for part in manifest["parts"]] == [False, True]
    assert all(row["labels"] == [] for row in rows(tmp_path / "out")[:20])


@pytest.mark.usefixtures("in_process")
def test_a_record_of_50_mb_costs_nothing_but_itself(run: Label, tmp_path: Path, rows: Rows) -> None:
    source = tmp_path / "source.jsonl"
    with source.open("w") as file:
        for name, title in mugs(0, 5):
            file.write(json.dumps({"id": name, "title": title}) + "\n")
        file.write(json.dumps({"id": "huge", "title": "mug " * (50 << 18)}) + "\n")
        # just below what a record may have
        file.write(json.dumps({"id": "large", "title": "mug " * (15 << 18)}) + "\n")
    found = run(tmp_path / "out", source=str(source))
    assert (found["products"], found["failed"]) == (6, {})
    assert [row["id"] for row in rows(tmp_path / "out")] == [*(f"p{n}" for n in range(5)), "large"]
    [refused] = (
        (tmp_path / "out" / "catalogue" / "quarantine.jsonl").read_text("utf-8").splitlines()
    )
    assert len(refused) < 1 << 20
    assert "16" in json.loads(refused)["reason"]


@pytest.mark.usefixtures("in_process")
def test_an_id_in_two_shards_cannot_come_from_an_ingestion(
    run: Label, tmp_path: Path, rows: Rows
) -> None:
    (tmp_path / "source").mkdir()
    for name in ("a", "b"):
        lines = [json.dumps({"id": f"{name}{n}", "title": "Mug"}) for n in range(4)]
        both = json.dumps({"id": "both", "title": f"Mug {name}"})
        (tmp_path / "source" / f"{name}.jsonl").write_text("\n".join([*lines, both]) + "\n")
    shards = tmp_path / "shards"
    settings = CatalogSettings()
    ingest_catalog([str(tmp_path / "source")], shards, settings, NullReporter(), shard_rows=3)
    assert len(list(shards.glob("products-*"))) == 2
    run(tmp_path / "out", source=str(shards))
    ids = [row["id"] for row in rows(tmp_path / "out")]
    assert sorted(ids) == sorted(
        [*(f"a{n}" for n in range(4)), "both", *(f"b{n}" for n in range(4))]
    )


@pytest.mark.usefixtures("in_process")
def test_a_model_of_one_label(run: Label, tmp_path: Path, rows: Rows) -> None:
    records: list[dict[str, Any]] = []
    for number in range(60):
        kind, noun = (["Mugs"], "Mug") if number % 2 else ([], "Lamp")
        title = f"{noun} of kind {number}"
        records.append({"id": f"t{number}", "title": title, "categories": [[one] for one in kind]})
    save_title_model(Catalog.from_records(records), tmp_path / "model", min_count=2)
    source = sharded(tmp_path / "source", [mugs(0, 5)])
    found = run(tmp_path / "out", model=tmp_path / "model", source=str(source), settings={})
    assert (found["products"], found["failed"]) == (5, {})
    assert all(list(row["scores"]) == ["Mugs"] for row in rows(tmp_path / "out"))


def test_without_room_for_a_part_the_run_ends_with_the_reason_and_goes_on_later(
    run: Label,
    title_model: Path,
    shards: Path,
    undisturbed: Path,
    tmp_path: Path,
    contents: Contents,
) -> None:
    """The system itself refuses to write, in a process of its own."""
    out = tmp_path / "labels"
    script = (
        "import json, resource, signal, sys; from pathlib import Path\n"
        "from shelfwise.core.types import Context\n"
        "from shelfwise.scale.labeller import ShardLabeller; from shelfwise.scale.job import Job\n"
        "from shelfwise.scale.shard_queue import Task\n"
        "labeller = ShardLabeller(Job.from_line(sys.stdin.buffer.readline()), Context())\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "print(json.dumps(labeller.do(Task(0), lambda rows: None)))\n"
    )
    plan = LabelPlan.from_bytes((undisturbed / "plan.json").read_bytes(), "")
    job = Job(str(title_model), str(shards), str(out), str(shards), plan)
    done = subprocess.run(
        [sys.executable, "-c", script], input=job.to_line(), capture_output=True, check=False
    )
    outcome = json.loads(done.stdout)
    assert outcome["kind"] == "stopped", done.stderr
    assert outcome["reason"].endswith(f"could not write {out}: File too large")
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 50_000
    # nothing is left of the part
    assert [name for name in os.listdir(out) if name != "ledger"] == []
    assert not run(out)["failed"]
    assert contents(out) == contents(undisturbed)


@pytest.mark.parametrize(("name", "value"), [("version", 2), ("kind", "shelfwise catalog")])
def test_a_plan_of_another_kind_or_version_is_refused(
    undisturbed: Path, name: str, value: object
) -> None:
    plan = json.loads((undisturbed / "plan.json").read_bytes())
    changed = json.dumps({**plan, name: value}).encode()
    with pytest.raises(StorageError, match=r"plan\.json is not the plan of a labelling run"):
        LabelPlan.from_bytes(changed, "labels")
