"""Rows on disk: what was written is found again, and nothing else is believed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from shelfwise.core.types import Floats
from shelfwise.disk.embedding_cache import EmbeddingCache


def keys(*names: int) -> list[bytes]:
    return [hashlib.sha256(str(name).encode()).digest() for name in names]


def rows(*names: int) -> Floats:
    return np.array([[name, -name, 0.5] for name in names], np.float32)


def read(shelf: EmbeddingCache, *names: int) -> Floats:
    """Those rows, the first into the last place and so on; places nobody wants stay 0."""
    found = np.zeros((len(names), 3), np.float32)
    shelf.fill({key: len(names) - 1 - i for i, key in enumerate(keys(*names))}, found)
    return found[::-1]


def test_rows_are_found_by_key_over_several_shards(tmp_path: Path) -> None:
    writer = EmbeddingCache(tmp_path / "new" / "folder")
    writer.write(keys(1, 2, 3), rows(1, 2, 3))
    writer.write(keys(4), rows(4))
    writer.write([], rows())
    assert len(list(writer.folder.iterdir())) == 2
    reader = EmbeddingCache(writer.folder)
    assert set(reader.places) == set(keys(1, 2, 3, 4))
    assert np.array_equal(read(reader, 4, 2, 9, 1), [*rows(4, 2), [0, 0, 0], *rows(1)])


def test_rows_of_any_shape_and_kind(tmp_path: Path) -> None:
    maps = np.arange(2 * 4 * 3, dtype=np.float16).reshape(2, 4, 3)
    EmbeddingCache(tmp_path).write(keys(1, 2), maps[:, :, ::-1])
    found = np.zeros_like(maps)
    EmbeddingCache(tmp_path).fill({keys(2)[0]: 0, keys(1)[0]: 1}, found)
    assert np.array_equal(found, maps[::-1, :, ::-1])


@pytest.mark.parametrize("damage", ["one bit", "cut off", "another's name"])
def test_a_damaged_shard_is_not_believed(tmp_path: Path, damage: str) -> None:
    EmbeddingCache(tmp_path).write(keys(1), rows(1))
    EmbeddingCache(tmp_path).write(keys(2), rows(2))
    (broken,) = {path for path, _ in EmbeddingCache(tmp_path).places.values()} - {
        EmbeddingCache(tmp_path).places[keys(2)[0]][0]
    }
    data = broken.read_bytes()
    if damage == "one bit":
        broken.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "cut off":
        broken.write_bytes(data[: len(data) // 2])
    else:
        broken.rename(tmp_path / f"{'0' * 64}.safetensors")
    found = np.zeros((2, 3), np.float32)
    kept = EmbeddingCache(tmp_path).fill({keys(1)[0]: 0, keys(2)[0]: 1}, found)
    assert kept == set(keys(2))
    assert np.array_equal(found, [[0, 0, 0], *rows(2)])
    EmbeddingCache(tmp_path).write(keys(1, 3), rows(1, 3))
    assert np.array_equal(read(EmbeddingCache(tmp_path), 1, 2, 3), rows(1, 2, 3))


def test_a_shard_that_another_run_took_away_costs_its_rows_only(tmp_path: Path) -> None:
    writer = EmbeddingCache(tmp_path)
    writer.write(keys(1), rows(1))
    writer.write(keys(2), rows(2))
    reader = EmbeddingCache(tmp_path)
    reader.places[keys(1)[0]][0].unlink()
    assert np.array_equal(read(reader, 2, 1), [*rows(2), [0, 0, 0]])


def test_what_a_killed_run_leaves_is_passed_over(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path).write(keys(1), rows(1))
    (tmp_path / "xyz.part").write_bytes(b"half a shard")
    assert set(EmbeddingCache(tmp_path).places) == set(keys(1))
    assert not [
        path for path in tmp_path.iterdir() if path.suffix == ".part" and path.name != "xyz.part"
    ]


def test_two_runs_may_write_the_same_and_share(tmp_path: Path) -> None:
    one, two = EmbeddingCache(tmp_path), EmbeddingCache(tmp_path)
    for shelf in (one, two):
        shelf.write(keys(1, 2), rows(1, 2))
    two.write(keys(3), rows(3))
    assert len(list(tmp_path.iterdir())) == 2
    assert np.array_equal(read(EmbeddingCache(tmp_path), 1, 2, 3), rows(1, 2, 3))


def test_without_a_folder_nothing_is_kept() -> None:
    shelf = EmbeddingCache(None)
    shelf.write(keys(1), rows(1))
    assert not shelf.places


def test_a_folder_that_cannot_be_written_costs_the_cache_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    shelf = EmbeddingCache(tmp_path / "file" / "shelf")
    for name in (1, 2):
        shelf.write(keys(name), rows(name))
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        f"embeddings are not kept in {tmp_path}/file/shelf"
    ]
