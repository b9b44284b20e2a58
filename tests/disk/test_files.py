"""Files that are there whole or not at all: what they hold, and what stays after an error."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from shelfwise.disk.files import (
    keep_input,
    read_arrays,
    replacing,
    sha256_of_file,
    temporary_name,
    write_arrays,
    write_json_lines,
    write_text_atomically,
)
from shelfwise.errors import StorageError


def test_after_an_error_the_old_file_stays_and_nothing_is_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file.txt"
    write_text_atomically(path, "old")
    with pytest.raises(FileNotFoundError), replacing(path) as temporary:
        (temporary.parent / "absent" / temporary.name).write_text("half")
    assert path.read_text() == "old"
    write_text_atomically(path, ["n", "ew"])
    assert path.read_text() == "new"
    assert [path.name for path in path.parent.iterdir()] == ["file.txt"]


def test_a_full_disk_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with pytest.raises(OSError, match=r"No space left on device: .*out\.txt"), replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_a_library_says_of_a_failure_stays(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^the line is dead$"), replacing(tmp_path / "out.txt"):
        raise OSError("the line is dead")


def test_two_runs_never_share_a_temporary_name(tmp_path: Path) -> None:
    names = {temporary_name(tmp_path / "file").name for _ in range(10)}
    assert len(names) == 10
    assert all(name.startswith(".file.") and name.endswith(".writing") for name in names)


def test_letters_stand_in_json_as_they_are_and_bytes_that_are_none_as_escapes(
    tmp_path: Path,
) -> None:
    write_json_lines(tmp_path / "rows.jsonl", ["Töpfe", os.fsdecode(b"caf\xe9")])
    assert (tmp_path / "rows.jsonl").read_bytes() == '"Töpfe"\n"caf\\udce9"\n'.encode()


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    source, link, other = (tmp_path / name for name in ("in.csv", "link.csv", "out.csv"))
    # what is not there is not written over
    keep_input(source, source)
    source.touch()
    link.symlink_to(source)
    other.touch()
    keep_input(source, other, tmp_path / "absent.csv")
    told = f"{link} would be written over {source}, which is read; choose another output"
    with pytest.raises(StorageError) as refused:
        keep_input(source, other, link)
    assert str(refused.value) == told


def test_arrays_come_back_with_what_is_said_of_them(tmp_path: Path) -> None:
    path = tmp_path / "arrays.safetensors"
    # every second column: not as it lies in memory
    weights = np.arange(12.0).reshape(3, 4)[:, ::2]
    write_arrays(path, {"w": weights}, {"source": "test"})
    arrays, metadata = read_arrays(path)
    np.testing.assert_array_equal(arrays["w"], weights)
    assert metadata == {"source": "test"}
    write_arrays(path, {"w": weights})
    assert read_arrays(path)[1] == {}
    assert sha256_of_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_arrays_that_cannot_be_written_or_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"half")
    path = tmp_path / "file" / "arrays.safetensors"
    with pytest.raises(StorageError, match=r"; free some space or choose another folder$") as told:
        write_arrays(path, {})
    assert str(told.value).startswith(f"could not write {path}: ")
    with pytest.raises(StorageError, match="file is not a whole safetensors file: "):
        read_arrays(tmp_path / "file")
