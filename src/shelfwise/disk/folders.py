"""Folders that are there whole or not at all, and that a reader sees old or new, never in between."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# what a system answers that has no exchange, or not on this kind of disk
_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def make_folders(folder: Path) -> None:
    """Make a folder and all above it that are missing; one that is there already stays as it is.

    As ``Path.mkdir(parents=True, exist_ok=True)``, which calls itself for each of them and ends in a
    RecursionError below some thousand.

    Raises:
        OSError: the disk refuses, or one of them is a file.
    """
    missing = takewhile(lambda above: not above.exists(), folder.parents)
    for one in reversed([folder, *missing]):
        one.mkdir(exist_ok=True)


@contextmanager
def replacing_folder(folder: Path, beside: Path | None = None) -> Iterator[Path]:
    """A new folder; what the block leaves in it takes the place of `folder` at the end.

    Names change in one step where the system can exchange two names (Linux). After an error in the block
    `folder` is as it was, with nothing beside it. Only the holder of the claim on `beside` may call this.

    Args:
        folder: what is replaced, or made.
        beside: the new folder grows beside this one, on the same disk; default: beside `folder`.
    """
    beside = Path(os.path.realpath(beside or folder))
    # a link is followed: the folder it leads to is replaced, and the link stays
    folder = Path(os.path.realpath(folder))
    make_folders(folder.parent)
    new = beside.with_name(f".{beside.name}.{uuid.uuid4().hex[:12]}.writing")
    # not tempfile.mkdtemp, whose folders are for their owner alone whatever the umask says
    new.mkdir()
    try:
        yield new
        # a name must not reach the disk before its data
        for path in sorted(new.rglob("*"), reverse=True):
            sync(path)
        sync(new)
        _put_in_place(new, folder)
    finally:
        # after an exchange this is what stood at `folder` before
        shutil.rmtree(new, ignore_errors=True)


def set_aside(folder: Path) -> Path:
    """Where `folder` stands for a moment while it is replaced on a system without exchange."""
    # "." has no name, and what a link leads to is what was replaced
    real = Path(os.path.realpath(folder))
    # the root has no name either, and nothing is beside it
    return real.parent / f".{real.name}.old"


def restore_replaced(folder: Path) -> None:
    """Put back what a run set aside that was killed before the new folder was in place."""
    old = set_aside(folder)
    if old.is_dir() and not folder.exists():
        old.rename(folder)
    # with the new folder in place the old one has done its work
    shutil.rmtree(old, ignore_errors=True)


def sync(path: Path) -> None:
    """Have the content of a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_in_place(new: Path, folder: Path) -> None:
    """Let `new` be `folder`; what stood there is at `new` or gone."""
    if not folder.exists():
        new.rename(folder)
    elif not _exchange(new, folder):
        _replace_in_two_steps(new, folder)
    # the new name must be on the disk before the old folder goes
    sync(folder.parent)


def _replace_in_two_steps(new: Path, folder: Path) -> None:
    """For systems without exchange; readers look at both names, so that the moment between is safe."""
    old = set_aside(folder)
    folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system cannot.

    Raises:
        OSError: the disk refuses.
    """
    # python has no call for it; the C library has since 2018 (glibc 2.28)
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    paths = (os.fsencode(one), os.fsencode(other))
    if call(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(other))
