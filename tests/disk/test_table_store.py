"""Tables of a stream are the same whether they stay in memory or go through a file."""

from __future__ import annotations

import errno
import gc
import os
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from shelfwise.disk import table_store
from shelfwise.disk.table_store import TableStore, release_pages
from shelfwise.errors import StorageError

PARTS = [
    pa.table({"id": ["1", "2"], "title": ["ä mug", None]}),
    pa.table({"id": ["3"], "title": ["lamp"], "colour": ["red"]}),
    pa.table({"id": pa.array([], pa.string()), "title": pa.array([], pa.string())}),
    pa.table({"id": ["4"], "title": ["cup"]}),
    pa.table({"id": ["5"], "title": ["cup"], "size": ["s"], "colour": [None]}),
]


def stored(limit: int) -> pa.Table:
    store = TableStore(limit)
    for part in PARTS:
        store.add(part)
    return pa.concat_tables(store.tables(), promote_options="default")


@pytest.mark.parametrize("limit", [0, 20, 60])
def test_a_file_holds_what_memory_holds(limit: int) -> None:
    """Columns that turn up late are null before, and in later tables that lack them."""
    expected = pa.concat_tables(PARTS, promote_options="default")
    found = stored(limit)
    assert found.to_pylist() == expected.to_pylist()
    assert sorted(found.column_names) == sorted(expected.column_names)
    release_pages()
    assert found.to_pylist() == expected.to_pylist(), "they are read again"


def test_nothing_is_written_below_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> Any:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    assert stored(1 << 20).num_rows == 5


def test_no_file_has_a_name_and_the_last_table_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    table = stored(0)
    assert list(tmp_path.iterdir()) == []
    column = table.column("title")
    del table
    gc.collect()
    assert column.to_pylist()[2] == "lamp"
    assert len(table_store._mapped) > 0
    del column
    gc.collect()
    assert len(table_store._mapped) == 0


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with pytest.raises(StorageError, match=r"No space left on device.* TMPDIR"):
        stored(0)
