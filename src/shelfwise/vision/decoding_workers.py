"""Processes that decode images, so that a decoder that crashes, hangs or eats memory ends alone.

A worker is a Python process of its own, joined by a pair of sockets. Workers start when they are first
needed, stay for the next images, and end with the process that started them. Where there are no such sockets
(Windows), images are decoded in the caller's process.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from shelfwise.vision.decoding_process import (
    REJECTED,
    REPLY,
    REQUEST,
    SEVERAL_FRAMES,
    SHAPES,
    TOO_MANY_PIXELS,
    Answer,
    decode_here,
    receive,
)
from shelfwise.vision.image_decoding import (
    DecodedImage,
    ImageRejectedError,
    Reshaping,
    TooManyPixelsError,
)

log = logging.getLogger("shelfwise")

MAX_SECONDS = 60
"""An image whose decoding takes longer is refused."""

MAX_WORKERS = 8

_ATTEMPTS = 2
"""A worker may have been ended for a reason that is not the image's, by a system short of memory, say."""

# the child looks for modules where its parent does, which may have added places since it started
_START = (
    "import sys; sys.path[:] = {path!r}; from shelfwise.vision.decoding_process import work; work()"
)


def decode_apart(images: Sequence[bytes], reshaping: Reshaping) -> list[Answer]:
    """As :func:`~shelfwise.vision.image_decoding.decode` for each of N images, in a worker.

    Returns:
        N images, or why there is none: as there, or the worker died of it twice, or took longer than 60
        seconds.
    """
    # products without images need no worker, which takes a moment to start
    if not images:
        return []
    workers = _workers_of(os.getpid())
    answers: list[Answer] = []
    worker = workers.take()
    if worker is None:
        return [decode_here(data, reshaping) for data in images]
    try:
        # what came before a worker ended counts
        answers.extend(worker.decode(images, reshaping))
    except TimeoutError:
        answers.append(_too_slow())
    except OSError:
        log.debug("a process that decoded images ended")
    finally:
        workers.give_back(worker)
    for data in images[len(answers) :]:
        answers.append(_decode_alone(workers, data, reshaping))
    return answers


def _decode_alone(workers: _Workers, data: bytes, reshaping: Reshaping) -> Answer:
    """An image that a worker was lost with, by itself: so no other image suffers for it."""
    for _ in range(_ATTEMPTS):
        worker = workers.take()
        if worker is None:
            return decode_here(data, reshaping)
        try:
            # a worker may crash by chance, so an image is tried more than once
            [answer] = worker.decode([data], reshaping)
            return answer
        except TimeoutError:
            return _too_slow()
        except OSError:
            continue
        finally:
            workers.give_back(worker)
    return ImageRejectedError("the image is damaged or broken off (its decoder crashed)")


def _too_slow() -> ImageRejectedError:
    return ImageRejectedError(f"the image takes more than {MAX_SECONDS} seconds to decode")


class _Worker:
    """One process and the socket that leads to it.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START.format(path=sys.path)],
                stdin=theirs.fileno(),
                # decoders written in C report damage there
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # a worker computes nothing that threads would speed up
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        ours.settimeout(MAX_SECONDS)
        self._socket = ours
        self.alive = True
        try:
            receive(ours, REPLY.size)
        except OSError:
            self.end()
            raise

    def decode(self, images: Sequence[bytes], reshaping: Reshaping) -> Iterator[Answer]:
        """The worker's answers, one by one.

        All files are sent before the first answer is read: neither end then waits for the other to read.

        Raises:
            OSError: the worker died; TimeoutError where it did not answer.
        """
        shape = SHAPES.index(reshaping.shape)
        lengths = [len(data) for data in images]
        header = REQUEST.pack(shape, reshaping.size, len(images))
        try:
            self._socket.sendall(
                b"".join([header, struct.pack(f"<{len(images)}Q", *lengths), *images])
            )
            for _ in images:
                yield self._read_answer()
        # an interrupt too: what is left in the socket would be taken for the next image's
        except BaseException:
            self.end()
            raise

    def _read_answer(self) -> Answer:
        kind, width, height, length = REPLY.unpack(receive(self._socket, REPLY.size))
        payload = receive(self._socket, length)
        if kind == REJECTED:
            return ImageRejectedError(payload.decode())
        if kind == TOO_MANY_PIXELS:
            return TooManyPixelsError(payload.decode())
        pixels = np.frombuffer(payload, np.uint8).reshape(height, width, 3)
        return DecodedImage(pixels, kind == SEVERAL_FRAMES)

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.alive = False
        self._socket.close()
        self._process.kill()
        self._process.wait()


class _Workers:
    """The workers of one process; each decodes one image at a time.

    Args:
        owner: the process they belong to.
    """

    def __init__(self, owner: int) -> None:
        self._owner = owner
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(MAX_WORKERS)
        # a frozen application has no interpreter that could run a worker
        has_interpreter = bool(sys.executable) and not getattr(sys, "frozen", False)
        self._usable = os.name == "posix" and has_interpreter
        atexit.register(self.end)

    def take(self) -> _Worker | None:
        """A worker for one image, to be given back; None where no process can be started."""
        if not self._usable:
            return None
        self._free.acquire()
        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            return _Worker()
        except OSError as error:
            # whoever asks next need not wait for the same failure
            self._usable = False
            self._free.release()
            log.warning("images are decoded without a process of their own (%s)", error)
            return None

    def give_back(self, worker: _Worker) -> None:
        """Make place for the next image."""
        with self._lock:
            if worker.alive:
                self._idle.append(worker)
        self._free.release()

    def end(self) -> None:
        """End all workers that are idle; the others end when their sockets close."""
        # a forked process has inherited the workers, but they are not its own
        if os.getpid() != self._owner:
            return
        while self._idle:
            self._idle.pop().end()


@lru_cache(maxsize=1)
def _workers_of(process: int) -> _Workers:
    """The workers of a process; a forked one starts its own, since two cannot share a socket."""
    return _Workers(process)
