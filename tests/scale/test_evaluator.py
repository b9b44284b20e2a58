"""``evaluate`` of shards: the figures of one file, whoever counts which shard."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.reader import NullReporter
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.catalog.shards.manifest import ShardedCatalog
from shelfwise.cli.options import INCOMPLETE
from shelfwise.commands import evaluate_shards as verb
from shelfwise.commands.evaluate import evaluate
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError, ConfigError
from shelfwise.evaluation.summed_figures import figure_lines
from shelfwise.model.model_identity import ModelIdentity
from shelfwise.scale.engine import Finished
from shelfwise.scale.evaluator import ShardEvaluator
from shelfwise.scale.job import Job
from shelfwise.scale.local_engine import local_workers
from shelfwise.scale.plan import LabelPlan, LabelSettings
from shelfwise.scale.shard_queue import ShardQueue, Task
from tests.scale.sample_records import sample_records

Command = Callable[..., subprocess.CompletedProcess[str]]

NOT_OF_SHARDS = ("map_macro", "map_micro")
UNEVEN = ((0, 1), (1, 901), (901, 1001))


def records_of(shop: Path) -> list[dict[str, Any]]:
    """1,001 products, each seventh without categories and each fifth with a label that no model knows."""
    chosen = sample_records(shop, 1001)
    for number, record in enumerate(chosen):
        if number % 5 == 4:
            record["categories"].append([f"Unknown {number % 3}"])
        if number % 7 == 6:
            record["categories"] = None
    return chosen


def ingested(files: list[Path], folder: Path) -> Path:
    ingest_catalog(
        [str(one) for one in files], folder, CatalogSettings(), NullReporter(), shard_rows=1
    )
    return folder


@pytest.fixture(scope="session")
def one_file(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The products, and a line that is none."""
    lines = [json.dumps(record) + "\n" for record in records_of(shop)]
    path = tmp_path_factory.mktemp("whole") / "whole.jsonl"
    path.write_text("".join([*lines, "no record\n"]), "utf-8")
    return path


