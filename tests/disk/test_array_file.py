"""Numbers in a temporary file."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from shelfwise.disk.array_file import ArrayFile
from shelfwise.errors import StorageError


def test_pieces_are_read_whatever_was_written_between() -> None:
    numbers = ArrayFile(np.uint64)
    numbers.append(np.array([2**64 - 1, 7], np.uint64))
    assert numbers.read(0, 1).tolist() == [2**64 - 1]
    numbers.append(np.array([8, 9], np.uint64))
    assert numbers.read(1, 4).tolist() == [7, 8, 9]
    assert numbers.read(2, 2).tolist() == []
    assert len(numbers) == 4
    # whatever the type they come in
    numbers.append(np.array([10], np.int16))
    assert numbers.read(3, 5).tolist() == [9, 10]


def test_a_full_disk_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("r+b", buffering=0) as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
        numbers = ArrayFile(np.float32)
        with pytest.raises(
            StorageError, match="do not fit in the folder for temporary files"
        ) as told:
            numbers.append(np.zeros(1 << 20, np.float32))
    fix = "; free some space there, or set TMPDIR to a folder that has room"
    assert str(told.value).endswith(fix)
