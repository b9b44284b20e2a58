"""The cache folder: for its owner alone, within its limit, the least recently used goes first."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from shelfwise.disk.cache_folder import SIZE_VARIABLE, opened_cache, trim
from shelfwise.disk.embedding_cache import EmbeddingCache
from shelfwise.errors import ConfigError

DAY = 86_400


def put(path: Path, days_ago: float, size: int = 1000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    used = time.time() - days_ago * DAY
    os.utime(path, (used, used))
    return path


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    old = put(tmp_path / "texts" / "a" / "old.safetensors", 9)
    killed = put(tmp_path / "texts" / "a" / "half.part", 10)
    new = put(tmp_path / "images" / "new.safetensors", 1)
    kept = put(tmp_path / "search" / "trials.db", 99)
    trim(tmp_path, 2000)
    assert not killed.exists()
    assert old.exists()
    trim(tmp_path, 1000)
    assert not old.exists()
    assert new.exists()
    assert kept.exists(), "not ours to remove"


def test_what_another_run_may_be_using_stays(tmp_path: Path) -> None:
    used = put(tmp_path / "a.safetensors", 0)
    trim(tmp_path, 0)
    assert used.exists()


def test_reading_a_shard_is_use(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path).write([bytes(32)], np.ones((1, 3), np.float32))
    (shard,) = tmp_path.glob("*.safetensors")
    os.utime(shard, (0, 0))
    found = np.zeros((1, 3), np.float32)
    assert EmbeddingCache(tmp_path).fill({bytes(32): 0}, found) == {bytes(32)}
    trim(tmp_path, 0)
    assert shard.exists()


def test_the_limit_holds_when_the_cache_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = put(tmp_path / "cache" / "old.safetensors", 9)
    (tmp_path / "cache").chmod(0o700)
    monkeypatch.setenv(SIZE_VARIABLE, "0.000000001")
    assert opened_cache(tmp_path / "cache") == tmp_path / "cache"
    assert not shard.exists()
    monkeypatch.setenv(SIZE_VARIABLE, "much")
    with pytest.raises(ConfigError, match="is 'much', expected a number of gigabytes"):
        opened_cache(tmp_path / "cache")


def test_a_new_cache_is_for_its_owner_alone(tmp_path: Path) -> None:
    cache = opened_cache(tmp_path / "cache")
    assert cache is not None
    assert cache.stat().st_mode & 0o777 == 0o700


def test_a_cache_that_everybody_may_write_is_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    assert opened_cache(tmp_path / "cache") is None
    assert "everybody may write to" in caplog.text


def test_a_cache_that_cannot_be_made_costs_the_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert opened_cache(tmp_path / "file" / "cache") is None
