"""``label`` on this machine: the rows of ``predict``, a part a shard, and what is refused or told."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.reading.reader import NullReporter
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.commands import label as verb
from shelfwise.commands.export import export_bundle
from shelfwise.commands.label import summary_lines
from shelfwise.commands.predict import predict_catalog
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context
from shelfwise.errors import BundleError, StorageError
from shelfwise.export.loading import open_model
from shelfwise.model.bundle_reader import MANIFEST
from tests.scale.sample_records import sample_records

Label = Callable[..., dict[str, Any]]
Contents = Callable[[Path], dict[str, bytes]]
Rows = Callable[[Path], list[dict[str, Any]]]
Command = Callable[..., subprocess.CompletedProcess[str]]


def predicted(model: Path, source: Path, out: Path, **options: Any) -> list[dict[str, Any]]:
    predict_catalog(open_model(model), source, out, Context(), **options)
    if out.suffix == ".parquet":
        return pq.read_table(out).to_pylist()  # type: ignore[no-any-return]
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def test_the_parts_hold_the_rows_of_predict(
    undisturbed: Path, title_model: Path, shards: Path, tmp_path: Path, rows: Rows
) -> None:
    assert rows(undisturbed) == predicted(title_model, shards, tmp_path / "rows.jsonl", top=3)
    manifest = json.loads((undisturbed / "manifest.json").read_text("utf-8"))
    assert manifest["products"] == sum(part["rows"] for part in manifest["parts"]) == 2400
    given = sum(len(row["labels"]) for row in rows(undisturbed))
    assert manifest["labels_given"] == given > 0
    assert [part["shard"] for part in manifest["parts"]] == [
        f"products-{number:05}.parquet" for number in range(4)
    ]
    for part in manifest["parts"]:
        entry = undisturbed / "ledger" / f"{Path(part['part']).stem}.json"
        facts = json.loads(entry.read_text("utf-8"))
        assert facts.pop("checksum")
        assert facts == part


def test_workers_load_what_gives_labels_and_not_what_remembers(title_model: Path) -> None:
    whole, part = open_model(title_model), open_model(title_model, labels_only=True)
    assert whole.nearest_neighbours is not None
    assert whole.out_of_fold is not None
    assert (part.nearest_neighbours, part.out_of_fold) == (None, None)
    assert part.fields == whole.fields


@pytest.mark.slow
def test_any_file_can_be_labelled_and_more_workers_change_nothing(
    run: Label, title_model: Path, shop: Path, tmp_path: Path, rows: Rows, contents: Contents
) -> None:
    settings = {"format": "parquet", "precision": 0.9, "novelty_rate": 0.1}
    found = run(tmp_path / "one", source=str(shop / "*.jsonl"), settings=settings)
    assert found["shards"] == 1
    expected = predicted(
        title_model,
        tmp_path / "one" / "catalogue",
        tmp_path / "rows.parquet",
        precision=0.9,
        novelty_rate=0.1,
    )
    [part] = (tmp_path / "one").glob("part-*.parquet")
    assert pq.read_table(part).to_pylist() == expected
    assert sum(found["queues"].values()) == 2400
    run(tmp_path / "two", source=str(shop / "*.jsonl"), settings=settings, workers=2)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


@pytest.mark.slow
def test_uneven_shards_give_the_same_bytes_to_fewer_and_to_more_workers_than_shards(
    run: Label, shop: Path, tmp_path: Path, contents: Contents, rows: Rows
) -> None:
    products = sample_records(shop, 1001)
    files = tmp_path / "files"
    files.mkdir()
    for number, (start, end) in enumerate([(0, 1), (1, 901), (901, 1001)]):
        lines = [json.dumps(record) + "\n" for record in products[start:end]]
        (files / f"{number}.jsonl").write_text("".join(lines), "utf-8")
    source = tmp_path / "shards"
    ingest_catalog([str(files)], source, CatalogSettings(), NullReporter(), shard_rows=1)
    found = []
    for workers in (1, 2, 5):
        out = tmp_path / f"by-{workers}"
        counts = run(out, source=str(source), workers=workers)
        assert (counts["products"], counts["shards"]) == (1001, 3)
        found.append(contents(out))
    assert found[0] == found[1] == found[2]
    assert [row["id"] for row in rows(out)] == [record["id"] for record in products]


def test_what_is_done_is_not_done_again(
    run: Label, undisturbed: Path, labels: Path, contents: Contents, monkeypatch: Any
) -> None:
    monkeypatch.setattr(verb, "_engine", None)
    found = run(labels)
    assert (found["parts_found"], found["parts"]) == (4, 4)
    assert contents(labels) == contents(undisturbed)


@pytest.mark.usefixtures("in_process")
def test_torn_and_lost_parts_are_done_again(
    run: Label, undisturbed: Path, labels: Path, contents: Contents
) -> None:
    first, second, third, _ = sorted(labels.glob("part-*.jsonl"))
    first.write_bytes(first.read_bytes()[:1000])
    second.unlink()
    # as long as before, and one letter is another
    third.write_bytes(third.read_bytes().replace(b"labels", b"babels", 1))
    # a kill between a part and its entry
    fourth = sorted((labels / "ledger").iterdir())[-1]
    fourth.unlink()
    assert run(labels)["parts_found"] == 0
    assert contents(labels) == contents(undisturbed)


@pytest.mark.usefixtures("in_process")
def test_what_killed_workers_have_left_is_removed(
    run: Label, undisturbed: Path, labels: Path, contents: Contents
) -> None:
    # killed while it wrote a part, and while it wrote the line of another
    (labels / ".part-00001-0123.jsonl.0123456789ab.writing").write_text("{")
    (labels / "ledger" / ".part-00002-0123.json.0123456789ab.writing").write_text("{")
    run(labels)
    assert contents(labels) == contents(undisturbed)


def test_another_model_or_other_settings_are_refused(
    run: Label, undisturbed: Path, title_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match=r"begun with --top 3, not 5; choose another --out"):
        run(undisturbed, settings={"top": 5})
    with pytest.raises(StorageError, match=r"begun with --target-precision None, not 0\.9"):
        run(undisturbed, settings={"top": 3, "precision": 0.9})
    other = tmp_path / "model"
    shutil.copytree(title_model, other)
    manifest = json.loads((other / MANIFEST).read_text("utf-8"))
    # the same files in another order are another fingerprint
    manifest["files"] = dict(reversed(manifest["files"].items()))
    (other / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), "utf-8")
    with pytest.raises(StorageError, match="begun with another model: expected the fingerprint"):
        run(undisturbed, model=other)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(StorageError, match="holds no labels"):
        run(tmp_path / "mine")


@pytest.mark.usefixtures("in_process")
def test_another_catalogue_is_refused_by_the_shard_that_changed(
    run: Label, undisturbed: Path, shards: Path, tmp_path: Path
) -> None:
    other = tmp_path / "shards"
    shutil.copytree(shards, other)
    text = (other / "manifest.json").read_text("utf-8")
    manifest = json.loads(text)
    manifest["shards"][2]["sha256"] = "0" * 64
    (other / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(StorageError, match=r"products-00002\.parquet changed since .* was begun"):
        run(undisturbed, source=str(other))


@pytest.mark.usefixtures("in_process")
def test_torn_changed_and_lost_shards_are_told_and_the_rest_goes_on(
    run: Label, command: Command, undisturbed: Path, title_model: Path, shards: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "shards"
    shutil.copytree(shards, broken)
    names = [f"products-{number:05}.parquet" for number in range(4)]
    torn = (broken / names[0]).read_bytes()
    (broken / names[0]).write_bytes(torn[: len(torn) // 2])
    (broken / names[1]).write_bytes(b"")
    (broken / names[2]).unlink()
    out = tmp_path / "labels"
    done = command("label", title_model, broken, "--out", out, "--top", 3, "--json")
    assert done.returncode == 4
    found = json.loads(done.stdout)
    assert list(found["failed"]) == names[:3]
    assert "was changed, or is not whole: expected" in found["failed"][names[0]]
    assert "found 0 with" in found["failed"][names[1]]
    assert "cannot be read (No such file" in found["failed"][names[2]]
    assert found["parts"] == 1
    lines = list(summary_lines(found))
    assert lines[0].startswith("600 of 2,400 products labelled")
    assert sum(line.startswith("not labelled: the shard ") for line in lines) == 3
    # once the shards are back, the same command ends with what an undisturbed run gives
    for name in names:
        shutil.copy(shards / name, broken / name)
    assert run(out, source=str(broken))["parts_found"] == 1
    for name in ("manifest.json", "plan.json"):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes()


def test_what_the_model_cannot_do_is_refused_before_any_part(
    run: Label, shards: Path, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="precision"):
        run(tmp_path / "labels", settings={"precision": 0.123})
    assert not list((tmp_path / "labels").glob("part-*"))
    with pytest.raises(BundleError, match="is not a shelfwise model"):
        run(tmp_path / "other", model=tmp_path)


@pytest.mark.usefixtures("in_process")
def test_many_labels_have_their_highest_scores_only(
    run: Label, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "MANY_LABELS", 2)
    monkeypatch.setattr(verb, "TOP_OF_MANY", 1)
    found = run(tmp_path / "labels", settings={})
    assert found["top"] == 1
    assert "the 1 highest scores of each product are written (--top)" in list(summary_lines(found))


def test_workers_of_an_exported_model_import_no_torch(
    run: Label,
    title_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    rows: Rows,
) -> None:
    graph = tmp_path / "graph"
    export_bundle(title_model, graph)
    # every Python process that is started now tells on standard error what it imports
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    capfd.readouterr()
    found = run(tmp_path / "out", model=graph)
    assert not found["failed"]
    assert found["rows"] == len(rows(tmp_path / "out")) > 0
    imported = {line.rpartition("|")[2].strip() for line in capfd.readouterr().err.splitlines()}
    assert {"onnxruntime.capi", "shelfwise.scale.labeller"} <= imported
    assert "torch" not in imported
