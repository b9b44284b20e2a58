"""Folders of shards that were damaged or forged: refused in a sentence, or what was lost is done again."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.shards.ingest_state import IngestState
from shelfwise.catalog.shards.manifest import ShardedCatalog
from shelfwise.errors import CatalogError, StorageError
from tests.catalog.flawed_records import flawed_records
from tests.catalog.shards.test_ingest import digests, ingest

Json = dict[str, Any]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder of shards."""
    (tmp_path / "a.jsonl").write_bytes(flawed_records(1000))
    ingest([tmp_path / "a.jsonl"], tmp_path / "out")
    return tmp_path / "out"


def changed(where: str, value: Any) -> Callable[[Json], None]:
    """Puts a value somewhere into a manifest."""
    *way, last = where.split(".")

    def change(content: Any) -> None:
        for step in way:
            content = content[int(step) if step.isdigit() else step]
        content[last] = value

    return change


FORGED = [
    ("shards.0.name", "../../../etc/passwd"),
    ("shards.0.name", "/dev/zero"),
    ("shards.0.name", "products-00000.parquet\x00"),
    ("shards.0.name", 5),
    ("shards.0.rows", "many"),
    ("shards.0.rows", -1),
    ("shards.0.sha256", "0" * 63),
    ("shards.0.more", 1),
    ("shards", "none"),
    ("shards", [None]),
    ("sources", {}),
    ("sources.0.products", None),
    ("sources.0.refused", []),
    ("sources.0.refused", {"x": "y"}),
    ("sources.0.reading.signs", "comma"),
    ("sources.0.reading.signs.more", 1),
    ("sources.0.reading.names", 3),
    ("settings", 5),
    ("shard_rows", None),
    ("image_root", 7),
    ("quarantine_bytes", "x"),
    ("kind", "shelfwise labels"),
    ("version", 99),
]


@pytest.mark.parametrize(("where", "value"), FORGED)
def test_a_forged_manifest_is_refused_in_a_sentence(shards: Path, where: str, value: Any) -> None:
    manifest = shards / "manifest.json"
    content = json.loads(manifest.read_text("utf-8"))
    changed(where, value)(content)
    manifest.write_text(json.dumps(content), "utf-8")
    with pytest.raises(CatalogError, match=r"manifest\.json cannot be read .*ingest its source"):
        ShardedCatalog.load(shards)


@pytest.mark.parametrize("text", ["[]", "null", "3", "", '{"kind": 1', "[" * 100_000])
def test_what_is_no_manifest_is_refused_in_a_sentence(shards: Path, text: str) -> None:
    (shards / "manifest.json").write_text(text, "utf-8")
    with pytest.raises(CatalogError, match=r"manifest\.json cannot be read"):
        ShardedCatalog.load(shards)


def resealed(shards: Path, table: pa.Table) -> None:
    """Put a table in the place of the first shard, with a manifest that agrees."""
    path = shards / "products-00000.parquet"
    pq.write_table(table, path)
    manifest = shards / "manifest.json"
    content = json.loads(manifest.read_text("utf-8"))
    facts = {"bytes": path.stat().st_size, "sha256": sha256(path.read_bytes()).hexdigest()}
    content["shards"][0].update(facts)
    manifest.write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize("name", ["id", "title", "categories", "price", "related"])
def test_a_column_of_another_type_is_refused_though_the_manifest_agrees(
    shards: Path, name: str
) -> None:
    table = pq.read_table(shards / "products-00000.parquet")
    place = table.column_names.index(name)
    column = pa.array([{"a": 1}] * len(table))
    resealed(shards, table.set_column(place, name, column))
    with pytest.raises(CatalogError, match=rf"another type in its column '{name}': expected"):
        read_catalog(shards)


