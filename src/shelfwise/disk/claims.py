"""One writer at a time: a claim on a file or a folder, and the leftovers of writers that were killed."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shelfwise.disk.folders import make_folders, restore_replaced
from shelfwise.errors import StorageError

log = logging.getLogger("shelfwise")

LEFTOVERS = ".writing"
"""How the temporary names of unfinished files and folders end."""


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Be the only writer of `path`, a file or a folder, inside the block.

    The claim is a lock on a small file beside `path`. The system gives it up when the process ends, however
    it ends. What killed writers of `path` have left behind is removed first.

    Raises:
        StorageError: another process, or another part of this one, is writing `path`; or the folder of
            `path` cannot be written.
    """
    # a link is followed: what it leads to is what is written
    path = Path(os.path.realpath(path))
    # what is still a link leads to itself: nothing could take its place
    if path.is_symlink():
        raise StorageError(
            f"cannot write {path}: it is a link that leads to itself; remove it, or choose another place"
        )
    # the root has no name, and nothing is beside it
    if not path.name:
        raise StorageError(
            f"cannot write {path}: it is the root of all folders; choose another place"
        )
    lock = _lock_file(path)
    handle = _lock(path, lock)
    try:
        restore_replaced(path)
        remove_leftovers(path)
        yield
    finally:
        # removed while it is still held: whoever opened it meanwhile sees that it is gone, and starts anew
        with suppress(OSError):
            lock.unlink()
        os.close(handle)


def remove_leftovers(path: Path) -> None:
    """Remove what killed writers of `path` left. Only for the holder of the claim on `path`."""
    for leftover in _leftovers(path):
        if _is_of_another_writer(leftover, path):
            continue
        log.warning("removed %s, which a run that was stopped has left", leftover)
        # a link is removed, and not what it leads to
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _leftovers(path: Path) -> list[Path]:
    """What may be left of writers of `path`; not by a pattern, as names may hold its signs."""
    places = [(path.parent, f".{path.name}.")]
    # a folder that is filled file by file has their leftovers inside
    if path.is_dir():
        places.append((path, "."))
    found = []
    for folder, start in places:
        for one in folder.iterdir():
            if one.name.startswith(start) and one.name.endswith(LEFTOVERS):
                found.append(one)
    return found


def _is_of_another_writer(leftover: Path, path: Path) -> bool:
    """Whether a writer of another place is at work on it.

    ``.model.v2.0123.writing`` may be of ``model``, which has files named after it, or of ``model.v2``.
    """
    # without the dot at its beginning, and the number at its end
    name = leftover.name.removesuffix(LEFTOVERS)[1:].rpartition(".")[0]
    while name:
        place = leftover.with_name(name)
        if place != path and _is_claimed(place):
            return True
        name = name.rpartition(".")[0]
    return False


def _is_claimed(place: Path) -> bool:
    """Whether somebody is writing `place` now."""
    try:
        handle = os.open(_lock_file(place), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        # what knows no locks cannot tell
        return False
    finally:
        os.close(handle)
    return False


def _lock_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _lock(path: Path, lock: Path) -> int:
    """An open handle of the lock file, locked."""
    while True:
        try:
            make_folders(path.parent)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            fix = "choose another place, or make its folder writable"
            raise StorageError(f"cannot write {path}: {error.strerror}; {fix}") from error
        try:
            _lock_handle(handle, path)
        except BaseException:
            os.close(handle)
            raise
        # the holder before may have removed the file between opening and locking it
        if _is_at(handle, lock):
            _write_owner(handle)
            return handle
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether the open file is the one that stands at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _write_owner(handle: int) -> None:
    """Write this process's number, for what others are told; the lock holds without it."""
    # a full disk is told by whoever writes what matters
    with suppress(OSError):
        os.truncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())


def _lock_handle(handle: int, path: Path) -> None:
    """Lock the file behind `handle`, or say who has."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(handle, 20, 0).decode(errors="replace")
        by = f"process {owner}" if owner else "another process"
        fix = "wait until it has finished, or choose another place to write to"
        raise StorageError(f"{path} is being written by {by}; {fix}") from None
    except OSError as error:
        # some network folders know no locks; to refuse would leave no way to write there
        log.warning("%s cannot be locked (%s): let no other run write there", path, error.strerror)
