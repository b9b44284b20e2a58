"""What stands in a folder of labels was damaged, swapped or comes from another run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from shelfwise.errors import StorageError
from shelfwise.scale.ledger_entry import entry_bytes

Label = Callable[..., dict[str, Any]]
Contents = Callable[[Path], dict[str, bytes]]
Damage = Callable[[Path, Path], None]


def torn(entry: Path, other: Path) -> None:
    entry.write_bytes(entry.read_bytes()[:-20])


def emptied(entry: Path, other: Path) -> None:
    entry.write_bytes(b"")


def no_text(entry: Path, other: Path) -> None:
    entry.write_bytes(b"\xff\xfe\x00")


def nested(entry: Path, other: Path) -> None:
    entry.write_bytes(b"[" * 100_000)


def of_another_kind(entry: Path, other: Path) -> None:
    entry.write_bytes(b"[1, 2]")


def of_another_part(entry: Path, other: Path) -> None:
    shutil.copy(other, entry)


def another_digit(entry: Path, other: Path) -> None:
    content = entry.read_bytes()
    assert b'"rows": 600' in content
    entry.write_bytes(content.replace(b'"rows": 600', b'"rows": 500'))


def twice_the_line(entry: Path, other: Path) -> None:
    entry.write_bytes(entry.read_bytes() * 2)


def without_a_fact(entry: Path, other: Path) -> None:
    facts = json.loads(entry.read_bytes())
    del facts["labels_given"]
    entry.write_text(json.dumps(facts), "utf-8")


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    "damage",
    [
        torn,
        emptied,
        no_text,
        nested,
        of_another_kind,
        of_another_part,
        another_digit,
        twice_the_line,
        without_a_fact,
    ],
)
def test_a_damaged_entry_of_the_ledger_is_not_believed(
    run: Label, labels: Path, undisturbed: Path, contents: Contents, damage: Damage
) -> None:
    entry, other, *_ = sorted((labels / "ledger").iterdir())
    damage(entry, other)
    assert run(labels)["parts_found"] == 3
    assert contents(labels) == contents(undisturbed)


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("name", ["part-00001-0123456789abcdef.jsonl", "part-7.parquet"])
def test_parts_of_another_run_are_not_left_among_these(run: Label, labels: Path, name: str) -> None:
    """Whoever reads all parts of the folder would read products twice."""
    (labels / name).write_text("{}\n")
    with pytest.raises(StorageError, match=rf"holds {name}, which is of another run; .*--out"):
        run(labels)


@pytest.mark.usefixtures("in_process")
def test_labels_whose_plan_was_replaced_by_that_of_another_run_are_refused(
    run: Label, labels: Path, tmp_path: Path
) -> None:
    run(tmp_path / "other", settings={"top": 5})
    shutil.copy(tmp_path / "other" / "plan.json", labels / "plan.json")
    with pytest.raises(StorageError, match="begun with --top 5, not 3"):
        run(labels)
    with pytest.raises(StorageError, match="which is of another run"):
        run(labels, settings={"top": 5})


@pytest.mark.usefixtures("in_process")
def test_a_damaged_part_does_not_stay_where_its_shard_is_lost(
    run: Label, labels: Path, shards: Path, tmp_path: Path
) -> None:
    source = tmp_path / "shards"
    shutil.copytree(shards, source)
    (source / "products-00000.parquet").unlink()
    part = min(labels.glob("part-*"))
    part.write_bytes(part.read_bytes()[:1000])
    found = run(labels, source=str(source))
    assert list(found["failed"]) == ["products-00000.parquet"]
    assert not part.exists()


@pytest.mark.usefixtures("in_process")
def test_a_list_beside_a_part_is_written_again_where_it_was_changed(
    run: Label, tmp_path: Path, contents: Contents
) -> None:
    out = tmp_path / "labels"
    run(out)
    part = min(out.glob("part-*"))
    beside = part.with_name(f"{part.stem}.refused.jsonl")
    beside.write_text("{}\n")
    expected = contents(out)
    entry = out / "ledger" / f"{part.stem}.json"
    facts = json.loads(entry.read_bytes())
    del facts["checksum"]
    facts["refusals"] = {"file": beside.name, "sha256": sha256(b"{}\n").hexdigest()}
    entry.write_bytes(entry_bytes(facts))
    assert run(out)["parts_found"] == 4
    beside.write_text("[]\n")
    assert run(out)["parts_found"] == 3
    assert contents(out).keys() == expected.keys() - {beside.name}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shards", []),
        ("shards.0.name", "../../../etc/passwd"),
        ("shards.0.rows", -1),
        ("settings.format", 3),
        ("settings.more", 1),
        ("model", None),
    ],
)
def test_a_forged_plan_is_refused_in_a_sentence(
    run: Label, labels: Path, name: str, value: object
) -> None:
    plan = json.loads((labels / "plan.json").read_bytes())
    *way, last = name.split(".")
    place: Any = plan
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    (labels / "plan.json").write_text(json.dumps(plan), "utf-8")
    with pytest.raises(StorageError, match="choose another --out, or remove the folder"):
        run(labels)


@pytest.mark.usefixtures("in_process")
def test_in_a_store_too_a_damaged_entry_is_not_believed(
    run: Label, labels: Path, undisturbed: Path, bucket: Any, contents: Contents
) -> None:
    entry, other, *_ = sorted((labels / "ledger").iterdir())
    of_another_part(entry, other)
    for name, content in contents(labels).items():
        bucket.put(f"out/{name}", content)
    assert run(f"s3://{bucket.name}/out")["parts_found"] == 3
    assert bucket.contents("out") == contents(undisturbed)
