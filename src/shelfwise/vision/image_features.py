"""What the frozen part of a backbone says of every picture: computed once, kept on disk, looked up ever after."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.embedding_cache import SHARD_ROWS, EmbeddingCache
from shelfwise.core.types import Context, Rows
from shelfwise.vision.image_io import (
    Frame,
    ImageRejectedError,
    Pixels,
    decode_picture,
    digest_picture,
    read_picture,
)

log = logging.getLogger("shelfwise")

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


def encode(paths: Sequence[Path], encoder: Encoder, context: Context, title: str = "pictures") -> Encoded:
    """The rows of `paths`; pictures with the same bytes share one.

    Reading and decoding run ahead in threads while the frozen part works; for one picture none is started.
    Without ``context.cache`` nothing is kept.
    """
    shelf = EmbeddingCache(None if context.cache is None else context.cache / "pictures" / encoder.identity)
    with (
        ThreadPoolExecutor(THREADS) if len(paths) > 1 else _AtOnce() as pool,
        context.progress(title, len(paths)) as progress,
    ):
        digests = list(pool.map(_attempt(digest_picture), paths))
        reasons = {i: str(d) for i, d in enumerate(digests) if isinstance(d, ImageRejectedError)}
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
            good = [
                (i, p) for i, p in zip(chunk, pixels, strict=True) if not isinstance(p, ImageRejectedError)
            ]
            reasons |= {
                i: str(p) for i, p in zip(chunk, pixels, strict=True) if isinstance(p, ImageRejectedError)
            }
            if good:
                done = [key for i, _ in good if (key := keys[i]) is not None]
                rows[[place[key] for key in done]] = encoder.run(np.stack([p for _, p in good]))
                fresh += done
            if len(fresh) >= SHARD_ROWS or chunk[-1] == missing[-1]:
                shelf.write(fresh, rows[[place[key] for key in fresh]])
                fresh = []
            progress.advance(len(chunk))
    refused = {keys[i]: reason for i, reason in reasons.items() if keys[i] is not None}
    reasons |= {i: refused[key] for i, key in enumerate(keys) if key in refused}
    index = np.array([-1 if key is None or key in refused else place[key] for key in keys], np.int64)
    return Encoded(rows, index, reasons)


class _AtOnce(Executor):
    """Does its work in the caller's thread, when it is given."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """`work` done; it must raise nothing."""
        done: Future[Any] = Future()
        done.set_result(work(*arguments, **named))
        return done


def _attempt(work: Callable[..., Any]) -> Callable[..., Any]:
    def attempt(*arguments: Any) -> Any:
        try:
            return work(*arguments)
        except ImageRejectedError as refusal:
            return refusal

    return attempt


def _keys(digests: list[bytes | ImageRejectedError], encoder: Encoder) -> list[bytes | None]:
    """A key for each picture: its digest, or, where rows depend on the batch, that of picture, place and batch."""
    plain = [None if isinstance(d, ImageRejectedError) else d for d in digests]
    if not encoder.together:
        return plain
    keys: list[bytes | None] = []
    for start in range(0, len(plain), encoder.batch):
        batch = plain[start : start + encoder.batch]
        whole = hashlib.sha256(b"".join(d or bytes(32) for d in batch)).digest()
        keys += [
            None if d is None else hashlib.sha256(whole + d + bytes([i % 256, i // 256])).digest()
            for i, d in enumerate(batch)
        ]
    return keys


def _ahead(
    pool: Executor, paths: Sequence[Path], missing: list[int], encoder: Encoder
) -> Iterator[tuple[list[int], list[Any]]]:
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
