"""What frozen networks said of pictures and texts: rows on disk, computed once, looked up ever after."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

log = logging.getLogger("shelfwise")

SHARD = 256
"""Rows of a file."""


@dataclass
class EmbeddingCache:
    """Rows on disk, found by key. A shard is named by the sha256 of its bytes, so a damaged one is never believed.

    Shards are written under another name and renamed: a killed run loses at most the shard it was filling, and several
    runs may share a folder.
    """

    folder: Path | None
    places: dict[bytes, tuple[Path, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in sorted(self.folder.glob("*.safetensors")) if self.folder is not None else ():
            for number, key in enumerate(self._open(path).get("keys", ())):
                self.places[key.tobytes()] = (path, number)

    def write(self, keys: Sequence[bytes], rows: NDArray[Any]) -> None:
        """Keep one shard; a full or read-only disk costs the cache, not the run."""
        if self.folder is None or not keys:
            return
        data = save(
            {
                "keys": np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), 32),
                "rows": np.ascontiguousarray(rows),
            }
        )
        path = self.folder / f"{hashlib.sha256(data).hexdigest()}.safetensors"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as file:
                try:
                    file.write(data)
                    file.close()
                    os.replace(file.name, path)
                except OSError:
                    os.unlink(file.name)
                    raise
        except OSError as error:
            log.warning("encoded products are not kept in %s: %s", self.folder, error.strerror)
            self.folder = None

    def fill(self, wanted: dict[bytes, int], rows: NDArray[Any]) -> None:
        """Copy the rows of the keys in `wanted` to their places in `rows`."""
        shards: dict[Path, list[tuple[int, int]]] = {}
        for key, target in wanted.items():
            path, number = self.places[key]
            shards.setdefault(path, []).append((number, target))
        for path, pairs in shards.items():
            numbers, targets = np.array(pairs).T
            rows[targets] = self._open(path)["rows"][numbers]

    def _open(self, path: Path) -> dict[str, NDArray[Any]]:
        try:
            data = path.read_bytes()
            return load(data) if hashlib.sha256(data).hexdigest() == path.stem else {}
        except (OSError, SafetensorError):
            return {}