@pytest.fixture(scope="session")
def uneven(one_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as three shards of 1, 900 and 100 products."""
    lines = one_file.read_text("utf-8").splitlines(keepends=True)
    files = tmp_path_factory.mktemp("files")
    ends = [*UNEVEN[:2], (901, len(lines))]
    for number, (start, end) in enumerate(ends):
        (files / f"{number}.jsonl").write_text("".join(lines[start:end]), "utf-8")
    return ingested([files], tmp_path_factory.mktemp("uneven") / "shards")


def without_seconds(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "seconds_predict"}


def figures_of(model: Path, source: Path | str, workers: int | None = None) -> dict[str, Any]:
    return without_seconds(evaluate(model, str(source), Context(), workers))


@pytest.mark.slow
def test_one_and_two_processes_give_every_digit_of_one_file(
    title_model: Path, one_file: Path, uneven: Path
) -> None:
    whole = figures_of(title_model, one_file)
    one, two = (figures_of(title_model, uneven, workers) for workers in (1, 2))
    # more workers than shards: those without a shard end
    assert one == two == figures_of(title_model, uneven, 5)
    assert list(one) == list(whole)
    assert one.pop("notes")[:-1] == whole.pop("notes")
    for name in NOT_OF_SHARDS:
        assert one.pop(name) is None
        assert whole.pop(name) > 0
    assert one == whole
    assert whole["products"] + sum(whole["left_out"].values()) == 1001
    assert (whole["quarantined"], whole["unknown_labels"]["unknown"] > 100) == (1, True)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are counted by what every worker has, but in this process: to start one takes seconds."""

    @contextmanager
    def workers(job: Job, count: int) -> Iterator[Any]:
        evaluator = ShardEvaluator(Job.from_line(job.to_line()), Context())

        class Here:
            def label(self, numbers: list[int]) -> Any:
                queue = ShardQueue(job.plan, numbers)
                while task := queue.next():
                    yield from queue.told(task, evaluator.do(task, lambda rows: None))

        # a trial writes and tells nothing
        tried = evaluator.do(Task(0, trial=(0, 1)), lambda rows: None)
        assert tried == {"kind": "survived", "number": 0}
        yield Here()

    monkeypatch.setattr(verb, "local_workers", workers)


@pytest.mark.usefixtures("in_process")
def test_shards_give_the_figures_of_one_file(
    title_model: Path, one_file: Path, uneven: Path
) -> None:
    whole, parts = figures_of(title_model, one_file), figures_of(title_model, uneven)
    assert parts["notes"].pop().startswith("map_macro and map_micro need all scores at once")
    for name in NOT_OF_SHARDS:
        assert parts[name] is None
        parts[name] = whole[name]
    assert parts == whole
    lines = list(figure_lines({**parts, "map_macro": None, "seconds_predict": 1.0}))
    assert [line.split()[-1] for line in lines if line.startswith("map_macro")] == ["-"]


@pytest.mark.usefixtures("in_process")
def test_a_damaged_shard_is_named_and_gives_no_figure(
    title_model: Path, uneven: Path, tmp_path: Path
) -> None:
    shards = tmp_path / "shards"
    shutil.copytree(uneven, shards)
    damaged = shards / "products-00001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(CatalogError, match=r"no figures.*products-00001\.parquet was changed"):
        figures_of(title_model, shards)
    damaged.unlink()
    with pytest.raises(CatalogError, match=r"products-00001\.parquet cannot be read"):
        figures_of(title_model, shards)


@pytest.mark.usefixtures("in_process")
def test_a_catalogue_without_categories_has_no_figures(title_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl"
    path.write_text('{"id": "1", "title": "mug"}\n{"id": "2", "title": "cup"}\n', "utf-8")
    shards = ingested([path], tmp_path / "shards")
    for source in (path, shards):
        with pytest.raises(CatalogError, match=r"nothing to test on.*without categories: 2; give"):
            figures_of(title_model, source)


def test_workers_are_for_shards(title_model: Path, one_file: Path) -> None:
    with pytest.raises(ConfigError, match="--workers is for what `shelfwise ingest` wrote"):
        figures_of(title_model, one_file, workers=2)


def test_a_record_that_ends_workers_is_left_out_and_told(title_model: Path, uneven: Path) -> None:
    evaluator = ShardEvaluator(job_of(title_model, uneven), Context())
    told = evaluator.do(Task(2, without=(3,)), lambda rows: None)
    assert told["entry"]["rows"] == 99
    [reason] = told["entry"]["killers"]
    assert "row 4 of products-00002.parquet" in reason
    # the only record of a shard
    told = evaluator.do(Task(0, without=(0,)), lambda rows: None)
    assert (told["entry"]["rows"], told["entry"]["sums"]) == (0, None)


def job_of(model: Path, shards: Path) -> Job:
    catalog = ShardedCatalog.load(shards)
    plan = LabelPlan(ModelIdentity.read(model).fingerprint, LabelSettings(), catalog.shards)
    return Job(str(model), str(shards), None, str(catalog.root), plan)


@pytest.mark.slow
def test_a_worker_without_a_shard_ends(title_model: Path, uneven: Path) -> None:
    with local_workers(job_of(title_model, uneven), 2) as engine:
        events = list(engine.label([0]))
    assert [event.number for event in events if isinstance(event, Finished)] == [0]


def test_a_catalogue_in_an_object_store(
    title_model: Path, uneven: Path, bucket: Any, in_process: None
) -> None:
    there = bucket.upload(uneven, "shop")
    assert figures_of(title_model, there) == figures_of(title_model, uneven)


@pytest.mark.usefixtures("in_process")
def test_the_command_tells_what_was_not_evaluated(
    title_model: Path, one_file: Path, tmp_path: Path, command: Command
) -> None:
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1 and no more")
    shards = ingested([one_file, torn], tmp_path / "shards")
    done = command("evaluate", title_model, shards, "--json")
    assert done.returncode == INCOMPLETE
    [fault] = json.loads(done.stdout)["faults"]
    assert "torn.parquet cannot be read as Parquet" in fault
    assert f"not evaluated: {fault}" in command("evaluate", title_model, shards).stdout
