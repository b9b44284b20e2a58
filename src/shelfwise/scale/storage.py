"""Where shards are read and parts are written. Files appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from shelfwise.disk.claims import claimed, remove_leftovers
from shelfwise.disk.files import sha256_of_file, temporary_name
from shelfwise.disk.folders import make_folders, sync
from shelfwise.errors import ConfigError, StorageError
from shelfwise.scale.object_storage import SCHEME, ObjectStorage
from shelfwise.scale.plan import LEDGER


class Storage(Protocol):
    """A place for files, each with a name below it.

    Attributes:
        is_local: whether it is a folder, with everything that lies around it.
    """

    is_local: bool

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Keep other runs away inside the block, where that is possible.

        Raises:
            StorageError: another run is writing here.
        """
        ...

    def names(self) -> set[str]:
        """The names of files and folders directly in the place."""
        ...

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            OSError: there is none, or it cannot be read.
        """
        ...

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def has_content(self, name: str, sha256: str) -> bool:
        """Whether a file has the content that was written, as far as it can have lost it."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, which need not be there."""
        ...

    def sizes(self, folder: str = "") -> dict[str, int]:
        """The files directly in a folder below the place: name -> bytes."""
        ...

    @contextmanager
    def temporary(self, name: str) -> Iterator[Path]:
        """A file on this machine for what is to become `name`; it is gone at the end of the block."""
        ...

    def publish(self, temporary: Path, name: str, once: bool = True) -> bool:
        """Let the content of a temporary file stand as `name`, in one step.

        Args:
            once: leave what another writer has put there first.

        Returns:
            Whether it was written by this call.
        """
        ...


class LocalFolder:
    """A folder of this machine, or one that it sees as such.

    Its claim keeps other runs away. So every file is written as it comes: a name that is there already holds
    the same content, or is torn.
    """

    is_local = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Lock the folder, and remove what killed workers have left in it."""
        with claimed(self.folder):
            yield
            for folder in (self.folder, self.folder / LEDGER):
                remove_leftovers(folder)

    def names(self) -> set[str]:
        """The names of files and folders directly in the place."""
        if not self.folder.exists():
            return set()
        # a file stands where the folder should be
        if not self.folder.is_dir():
            return {self.folder.name}
        return set(os.listdir(self.folder))

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self.folder / name).read_bytes()

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.folder / name).is_file()

    def has_content(self, name: str, sha256: str) -> bool:
        """Whether the file has this digest: a disk may have torn it."""
        return sha256_of_file(self.folder / name) == sha256

    def remove(self, name: str) -> None:
        """Remove a file, which need not be there."""
        (self.folder / name).unlink(missing_ok=True)

    def sizes(self, folder: str = "") -> dict[str, int]:
        """The files directly in a folder: name -> bytes."""
        place = self.folder / folder
        if not place.is_dir():
            return {}
        with os.scandir(place) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}

    @contextmanager
    def temporary(self, name: str) -> Iterator[Path]:
        """A file beside the final one, so that it only has to be renamed."""
        path = self.folder / name
        make_folders(path.parent)
        temporary = temporary_name(path)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def publish(self, temporary: Path, name: str, once: bool = True) -> bool:
        """Give the file its name, once its content is on the disk."""
        sync(temporary)
        temporary.rename(self.folder / name)
        return True


def write_bytes(storage: Storage, name: str, content: bytes, once: bool = True) -> bool:
    """Write a small file whole; whether this call wrote it."""
    with storage.temporary(name) as path:
        path.write_bytes(content)
        return storage.publish(path, name, once)


def publish_same(
    storage: Storage, path: Path, name: str, digest: str, is_there: bool = False
) -> None:
    """Let the content of a file of this machine stand as `name`, unless it stands there already.

    Args:
        digest: the sha256 of the content.
        is_there: whether the name was seen: then nothing is sent.

    Raises:
        StorageError: the name stands for another content.
    """
    if not is_there:
        with storage.temporary(name) as temporary:
            shutil.copyfile(path, temporary)
            if storage.publish(temporary, name):
                return
    check_content(storage, name, digest)


def check_content(storage: Storage, name: str, digest: str) -> None:
    """See that what another run has put there first is the same.

    Args:
        digest: the sha256 that is expected.

    Raises:
        StorageError: it has another content.
    """
    found = hashlib.sha256(storage.read(name)).hexdigest()
    if found != digest:
        raise StorageError(
            f"{storage}/{name} was written before with another content: expected the sha256 "
            f"{digest[:16]}, found {found[:16]}; most likely another version of a library wrote it: "
            "remove it and, of labels, its entry in the ledger, and run the same command again"
        )


def storage_of(place: str) -> Storage:
    """The storage that a name on the command line means: a folder, or ``s3://BUCKET/PREFIX``.

    Raises:
        ConfigError: it is an address of another kind.
        PluginError: the library of object stores is not installed.
    """
    if place.startswith(SCHEME):
        return ObjectStorage(place)
    if "://" in place:
        raise ConfigError(f"{place} is neither a folder nor an address that begins with {SCHEME}")
    return LocalFolder(Path(place))


def absolute_place(place: str) -> str:
    """The same place, wherever a worker has its current folder."""
    return place if "://" in place else str(Path(place).absolute())
