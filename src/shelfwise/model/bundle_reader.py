"""Reads a model folder: one version of it, every byte hashed as it is read, whatever happens beside it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from shelfwise.core.trusted_key import trusted_key
from shelfwise.core.types import State
from shelfwise.disk.folders import set_aside
from shelfwise.errors import BundleError
from shelfwise.model.signature import SIGNATURE, SIGNATURE_BYTES, check_signature

T = TypeVar("T")

FORMATS = (1, 2)
"""Formats that can be read; the last is the one that is written."""
MANIFEST = "MANIFEST.json"
REPORT = "report"

RESTORE = "restore it from a copy or train again"

MAY_BE_INFINITE = "thresholds.shrink"
"""The one array of a model that may: thresholds of labels that all follow the global one."""

MAX_REPLACEMENTS = 100
"""How often a folder may be replaced under a reader before it gives up."""


class FolderReader:
    """The files of one version of a model folder.

    The folder is held open: what is read is of one version, even if the name leads to another meanwhile.
    What is hashed is what is returned, so no file can change between the check and the use.

    Args:
        folder: its name, for messages.
        handle: the open folder.
        public_key: the file of the key that must have signed the model; None: it needs no signature.
    """

    def __init__(self, folder: Path, handle: int, public_key: Path | None = None) -> None:
        self.folder = folder
        self.handle = handle
        text = self._bytes(MANIFEST)
        # before anything is made of what the manifest says
        if public_key is not None:
            check_signature(folder, text, self._signature(), public_key)
        self.manifest = text
        manifest = self._parse(MANIFEST, text)
        self._check_manifest(manifest, text)
        self.format: int = manifest["format"]
        self.digests: Mapping[str, str] = manifest["files"]
        self._check_names()

    def read(self, name: str) -> bytes:
        """The content of one file of the manifest.

        Raises:
            BundleError: it is not what was written.
        """
        content = self._bytes(name)
        if hashlib.sha256(content).hexdigest() != self.digests[name]:
            raise self._changed(f"{name} is not what was written")
        return content

    def json(self, name: str) -> Any:
        """The value in one JSON file of the manifest.

        Raises:
            BundleError: the manifest names no such file, or it is not JSON.
        """
        if name not in self.digests:
            raise BundleError(f"the model {self.folder} has no {name}; {RESTORE}")
        return self._parse(name, self.read(name))

    def object(self, name: str) -> dict[str, Any]:
        """The JSON object in one file of the manifest.

        Raises:
            BundleError: it is another value, even with a manifest that agrees.
        """
        value = self.json(name)
        if not isinstance(value, dict):
            raise self.unfit(name, f"a JSON object, found {type(value).__name__}")
        return value

    def unfit(self, name: str, expected: str) -> BundleError:
        """What a file is refused with that this code cannot have written."""
        return BundleError(f"{self.folder / name}: expected {expected}; {RESTORE}")

    def state(self, stem: str) -> State:
        """The state of one fitted object.

        Raises:
            BundleError: a file is not what was written, or a number is infinite or none at all.
        """
        arrays: Mapping[str, NDArray[Any]] = {}
        name = f"{stem}.safetensors"
        if name in self.digests:
            arrays = self._arrays(name)
        return State(arrays, self.object(f"{stem}.json"))

    def _arrays(self, name: str) -> dict[str, NDArray[Any]]:
        try:
            arrays = load(self.read(name))
        except (SafetensorError, ValueError, KeyError) as error:
            raise BundleError(
                f"{self.folder / name} is not a safetensors file: {error}; {RESTORE}"
            ) from error
        for key, array in arrays.items():
            if array.dtype.kind != "f":
                continue
            allowed = np.isposinf(array) if key == MAY_BE_INFINITE else False
            # one such weight silently changes the labels of most products
            if not (np.isfinite(array) | allowed).all():
                raise BundleError(
                    f"{self.folder / name}: the array {key!r} holds numbers that are infinite or not a "
                    f"number, expected finite ones; {RESTORE}"
                )
        return arrays

    def _bytes(self, name: str, limit: int = -1) -> bytes:
        """The content of a file in the folder, whatever the manifest says of it; at most `limit` bytes."""
        # without O_NONBLOCK a pipe in the place of a file would be waited for
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(name, flags, dir_fd=self.handle)
        except OSError as error:
            raise self._changed(f"{name} cannot be opened ({error.strerror})") from error
        # a folder would be an error of its own where it is made a file
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise self._changed(f"{name} is not a file")
        with os.fdopen(handle, "rb") as file:
            return file.read(limit)

    def _signature(self) -> bytes | None:
        """What lies beside the manifest as its signature; None if nothing does."""
        if SIGNATURE not in os.listdir(self.handle):
            return None
        return self._bytes(SIGNATURE, SIGNATURE_BYTES + 1)

    def _parse(self, name: str, content: bytes) -> Any:
        try:
            return json.loads(content)
        # brackets within brackets, tens of thousands deep
        except (ValueError, RecursionError) as error:
            raise BundleError(
                f"{self.folder / name} cannot be read as JSON: {error}; restore the model from a copy or "
                "train again"
            ) from error

    def _check_manifest(self, manifest: Any, content: bytes) -> None:
        number = manifest.get("format") if isinstance(manifest, dict) else None
        # true is 1 to Python
        known = type(number) is int and number in FORMATS
        files = manifest.get("files") if known else None
        if not isinstance(files, dict) or any("/" in name for name in files):
            formats = " or ".join(map(str, FORMATS))
            raise BundleError(
                f"{self.folder / MANIFEST} is not a manifest of format {formats}; the model was saved by a "
                "newer shelfwise, or is none: train it again, or install that version"
            )
        # the manifest has no checksum of its own: it must be written exactly as this code writes it
        if content != manifest_text(manifest).encode():
            raise BundleError(
                f"{self.folder / MANIFEST} was changed after the model was saved; {RESTORE}"
            )

    def _check_names(self) -> None:
        found = set(os.listdir(self.handle)) - {MANIFEST, REPORT, SIGNATURE}
        for name in sorted(found ^ self.digests.keys()):
            missing = name in self.digests
            raise self._changed(f"{name} is {'missing' if missing else 'not part of the model'}")

    def _changed(self, what: str) -> BundleError:
        return BundleError(
            f"the model {self.folder} was changed after it was saved: {what}; {RESTORE}"
        )


def read_folder(
    folder: Path, read: Callable[[FolderReader], T], *, signed_already: bool = True
) -> T:
    """What `read` makes of one version of `folder`; again if it was replaced, and so removed, meanwhile.

    Args:
        signed_already: whether a signature is demanded where a public key is given; not of a model that is
            about to be signed.

    Raises:
        BundleError: no model there, a file that is missing, added or changed since it was saved, or no
            signature by the public key that was given.
    """
    public_key = trusted_key() if signed_already else None
    for _ in range(MAX_REPLACEMENTS):
        place, handle = _open(folder)
        try:
            return read(FolderReader(folder, handle, public_key))
        except BundleError:
            # an error of the version that stands there is an error; one of a version that is gone is not
            # and one that was set aside goes as soon as the new one is in place
            replaced = place != folder and folder.exists()
            if _is_still(place, handle) and not replaced:
                raise
        finally:
            os.close(handle)
    raise BundleError(f"the model {folder} is replaced faster than it can be read; try again later")


def manifest_text(value: Any) -> str:
    """`value` as the manifest and the other JSON files of a model have it."""
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)


def _open(folder: Path) -> tuple[Path, int]:
    """The model folder, held open, and where it lies."""
    # a run that was killed while it replaced the model has left the old one beside; and it may have come
    # back to its name in between
    # a model that is being replaced stands aside for a moment, and may be back after that look
    for place in (folder, set_aside(folder), folder):
        try:
            handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise BundleError(f"the model {folder} cannot be opened: {error.strerror}") from error
        if MANIFEST in os.listdir(handle):
            return place, handle
        os.close(handle)
    raise BundleError(_no_model(folder))


def _no_model(folder: Path) -> str:
    """Why `folder` cannot be opened, and what to do."""
    # the commonest mistake is the other order of the two; nothing may be trained to where a catalogue is
    if folder.is_file():
        return (
            f"{folder} is a file, and a model is a folder that `shelfwise train` wrote; MODEL stands before "
            "CATALOG"
        )
    return (
        f"{folder} is not a shelfwise model: it has no {MANIFEST}; "
        f"train one with: shelfwise train CATALOG --out {folder}"
    )


def _is_still(place: Path, handle: int) -> bool:
    """Whether the name `place` still leads to the open folder."""
    try:
        return os.path.samestat(os.stat(place), os.fstat(handle))
    except OSError:
        return False
