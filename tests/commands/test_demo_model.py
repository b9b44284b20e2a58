"""The demo's model has its place in the cache; without one there is no demo."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from shelfwise.commands.demo_model import demo_model
from shelfwise.core.types import Context
from shelfwise.disk.cache_folder import opened_cache
from shelfwise.errors import StorageError


def test_no_model_is_taken_from_where_everybody_may_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StorageError, match="there is none; name another folder in SHELFWISE_CACHE"):
        demo_model(Context(cache=opened_cache(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_is_told_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shelfwise.commands.demo_model.write_sample", refuse)
    with pytest.raises(
        StorageError, match=r"demo/.* cannot be written \(No space left on device\)"
    ):
        demo_model(Context(cache=opened_cache(tmp_path / "cache")))
