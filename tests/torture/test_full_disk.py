"""A disk that is full at any moment of any command: a sentence, and what stood there before is whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shelfwise.export.loading import open_model
from tests.torture.commands import Commands
from tests.torture.conftest import manifest, some_of, train

pytestmark = pytest.mark.torture

SMALL_DISK = ["unshare", "--user", "--map-root-user", "--mount"]
"""Mounts that only the commands see; an ordinary user may have them, where the system allows it."""

DISK_BYTES = 16 << 20
KILOBYTES = (0, 8, 40, 80, 120, 160, 240, 400, 800)
"""What is left free of the disk."""

FILE_BYTES = (1, 100, 1_000, 3_000, 10_000, 40_000, 100_000)
"""Largest size of a file. A table of 120 products has some 20,000 bytes, a page of a report 100,000."""


def contents(folder: Path) -> dict[str, str]:
    """The sha256 of every file below `folder`."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="module")
def finished(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every command has written once, onto a disk with room."""
    folder = tmp_path_factory.mktemp("finished")
    commands = Commands(tmp_path_factory.mktemp("run"))
    for verb in verbs(shop, folder).values():
        done = commands.run(*verb)
        assert done.code == 0, done.said
    commands.end()
    return folder


def verbs(shop: Path, out: Path) -> dict[str, list[object]]:
    """By name, a command that writes into the folder `out`."""
    model, catalogue = shop / "old", shop / "new.jsonl"
    return {
        "train": train(shop, "new", out / "model"),
        "predict": ["predict", model, catalogue, "--out", out / "labels.jsonl"],
        "parquet": ["predict", model, catalogue, "--out", out / "labels.parquet"],
        "inspect": ["inspect", catalogue, "--out", out / "look"],
        "audit": ["audit", model, catalogue, "--out", out / "audit"],
        "explain": [
            *("predict", model, catalogue, "--out", out / "explained.jsonl"),
            *("--explain", out / "explained"),
        ],
        "export": ["export", catalogue, "--parquet", out / "tables"],
    }


VERBS = ("train", "predict", "parquet", "inspect", "audit", "explain", "export")


@pytest.mark.parametrize("verb", VERBS)
def test_no_file_may_grow(
    verb: str,
    commands: Commands,
    shop: Path,
    finished: Path,
    tmp_path: Path,
    seen: Callable[[str], None],
) -> None:
    """The system refuses what goes beyond a size, at whichever file that is."""
    out = shutil.copytree(finished, tmp_path / "out")
    before = contents(out)
    refused = 0
    for most in some_of(FILE_BYTES):
        done = commands.run(*verbs(shop, out)[verb], limits={"RLIMIT_FSIZE": most})
        # what the command itself prints goes to a file too
        if most > FILE_BYTES[2]:
            refused += not done.succeeded_or_refused()
        check_whole(out, before, verb, done.code)
        shutil.rmtree(out)
        shutil.copytree(finished, out)
    seen(
        f"{len(FILE_BYTES)} limits of a file's size: {refused} refused in a sentence, 0 files torn"
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Commands, Path, Path]]:
    """Commands that see a disk of their own; its place for them, and for us."""
    trial = subprocess.run([*SMALL_DISK, "true"], capture_output=True, check=False)
    if trial.returncode != 0:
        pytest.skip("the system lets this user mount nothing, not even for itself")
    place = tmp_path / "disk"
    place.mkdir()
    script = f'mount -t tmpfs -o size={DISK_BYTES} none "{place}" && exec "$0" "$@"'
    commands = Commands(tmp_path, [*SMALL_DISK, "sh", "-c", script])
    # the disk is seen through the process that has it
    yield commands, place, Path(f"/proc/{commands.server.pid}/root{place}")
    commands.end()


def fill(disk: Path, kilobytes: int) -> None:
    """Leave so much of the disk free."""
    found = os.statvfs(disk)
    free = found.f_bavail * found.f_frsize
    (disk / "ballast").write_bytes(bytes(free - kilobytes * 1_024))


@pytest.mark.parametrize("verb", VERBS)
def test_a_disk_that_fills_up(
    verb: str,
    small_disk: tuple[Commands, Path, Path],
    shop: Path,
    finished: Path,
    seen: Callable[[str], None],
) -> None:
    """A real disk of its own, with room for a part of what the command writes."""
    commands, place, disk = small_disk
    before = contents(finished)
    refused = 0
    for kilobytes in some_of(KILOBYTES):
        shutil.copytree(finished, disk / "out")
        fill(disk, kilobytes)
        done = commands.run(*verbs(shop, place / "out")[verb])
        refused += not done.succeeded_or_refused()
        check_whole(disk / "out", before, verb, done.code)
        shutil.rmtree(disk / "out")
        (disk / "ballast").unlink()
    tried = len(some_of(KILOBYTES))
    seen(
        f"{tried} disks with 0 to {KILOBYTES[-1]} KiB free: {refused} times refused in a sentence, "
        f"{tried - refused} times done, 0 files torn"
    )


def check_whole(out: Path, before: dict[str, str], verb: str, code: int) -> None:
    """Refused, everything is as it was; done, it is a whole new version."""
    after = contents(out)
    unfinished = [name for name in after if ".writing" in name or name.endswith(".part")]
    assert not unfinished
    if verb == "train":
        # an old model or the new one; a training that could not write its report tells so
        open_model(out / "model")
        return
    if code != 0:
        # a run of several files may have replaced some; none may be half written
        changed = [name for name in before if after.get(name) != before[name]]
        assert not changed, f"{verb} has changed {changed}"


def test_the_model_of_a_training_on_a_full_disk_is_the_old_one(
    commands: Commands, shop: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(shop / "old", tmp_path / "model")
    done = commands.run(*train(shop, "new", out), limits={"RLIMIT_FSIZE": 10_000})
    assert "could not write" in done.sentence()
    assert manifest(out) == manifest(shop / "old")
