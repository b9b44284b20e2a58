"""The frozen part's rows of every image: computed once, kept on disk, looked up afterwards.

Dimensions: N images, U of them distinct, B images of a batch.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.image_sources import ImageSource
from shelfwise.core.types import Context, Rows
from shelfwise.disk.embedding_cache import SHARD_ROWS, EmbeddingCache
from shelfwise.vision.image_io import (
    ImageRejectedError,
    Pixels,
    Resizing,
    decode_images,
    digest_image,
)

log = logging.getLogger("shelfwise")

MAX_BYTES_IN_MEMORY = 2 << 30
THREADS = 2
"""Of decoding on a processor, where the frozen part needs the other cores."""

DIGEST_BYTES = 32

_DECODED_TOGETHER = 8
"""Images that go to another process at once: enough to save time, few enough to keep all cores busy."""


@dataclass(frozen=True)
class PixelEncoder:
    """How pixels become rows.

    Args:
        run: (B, size, size, 3) bytes to (B, ...) rows of `shape` and `dtype`.
        shape: of one image's row.
        dtype: float16, or uint8 where the rows are the pixels themselves.
        resizing: size and fit of the images.
        identity: hex digest of everything, the image apart, that the rows depend on.
        batch: images a call.
        batch_dependent: whether a row depends on its whole batch (batch statistics), so that only whole
            batches can be looked up.
        threads: that wait for decoders.
    """

    run: Callable[[Pixels], NDArray[Any]]
    shape: tuple[int, ...]
    dtype: str
    resizing: Resizing
    identity: str
    batch: int = 32
    batch_dependent: bool = False
    threads: int = THREADS


@dataclass(frozen=True)
class EncodedImages:
    """The rows of N images.

    Args:
        rows: (U, ...) one row a distinct image; on disk, mapped into memory, where it is large.
        index: (N,) each image's row, -1 where it was rejected.
        reasons: image number -> why it was rejected.
    """

    rows: NDArray[Any]
    index: Rows
    reasons: dict[int, str]


def encode_images(
    sources: Sequence[ImageSource], encoder: PixelEncoder, context: Context
) -> EncodedImages:
    """The rows of `sources`; images with the same bytes share one.

    Reading and decoding run ahead in threads while the frozen part works; for one image none is started.
    Without ``context.cache`` nothing is kept.
    """
    folder = None if context.cache is None else context.cache / "pictures" / encoder.identity
    with (
        ThreadPoolExecutor(encoder.threads) if len(sources) > 1 else _CallersThread() as pool,
        context.progress("images", len(sources)) as progress,
    ):
        # every file is read twice, here and to be decoded: bytes of all images would not fit into memory
        digests = list(pool.map(_rejection_as_result(digest_image), sources))
        table = _RowTable(_keys(digests, encoder), encoder, EmbeddingCache(folder), context)
        for number, digest in enumerate(digests):
            if isinstance(digest, ImageRejectedError):
                table.reasons[number] = str(digest)
        missing = table.look_up()
        progress.advance(len(sources) - len(missing))
        for chunk, decoded in _decoded_ahead(pool, sources, missing, encoder):
            table.add(chunk, decoded)
            # a killed run loses at most what was not written yet
            if len(table.unsaved) >= SHARD_ROWS or chunk[-1] == missing[-1]:
                table.save()
            progress.advance(len(chunk))
    return table.result()


class _RowTable:
    """Rows by key: looked up in the cache, or computed and kept there.

    Args:
        keys: (N,) of the images; None of those without a readable file.
    """

    def __init__(
        self,
        keys: list[bytes | None],
        encoder: PixelEncoder,
        cache: EmbeddingCache,
        context: Context,
    ) -> None:
        self._keys = keys
        self._encoder = encoder
        self._cache = cache
        # the same picture in several products is computed once
        distinct = dict.fromkeys(key for key in keys if key is not None)
        self._place = {key: row for row, key in enumerate(distinct)}
        self._rows = _make_rows((len(distinct), *encoder.shape), encoder.dtype, context)
        self.reasons: dict[int, str] = {}
        self.unsaved: list[bytes] = []

    def look_up(self) -> list[int]:
        """Fill in what the cache has; the first image, by number, of every other key."""
        known = self._cache.fill(self._place, self._rows)
        first: dict[bytes, int] = {}
        for number, key in enumerate(self._keys):
            if key is not None and key not in known:
                # equal images are encoded once
                first.setdefault(key, number)
        return list(first.values())

    def add(self, numbers: list[int], decoded: list[Pixels | ImageRejectedError]) -> None:
        """Compute the rows of a batch of images."""
        keys: list[bytes] = []
        pixels: list[Pixels] = []
        for number, image in zip(numbers, decoded, strict=True):
            key = self._keys[number]
            if isinstance(image, ImageRejectedError):
                self.reasons[number] = str(image)
            elif key is not None:
                keys.append(key)
                pixels.append(image)
        # a batch of rejected images has nothing to stack
        if keys:
            self._rows[self._places(keys)] = self._encoder.run(np.stack(pixels))
            self.unsaved += keys

    def save(self) -> None:
        """Give the cache what it does not have yet."""
        self._cache.write(self.unsaved, self._rows[self._places(self.unsaved)])
        self.unsaved = []

    def result(self) -> EncodedImages:
        """The rows of all images. One with the bytes of a rejected image is rejected for the same reason."""
        # damage shows up only in decoding, which is done for the first of equal images
        rejected = {self._keys[number]: reason for number, reason in self.reasons.items()}
        index = np.full(len(self._keys), -1, np.int64)
        for number, key in enumerate(self._keys):
            if key is None:
                continue
            if key in rejected:
                self.reasons[number] = rejected[key]
            else:
                index[number] = self._place[key]
        return EncodedImages(self._rows, index, self.reasons)

    def _places(self, keys: list[bytes]) -> list[int]:
        return [self._place[key] for key in keys]


class _CallersThread(Executor):
    """Does its work in the caller's thread, when it is given."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """`work` done; it must raise nothing."""
        done: Future[Any] = Future()
        done.set_result(work(*arguments, **named))
        return done


