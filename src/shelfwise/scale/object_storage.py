"""Shards and parts in an object store that speaks S3; an object is there whole or not at all.

Keys, region and address come from the environment, as every client of S3 takes them (``AWS_ACCESS_KEY_ID``,
``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``), or from the role of
the machine.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shelfwise.catalog.reading.record_parsing import first_line
from shelfwise.core.libraries import library
from shelfwise.errors import ConfigError

SCHEME = "s3://"

_ENDPOINT = "AWS_ENDPOINT_URL"
# a part of some hundred megabytes, over a slow line
_REQUEST = timedelta(minutes=10)
_CONFLICTS = 5

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_STATUS = re.compile(r"status code: (\d{3}[ \w]*)")
_UNREACHABLE = re.compile(r"HTTP error: ([^\n]*)")


@dataclass(frozen=True)
class StoredObject:
    """An object of a store.

    Args:
        name: below the place that was looked at.
        bytes: its size.
        edition: what the store gives every content anew (ETag).
    """

    name: str
    bytes: int
    edition: str


class ObjectStorage:
    """The objects of a bucket whose names begin with a prefix.

    Several runs may write there: of two that write one object the first wins, as the store itself compares
    (``If-None-Match``).

    Args:
        place: as in ``s3://bucket/prefix``.

    Raises:
        PluginError: the library for it is not installed.
        ConfigError: `place` names no bucket, or a setting of the environment is wrong.
    """

    is_local = False

    def __init__(self, place: str) -> None:
        self._place = place.rstrip("/")
        self._library = library("obstore", "s3", place)
        self._store = self._opened()

    def __str__(self) -> str:
        return self._place

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Nobody is kept away: the store settles who was first, object by object."""
        yield

    def names(self) -> set[str]:
        """What lies directly in the place."""
        with self._errors_told("list", ""):
            found = self._library.list_with_delimiter(self._store)
        paths = [one["path"] for one in found["objects"]]
        return {path.rstrip("/") for path in [*paths, *found["common_prefixes"]]}

    def read(self, name: str) -> bytes:
        """The content of an object."""
        with self._errors_told("read", name):
            return bytes(self._library.get(self._store, name).bytes())

    def exists(self, name: str) -> bool:
        """Whether there is such an object."""
        try:
            with self._errors_told("read", name):
                self._library.head(self._store, name)
        except FileNotFoundError:
            return False
        return True

    def has_content(self, name: str, sha256: str) -> bool:
        """Whether the object is what was written: a store keeps objects whole, so nothing is read."""
        return True

    def remove(self, name: str) -> None:
        """Remove an object, which need not be there."""
        with self._errors_told("remove", name):
            self._library.delete(self._store, name)

    def sizes(self, folder: str = "") -> dict[str, int]:
        """The objects directly below a prefix: name -> bytes."""
        return {one.name: one.bytes for one in self.objects(folder)}

    def objects(self, folder: str = "") -> list[StoredObject]:
        """The objects directly below a prefix."""
        with self._errors_told("list", folder):
            found = self._library.list_with_delimiter(self._store, folder or None)
        objects = []
        for one in found["objects"]:
            name = one["path"].rsplit("/", 1)[-1]
            objects.append(StoredObject(name, one["size"], one["e_tag"] or ""))
        return objects

    def copy(self, found: StoredObject, path: Path) -> None:
        """Write the content of an object to a file of this machine.

        Raises:
            OSError: it cannot be read, or is not the one that was found any more.
        """
        with self._errors_told("read", found.name), path.open("wb") as file:
            # another content of that name is refused by the store
            wanted = {"if_match": found.edition} if found.edition else {}
            content = self._library.get(self._store, found.name, options=wanted)
            for chunk in content.stream():
                file.write(chunk)

    @contextmanager
    def temporary(self, name: str) -> Iterator[Path]:
        """A file of this machine."""
        with TemporaryDirectory(prefix="shelfwise-") as folder:
            yield Path(folder) / Path(name).name

    def publish(self, temporary: Path, name: str, once: bool = True) -> bool:
        """Put the content of a file, in one request: the store has it then, or nothing of it.

        Args:
            once: only where there is no object of that name.

        Returns:
            Whether it was put; not where another object stood there.

        Raises:
            OSError: the store refuses, or reports conflicts again and again.
        """
        if not once:
            with self._errors_told("write", name):
                self._library.put(self._store, name, temporary)
            return True
        for attempt in range(_CONFLICTS):
            try:
                with self._errors_told("write", name):
                    # an upload in several requests knows no condition
                    self._library.put(
                        self._store, name, temporary, mode="create", use_multipart=False
                    )
                return True
            except FileExistsError:
                if self.exists(name):
                    return False
                # a store also answers so while two writers meet, and neither has written yet
                time.sleep(0.1 * 2**attempt)
        raise OSError(f"{self._place}/{name}: the store reports conflicts again and again")

    def _opened(self) -> Any:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        # not read as an address on the web: there %20 is a blank, and what follows # or ? is no name
        bucket, _, prefix = self._place.removeprefix(SCHEME).partition("/")
        # whoever names an address without encryption means it: a store on this machine or in its network
        plain = os.environ.get(_ENDPOINT, "").startswith("http://")
        try:
            if not _BUCKET.fullmatch(bucket) or prefix.startswith("/"):
                raise ValueError("no bucket is called so, or the prefix begins with a slash")
            return S3Store(
                bucket,
                prefix=prefix or None,
                client_options={"timeout": _REQUEST, "allow_http": plain},
            )
        except (BaseError, ValueError) as error:
            raise ConfigError(
                f"{self._place} cannot be opened ({first_line(error)}); expected s3://BUCKET/PREFIX, and "
                "keys and region in the environment (AWS_ACCESS_KEY_ID, AWS_REGION...)"
            ) from None

    @contextmanager
    def _errors_told(self, action: str, name: str) -> Iterator[None]:
        """Let the library's errors be those that files have, in one sentence, without keys."""
        from obstore.exceptions import AlreadyExistsError, BaseError

        place = f"{self._place}/{name}"
        try:
            yield
        except AlreadyExistsError as error:
            raise FileExistsError(errno.EEXIST, _reason(error), place) from None
        except FileNotFoundError as error:
            if error.errno is not None:
                # of this machine: the file that is to be put
                raise
            raise FileNotFoundError(errno.ENOENT, _reason(error), place) from None
        except BaseError as error:
            raise OSError(f"cannot {action} {place}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What a store answered, or why there was no answer."""
    # what stands around it names requests, retries and types of the library
    text = str(error)
    status = _STATUS.search(text)
    message = _MESSAGE.search(text)
    if status:
        told = f"the store answers {status[1].strip()}"
        return f"{told}: {message[1].strip()}" if message else told
    unreachable = _UNREACHABLE.search(text)
    if unreachable:
        return f"the store does not answer ({unreachable[1].strip()})"
    return first_line(error)
