"""What the frozen part of a backbone says of every picture: computed once, kept on disk, looked up ever after."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from shelfwise.contracts import Context, Rows
from shelfwise.vision.pictures import Frame, PictureRefused, Pixels, decode_picture, digest_picture, read_picture

log = logging.getLogger("shelfwise")

SHARD = 256
LARGE = 2 << 30
THREADS = 2


@dataclass(frozen=True)
class Encoder:
    """How pixels become rows.

    Args:
        run: (B, size, size, 3) bytes to (B, ...) rows of `shape` and `dtype`.
        shape: of one picture's row.
        dtype: float16, or uint8 where the rows are the pixels themselves.
        frame: size and fit of the pictures.
        identity: hex digest of everything, the picture apart, that the rows depend on.
        batch: pictures a call.
        together: whether a row depends on its whole batch (batch statistics), so that only whole batches can be looked up.
    """

    run: Callable[[Pixels], NDArray[Any]]
    shape: tuple[int, ...]
    dtype: str
    frame: Frame
    identity: str
    batch: int = 32
    together: bool = False


@dataclass(frozen=True)
class Encoded:
    """The rows of N pictures.

    Args:
        rows: (U, ...) one row a distinct picture; on disk, mapped into memory, where it is large.
        index: (N,) each picture's row, -1 where it was refused.
        reasons: picture number -> why it was refused.
    """

    rows: NDArray[Any]
    index: Rows
    reasons: dict[int, str]


@dataclass
class Shelf:
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
        data = save({"keys": np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), 32), "rows": np.ascontiguousarray(rows)})
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
            log.warning("encoded pictures are not kept in %s: %s", self.folder, error.strerror)
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


def encode(paths: Sequence[Path], encoder: Encoder, context: Context, title: str = "pictures") -> Encoded:
    """The rows of `paths`; pictures with the same bytes share one.

    Reading and decoding run ahead in threads while the frozen part works. Without ``context.cache`` nothing is kept.
    """
    shelf = Shelf(None if context.cache is None else context.cache / "pictures" / encoder.identity)
    with ThreadPoolExecutor(THREADS) as pool, context.progress(title, len(paths)) as progress:
        digests = list(pool.map(_attempt(digest_picture), paths))
        reasons = {i: str(d) for i, d in enumerate(digests) if isinstance(d, PictureRefused)}
        keys = _keys(digests, encoder)
        place = {key: row for row, key in enumerate(dict.fromkeys(k for k in keys if k is not None))}
        rows = _room((len(place), *encoder.shape), encoder.dtype, context)
        known = {key: row for key, row in place.items() if key in shelf.places}
        shelf.fill(known, rows)
        first = {key: i for i, key in reversed(list(enumerate(keys))) if key is not None and key not in known}
        missing = sorted(first.values())
        progress.advance(len(paths) - len(missing))
        fresh: list[bytes] = []
        for chunk, pixels in _ahead(pool, paths, missing, encoder):
            good = [(i, p) for i, p in zip(chunk, pixels, strict=True) if not isinstance(p, PictureRefused)]
            reasons |= {i: str(p) for i, p in zip(chunk, pixels, strict=True) if isinstance(p, PictureRefused)}
            if good:
                done = [key for i, _ in good if (key := keys[i]) is not None]
                rows[[place[key] for key in done]] = encoder.run(np.stack([p for _, p in good]))
                fresh += done
            if len(fresh) >= SHARD or chunk[-1] == missing[-1]:
                shelf.write(fresh, rows[[place[key] for key in fresh]])
                fresh = []
            progress.advance(len(chunk))
    refused = {keys[i]: reason for i, reason in reasons.items() if keys[i] is not None}
    reasons |= {i: refused[key] for i, key in enumerate(keys) if key in refused}
    index = np.array([-1 if key is None or key in refused else place[key] for key in keys], np.int64)
    return Encoded(rows, index, reasons)


def _attempt(work: Callable[..., Any]) -> Callable[..., Any]:
    def attempt(*arguments: Any) -> Any:
        try:
            return work(*arguments)
        except PictureRefused as refusal:
            return refusal

    return attempt


def _keys(digests: list[bytes | PictureRefused], encoder: Encoder) -> list[bytes | None]:
    """A key for each picture: its digest, or, where rows depend on the batch, that of picture, place and batch."""
    plain = [None if isinstance(d, PictureRefused) else d for d in digests]
    if not encoder.together:
        return plain
    keys: list[bytes | None] = []
    for start in range(0, len(plain), encoder.batch):
        batch = plain[start : start + encoder.batch]
        whole = hashlib.sha256(b"".join(d or bytes(32) for d in batch)).digest()
        keys += [None if d is None else hashlib.sha256(whole + d + bytes([i % 256, i // 256])).digest() for i, d in enumerate(batch)]
    return keys


def _ahead(pool: ThreadPoolExecutor, paths: Sequence[Path], missing: list[int], encoder: Encoder) -> Iterator[tuple[list[int], list[Any]]]:
    """Decoded chunks of `missing`, the next one already under way while one is used."""
    work = _attempt(lambda path: decode_picture(read_picture(path), encoder.frame))
    size = encoder.batch
    chunks = [missing[start : start + size] for start in range(0, len(missing), size)]
    if encoder.together:  # a batch is encoded whole, whatever else is missing
        chunks = [list(group) for _, group in groupby(missing, key=lambda i: i // size)]
    under_way = [pool.submit(work, paths[i]) for i in chunks[0]] if chunks else []
    for number, chunk in enumerate(chunks):
        current, following = under_way, chunks[number + 1] if number + 1 < len(chunks) else []
        under_way = [pool.submit(work, paths[i]) for i in following]
        yield chunk, [task.result() for task in current]


def _room(shape: tuple[int, ...], dtype: str, context: Context) -> NDArray[Any]:
    """An array of zeros in memory, or, beyond 2 GB, in a nameless file that vanishes with the process."""
    if np.prod(shape, dtype=np.int64) * np.dtype(dtype).itemsize <= LARGE:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile(dir=context.cache) as file:
        return np.memmap(file, dtype, "w+", shape=shape)
