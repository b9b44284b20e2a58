"""A catalogue of any size becomes Parquet files, with every record accounted for, by one process or more."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.reading import byte_stream as sources
from shelfwise.catalog.reading import to_parquet as conversion
from shelfwise.catalog.reading.reader import read_catalog, write_quarantine
from shelfwise.catalog.reading.streaming import block_cutting, parallel, stream
from shelfwise.catalog.reading.to_parquet import convert_catalog
from shelfwise.errors import CatalogError, StorageError
from tests.catalog.flawed_records import flawed_records


def table_of(shards: list[Path]) -> pa.Table:
    return pa.concat_tables(map(pq.read_table, shards), promote_options="default")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and shards so small that a few thousand records make many."""
    monkeypatch.setattr(sources, "_CHUNK_BYTES", 1 << 14)
    monkeypatch.setattr(block_cutting, "BLOCK_BYTES", 1 << 15)
    monkeypatch.setattr(conversion, "SHARD_ROWS", 1000)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["shop.jsonl", "shop.jsonl.gz"])
@pytest.mark.parametrize("processes", [1, 2])
def test_the_files_hold_what_reading_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, processes: int
) -> None:
    data = flawed_records(4000)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    reading = read_catalog(tmp_path / name)
    write_quarantine(reading.quarantine, tmp_path / "expected.jsonl")
    if processes > 1:
        monkeypatch.setattr(stream, "_MIN_SHARED_BYTES", 0)
        monkeypatch.setattr(stream, "cpu_count", lambda: processes)
    done = convert_catalog(tmp_path / name, tmp_path / "out")
    assert (done.records, done.accepted) == (4000, 3920)
    assert done.quarantined == {"duplicate id": 40, "not a record": 40}
    assert len(done.shards) > 3
    assert sum(pq.read_metadata(shard).num_rows for shard in done.shards) == 3920
    found = table_of(done.shards)
    assert found.select(reading.catalog.table.column_names).equals(reading.catalog.table)
    assert (tmp_path / "out" / "quarantine.jsonl").read_bytes() == (
        tmp_path / "expected.jsonl"
    ).read_bytes()


@pytest.mark.usefixtures("small")
def test_records_that_span_blocks_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f'{i},"first line\nid,title\n""last"" line {i}"\n' for i in range(3000))
    (tmp_path / "shop.csv").write_text("id,title\n" + rows, "utf-8")
    monkeypatch.setattr(stream, "_MIN_SHARED_BYTES", 0)
    monkeypatch.setattr(stream, "cpu_count", lambda: 2)
    done = convert_catalog(tmp_path / "shop.csv", tmp_path / "out")
    assert not done.quarantined
    titles = table_of(done.shards).column("title").to_pylist()
    assert titles == [f'first line id,title "last" line {i}' for i in range(3000)]


def test_a_shard_is_a_catalogue(tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_bytes(flawed_records(200))
    done = convert_catalog(tmp_path / "shop.jsonl", tmp_path / "out")
    again = read_catalog(done.shards[0])
    assert not again.quarantine
    assert again.catalog.table.equals(read_catalog(tmp_path / "shop.jsonl").catalog.table)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_bytes(flawed_records(10))
    (tmp_path / "out").write_text("a file stands here")
    with pytest.raises(StorageError, match="could not write"):
        convert_catalog(tmp_path / "shop.jsonl", tmp_path / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_source_that_cannot_be_read_is_no_fault_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_bytes(flawed_records(10))
    (tmp_path / "shop.jsonl").chmod(0)
    with pytest.raises(CatalogError, match="cannot be read"):
        convert_catalog(tmp_path / "shop.jsonl", tmp_path / "out")


def test_nothing_readable_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_text('{"colour": "red"}\n')
    with pytest.raises(CatalogError, match="none of the 1 records"):
        convert_catalog(tmp_path / "shop.jsonl", tmp_path / "out")


def _die(*_: object) -> None:
    os._exit(1)


def test_a_killed_helper_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.jsonl").write_bytes(flawed_records(10))
    monkeypatch.setattr(stream, "_MIN_SHARED_BYTES", 0)
    monkeypatch.setattr(stream, "cpu_count", lambda: 2)
    monkeypatch.setattr(parallel, "_check_and_store", _die)
    with pytest.raises(CatalogError, match="was killed"):
        read_catalog(tmp_path / "shop.jsonl")
