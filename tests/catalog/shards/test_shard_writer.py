"""Shards of which not even the beginning can be written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.shards.shard_writer import ShardWriter


def test_a_file_that_could_not_be_begun_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: str, *_: object, **__: object) -> None:
        Path(path).write_bytes(b"P")
        raise OSError("no space left")

    writer = ShardWriter(tmp_path, 10)
    monkeypatch.setattr(pq, "ParquetWriter", full)
    with pytest.raises(OSError, match="no space"):
        writer.write(pa.table({"id": ["1"]}))
    writer.abandon()
    assert list(tmp_path.iterdir()) == []