def test_a_shard_that_is_no_parquet_file_is_refused_though_the_manifest_agrees(
    shards: Path,
) -> None:
    table = pq.read_table(shards / "products-00000.parquet")
    resealed(shards, table)
    path = shards / "products-00000.parquet"
    data = path.read_bytes()[:-4] + b"ZZZZ"
    path.write_bytes(data)
    text = (shards / "manifest.json").read_text("utf-8")
    content = json.loads(text)
    content["shards"][0]["sha256"] = sha256(data).hexdigest()
    (shards / "manifest.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(CatalogError, match=r"products-00000\.parquet cannot be read"):
        read_catalog(shards)


def test_a_pipe_in_the_place_of_a_shard_is_refused(shards: Path) -> None:
    (shards / "products-00000.parquet").unlink()
    os.mkfifo(shards / "products-00000.parquet")
    with pytest.raises(CatalogError, match="is a pipe, not a file"):
        read_catalog(shards)


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an ingestion that was stopped after its shards were written."""
    (tmp_path / "shop").mkdir()
    for number, name in enumerate("abcd"):
        # each fills a shard
        content = flawed_records(900, 900 * number)
        (tmp_path / "shop" / f"{name}.jsonl").write_bytes(content)
    out = tmp_path / "stopped" / "out"

    def stop(state: IngestState) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(IngestState, "release_quarantine", stop)
        with pytest.raises(KeyboardInterrupt):
            ingest([tmp_path / "shop"], out)
    return out


def test_a_damaged_entry_of_the_ledger_is_done_again(stopped: Path, tmp_path: Path) -> None:
    """A wrong digit of an offset would else lose records without a word."""
    ingest([tmp_path / "shop"], tmp_path / "undisturbed" / "out")
    expected = digests(tmp_path / "undisturbed" / "out")
    ledger = stopped / "unfinished" / "ledger.jsonl"
    content = ledger.read_bytes()
    places = [place for place, byte in enumerate(content) if chr(byte).isdigit()]
    for place in places[:: len(places) // 5]:
        out = tmp_path / f"damaged{place}" / "out"
        shutil.copytree(stopped, out)
        damaged = bytearray(content)
        # another digit
        damaged[place] ^= 1
        (out / "unfinished" / "ledger.jsonl").write_bytes(damaged)
        ingest([tmp_path / "shop"], out)
        assert digests(out) == expected


def lines_of(ledger: Path) -> list[bytes]:
    return ledger.read_bytes().splitlines(keepends=True)


def with_less_in_quarantine(line: bytes) -> bytes:
    """The line as a run would have written it that began with it."""
    content = re.sub(rb'("quarantine_bytes": )\d+', rb"\g<1>7", line.rpartition(b"\t")[0])
    return content + b"\t" + sha256(content).hexdigest()[:16].encode() + b"\n"


LINES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "torn": lambda lines: [*lines[:-1], lines[-1][:-9]],
    "twice": lambda lines: [*lines, lines[-1]],
    "without the first": lambda lines: lines[1:],
    "without one between": lambda lines: [*lines[:2], *lines[3:]],
    "in another order": lambda lines: [*lines[:-2], lines[-1], lines[-2]],
    "of another run": lambda lines: [*lines[:-1], with_less_in_quarantine(lines[-1])],
    "none": lambda lines: [],
    "no text": lambda lines: [b"\xff\x00\n", *lines],
}


@pytest.mark.parametrize("how", LINES)
def test_a_ledger_whose_lines_are_not_those_that_were_written_loses_no_record(
    stopped: Path, tmp_path: Path, how: str
) -> None:
    ingest([tmp_path / "shop"], tmp_path / "undisturbed" / "out")
    ledger = stopped / "unfinished" / "ledger.jsonl"
    written = lines_of(ledger)
    assert len(written) > 4
    ledger.write_bytes(b"".join(LINES[how](written)))
    ingest([tmp_path / "shop"], stopped)
    assert digests(stopped) == digests(tmp_path / "undisturbed" / "out")


@pytest.mark.parametrize("name", ["lines-00001.npy", "quarantine.jsonl", "products-00000.parquet"])
def test_other_damage_to_what_was_begun_is_refused_in_a_sentence(
    stopped: Path, tmp_path: Path, name: str
) -> None:
    path = stopped / name if name.endswith("parquet") else stopped / "unfinished" / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match=rf"{name} is missing, or was changed .*ingest again"):
        ingest([tmp_path / "shop"], stopped)


def test_another_letter_in_the_quarantine_is_refused_in_a_sentence(
    stopped: Path, tmp_path: Path
) -> None:
    path = stopped / "unfinished" / "quarantine.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    with pytest.raises(StorageError, match=r"quarantine\.jsonl is missing, or was changed"):
        ingest([tmp_path / "shop"], stopped)
