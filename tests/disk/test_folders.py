"""Folders that are replaced: there at every moment, whole, for whom the umask allows."""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from pathlib import Path

import pytest

from shelfwise.disk import folders
from shelfwise.disk.files import write_arrays
from shelfwise.disk.folders import make_folders, replacing_folder, restore_replaced, set_aside


def put(folder: Path, text: str) -> None:
    with replacing_folder(folder) as new:
        (new / "text").write_text(text)


@pytest.fixture(params=["exchange", "two steps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "two steps":
        monkeypatch.setattr(folders, "_exchange", lambda one, other: False)
    return str(request.param)


def test_folders_are_made_however_many_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a relative name: the whole one would be longer than the system allows
    monkeypatch.chdir(tmp_path)
    deep = Path("/".join("a" * 1500))
    make_folders(deep)
    make_folders(deep)
    assert deep.is_dir()
    # what removes the folders of tests calls itself for each of them, too
    os.removedirs(deep)


@pytest.mark.usefixtures("way")
def test_the_new_folder_takes_the_place_of_the_old(tmp_path: Path) -> None:
    put(tmp_path / "folder", "old")
    put(tmp_path / "folder", "new")
    assert (tmp_path / "folder" / "text").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.usefixtures("way")
def test_after_an_error_the_old_folder_stays(tmp_path: Path) -> None:
    put(tmp_path / "folder", "old")
    with (
        pytest.raises(FileNotFoundError),
        replacing_folder(tmp_path / "folder") as new,
    ):
        (new / "missing" / "text").write_text("half")
    assert (tmp_path / "folder" / "text").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_the_name_is_never_missing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    put(folder, "0")
    missing: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            if not folder.exists():
                missing.append(1)

    looking = threading.Thread(target=look)
    looking.start()
    for count in range(200):
        put(folder, str(count))
    done.set()
    looking.join()
    assert not missing


def test_what_a_killed_run_set_aside_comes_back(tmp_path: Path) -> None:
    old = set_aside(tmp_path / "folder")
    old.mkdir()
    restore_replaced(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_a_run_set_aside_goes_where_the_new_folder_is_in_place(tmp_path: Path) -> None:
    put(tmp_path / "folder", "new")
    set_aside(tmp_path / "folder").mkdir()
    restore_replaced(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (tmp_path / "folder" / "text").read_text() == "new"


def test_names_are_exchanged_where_the_system_can(tmp_path: Path) -> None:
    put(tmp_path / "one", "one")
    put(tmp_path / "other", "other")
    if not folders._exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this system or disk cannot")
    assert (tmp_path / "one" / "text").read_text() == "other"
    assert (tmp_path / "other" / "text").read_text() == "one"
    with pytest.raises(FileNotFoundError) as refused:
        folders._exchange(tmp_path / "one", tmp_path / "absent")
    assert refused.value.filename == str(tmp_path / "absent")
    assert refused.value.strerror == "No such file or directory"


class OldLibrary:
    """A C library that knows no exchange."""

    def __init__(self, name: str | None, use_errno: bool) -> None:
        assert use_errno


class OldDisk(OldLibrary):
    """A C library that knows it, on a disk that does not."""

    def renameat2(self, *arguments: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


@pytest.mark.parametrize("library", [OldLibrary, OldDisk])
def test_a_system_without_exchange_takes_two_steps(
    library: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "folder", "old")
    monkeypatch.setattr(ctypes, "CDLL", library)
    assert not folders._exchange(tmp_path / "folder", tmp_path / "folder")
    put(tmp_path / "folder", "new")
    assert (tmp_path / "folder" / "text").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_where_the_second_step_fails_the_old_folder_comes_back(tmp_path: Path) -> None:
    put(tmp_path / "folder", "old")
    with pytest.raises(FileNotFoundError):
        folders._replace_in_two_steps(tmp_path / "absent", tmp_path / "folder")
    assert (tmp_path / "folder" / "text").read_text() == "old"


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    put(tmp_path / "version", "old")
    (tmp_path / "current").symlink_to("version")
    put(tmp_path / "current", "new")
    assert (tmp_path / "current").is_symlink()
    assert (tmp_path / "version" / "text").read_text() == "new"


@pytest.mark.parametrize(
    ("umask", "folder_mode", "file_mode"), [(0o022, 0o755, 0o644), (0o027, 0o750, 0o640)]
)
def test_modes_follow_the_umask(
    umask: int, folder_mode: int, file_mode: int, tmp_path: Path
) -> None:
    before = os.umask(umask)
    try:
        with replacing_folder(tmp_path / "folder") as new:
            (new / "text").write_text("text")
            write_arrays(new / "arrays.safetensors", {})
    finally:
        os.umask(before)
    assert (tmp_path / "folder").stat().st_mode & 0o777 == folder_mode
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "folder").iterdir()}
    assert modes == {file_mode}