def _rejection_as_result(work: Callable[..., Any]) -> Callable[..., Any]:
    """`work`, which then returns the error where it would raise it: one bad image must not end all."""

    def attempt(*arguments: Any) -> Any:
        try:
            return work(*arguments)
        except ImageRejectedError as rejection:
            return rejection

    return attempt


def _keys(digests: list[bytes | ImageRejectedError], encoder: PixelEncoder) -> list[bytes | None]:
    """A key for each image: its digest, or, where rows depend on the batch, that of image, place, batch."""
    plain = [None if isinstance(digest, ImageRejectedError) else digest for digest in digests]
    if not encoder.batch_dependent:
        return plain
    keys: list[bytes | None] = []
    for start in range(0, len(plain), encoder.batch):
        batch = plain[start : start + encoder.batch]
        # a file that cannot be read leaves its place in the batch
        of_batch = hashlib.sha256(
            b"".join(digest or bytes(DIGEST_BYTES) for digest in batch)
        ).digest()
        for place, digest in enumerate(batch):
            if digest is None:
                keys.append(None)
                continue
            of_place = bytes([place % 256, place // 256])
            keys.append(hashlib.sha256(of_batch + digest + of_place).digest())
    return keys


def _decoded_ahead(
    pool: Executor, sources: Sequence[ImageSource], missing: list[int], encoder: PixelEncoder
) -> Iterator[tuple[list[int], list[Pixels | ImageRejectedError]]]:
    """Decoded chunks of `missing`, the next one already under way while one is used."""

    def begin(chunk: list[int]) -> list[Future[list[Pixels | ImageRejectedError]]]:
        groups = [
            chunk[start : start + _DECODED_TOGETHER]
            for start in range(0, len(chunk), _DECODED_TOGETHER)
        ]
        return [
            pool.submit(decode_images, [sources[i] for i in group], encoder.resizing)
            for group in groups
        ]

    chunks = _chunks(missing, encoder)
    # two chunks of pixels in memory at most
    following = begin(chunks[0]) if chunks else []
    for number, chunk in enumerate(chunks):
        current = following
        following = begin(chunks[number + 1]) if number + 1 < len(chunks) else []
        yield chunk, [image for task in current for image in task.result()]


def _chunks(missing: list[int], encoder: PixelEncoder) -> list[list[int]]:
    """The images that are encoded together."""
    size = encoder.batch
    # rows that depend on their batch need the batches that the keys were made of
    if encoder.batch_dependent:
        return [list(group) for _, group in groupby(missing, key=lambda i: i // size)]
    return [missing[start : start + size] for start in range(0, len(missing), size)]


def _make_rows(shape: tuple[int, ...], dtype: str, context: Context) -> NDArray[Any]:
    """An array of zeros in memory, or, beyond 2 GB, in a nameless file that vanishes with the process."""
    if np.prod(shape, dtype=np.int64) * np.dtype(dtype).itemsize <= MAX_BYTES_IN_MEMORY:
        return np.zeros(shape, dtype)
    # the map keeps the file alive after it is closed
    with tempfile.TemporaryFile(dir=context.cache) as file:
        return np.memmap(file, dtype, "w+", shape=shape)
