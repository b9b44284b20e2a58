"""A model that is replaced: whoever loads it gets the old one or the new one, whole; so does a killed run."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shelfwise.core.types import State
from shelfwise.errors import BundleError
from shelfwise.model.bundle import Bundle, load_bundle, save_bundle
from shelfwise.model.bundle_reader import MAX_REPLACEMENTS, FolderReader, read_folder

WRITER = """
import sys
from pathlib import Path
import numpy as np
from shelfwise.disk import folders
from shelfwise.core.types import State
from shelfwise.model.bundle import Bundle, save_bundle

folder, way = Path(sys.argv[1]), sys.argv[2]
if way == "two steps":
    folders._exchange = lambda one, other: False
folders.sync = lambda path: None
version = 0
while True:
    version += 1
    state = State({"w": np.full(2000, version)}, {"version": version})
    save_bundle(Bundle({}, ("Mugs",), {}, {f"member.{n}": state for n in range(8)}), folder)
    if version == 1:
        print("first", flush=True)
"""


def versions(bundle: Bundle) -> set[int]:
    """The versions of all parts of a bundle: one, if it is whole."""
    found = set()
    for state in bundle.sections.values():
        found |= {int(value) for value in np.unique(state.arrays["w"])}
        found.add(state.facts["version"])
    return found


def start_writer(folder: Path, way: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), way]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "first\n"
    return process


@pytest.fixture(params=["exchange", "two steps"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def writer(way: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = start_writer(tmp_path / "model", way)
    yield process
    process.kill()
    process.communicate()


def count_loads(process: subprocess.Popen[str], folder: Path, loads: int) -> int:
    """Load a model that `process` replaces, so often; how many versions were seen, each whole."""
    seen: set[int] = set()
    done = 0
    while done < loads or len(seen) < 6:
        done += 1
        found = versions(load_bundle(folder))
        assert len(found) == 1, "parts of several versions"
        seen |= found
        assert process.poll() is None, "the writer has stopped"
    return len(seen)


def kill_saves(folder: Path, way: str, kills: int) -> None:
    """Kill writers of a model in `folder` at random instants; each time one version must be there."""
    folder.mkdir(exist_ok=True)
    instants = random.Random(0)
    for _ in range(kills):
        process = start_writer(folder / "model", way)
        time.sleep(instants.uniform(0, 0.1))
        process.kill()
        process.communicate()
        assert len(versions(load_bundle(folder / "model"))) == 1
    # the next save removes what the killed ones have left, and the good model is never among that
    save_bundle(Bundle({}, ("new",), {}, {"member.a": State()}), folder / "model")
    assert [path.name for path in folder.iterdir()] == ["model"]


def test_loads_during_replacements_are_old_or_new(
    writer: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert count_loads(writer, tmp_path / "model", 150) >= 6


def test_a_killed_save_leaves_the_old_model_or_the_new(way: str, tmp_path: Path) -> None:
    kill_saves(tmp_path, way, 6)


def test_a_kill_between_the_two_steps_keeps_the_model(tmp_path: Path) -> None:
    """On a system that cannot exchange names, there is a moment at which only the old name exists."""
    save_bundle(Bundle({}, ("good",), {}, {}), tmp_path / "model")
    (tmp_path / "model").rename(tmp_path / ".model.old")
    assert load_bundle(tmp_path / "model").labels == ("good",)
    # a new save that fails must not lose it either
    with pytest.raises(ValueError, match="JSON"):
        save_bundle(Bundle({"x": float("nan")}, (), {}, {}), tmp_path / "model")
    assert load_bundle(tmp_path / "model").labels == ("good",)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_is_replaced_under_a_reader_is_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_bundle(Bundle({}, ("old",), {}, {}), folder)

    def read(reader: FolderReader) -> object:
        if reader.json("labels.json") == ["old"]:
            save_bundle(Bundle({}, ("new",), {}, {}), folder)
            raise BundleError("of a version that is gone")
        return reader.json("labels.json")

    assert read_folder(folder, read) == ["new"]


def test_what_was_set_aside_is_read_again_once_the_new_model_is_in_place(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_bundle(Bundle({}, ("old",), {}, {}), tmp_path / ".model.old")
    save_bundle(Bundle({}, ("new",), {}, {}), tmp_path / "next")

    def read(reader: FolderReader) -> object:
        if not folder.exists():
            (tmp_path / "next").rename(folder)
            raise BundleError("its files go now")
        return reader.json("labels.json")

    assert read_folder(folder, read) == ["new"]


def test_a_model_that_is_replaced_all_the_time_is_not_waited_for_without_end(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "model"
    save_bundle(Bundle({}, ("Mugs",), {}, {}), folder)
    tries = 0

    def read(reader: FolderReader) -> object:
        nonlocal tries
        tries += 1
        folder.rename(tmp_path / f"{tries}")
        shutil.copytree(tmp_path / f"{tries}", folder)
        raise BundleError("of a version that is gone")

    with pytest.raises(BundleError, match="is replaced faster than it can be read; try again"):
        read_folder(folder, read)
    assert tries == MAX_REPLACEMENTS


def test_a_file_that_goes_while_it_is_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_bundle(Bundle({}, ("Mugs",), {}, {}), folder)

    def read(reader: FolderReader) -> object:
        (folder / "facts.json").unlink()
        return reader.json("facts.json")

    with pytest.raises(BundleError, match=r"facts\.json cannot be opened \(No such file"):
        read_folder(folder, read)


def test_a_model_that_is_removed_while_it_is_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_bundle(Bundle({}, ("Mugs",), {}, {}), folder)

    def read(reader: FolderReader) -> object:
        shutil.rmtree(folder)
        return reader.json("facts.json")

    with pytest.raises(BundleError, match="is not a shelfwise model"):
        read_folder(folder, read)
