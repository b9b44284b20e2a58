"""Embeddings of images and texts by frozen networks: rows on disk, computed once and looked up afterwards."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from shelfwise.disk.folders import make_folders

log = logging.getLogger("shelfwise")

SHARD_ROWS = 256
"""Rows of one file."""

KEY_BYTES = 32
"""A key is a sha256."""


@dataclass
class EmbeddingCache:
    """Rows on disk, found by key.

    A shard is named by the sha256 of its bytes, so rows of a damaged one are never used. Shards are written
    under another name and renamed. A killed run therefore loses at most the shard it was filling, and several
    runs may share a folder.

    Args:
        folder: where the shards are; None keeps nothing.
        places: by key, its shard and its row there.
    """

    folder: Path | None
    places: dict[bytes, tuple[Path, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.folder is None:
            return
        # Only the keys are read; rows are when they are wanted, and only then a shard is checked.
        for path in sorted(self.folder.glob("*.safetensors")):
            for number, key in enumerate(_keys_of(path)):
                self.places[key] = (path, number)

    def write(self, keys: Sequence[bytes], rows: NDArray[Any]) -> None:
        """Keep one shard. A full or read-only disk costs the cache, not the run."""
        if self.folder is None or not keys:
            return
        key_array = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), KEY_BYTES)
        data = save({"keys": key_array, "rows": np.ascontiguousarray(rows)})
        path = self.folder / f"{hashlib.sha256(data).hexdigest()}.safetensors"
        try:
            make_folders(self.folder)
            self._replace(path, data)
        except OSError as error:
            log.warning("embeddings are not kept in %s: %s", self.folder, error.strerror)
            # the disk is asked no second time
            self.folder = None

    def fill(self, wanted: Mapping[bytes, int], rows: NDArray[Any]) -> set[bytes]:
        """Copy what is kept of the keys in `wanted` to their places in `rows`.

        Returns:
            The keys whose rows were copied.
        """
        shards: dict[Path, list[tuple[int, int, bytes]]] = {}
        for key, target in wanted.items():
            if key in self.places:
                path, number = self.places[key]
                shards.setdefault(path, []).append((number, target, key))
        found: set[bytes] = set()
        # one read a shard, whatever the order of the keys
        for path, asked in shards.items():
            numbers, targets, keys = zip(*asked, strict=True)
            kept = self._open(path).get("rows")
            if kept is not None:
                rows[list(targets)] = kept[list(numbers)]
                found.update(keys)
        return found

    def _replace(self, path: Path, data: bytes) -> None:
        """Write `data` to `path`. The temporary name is unique, as several runs may write the same shard."""
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            try:
                file.write(data)
                file.close()
                os.replace(file.name, path)
            except OSError:
                os.unlink(file.name)
                raise

    def _open(self, path: Path) -> dict[str, NDArray[Any]]:
        """The arrays of a shard; none where it is damaged or gone."""
        try:
            data = path.read_bytes()
            # what is used stays when the cache is trimmed; who may only read it cannot say so
            with suppress(OSError):
                os.utime(path)
            if hashlib.sha256(data).hexdigest() == path.stem:
                return load(data)
            # its keys would hide those of a whole one
            path.unlink(missing_ok=True)
            return {}
        except (OSError, SafetensorError):
            return {}


def _keys_of(path: Path) -> list[bytes]:
    """The keys of a shard; none where it cannot be read."""
    try:
        with safe_open(path, framework="numpy") as shard:
            joined = shard.get_tensor("keys").tobytes()
    except (OSError, SafetensorError):
        return []
    return [joined[start : start + KEY_BYTES] for start in range(0, len(joined), KEY_BYTES)]
