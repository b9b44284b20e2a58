"""Processes that decode images, so that a decoder that crashes, hangs or eats memory ends alone.

A worker is a Python process of its own, joined by a pair of sockets. Workers start when they are first
needed, stay for the next images, and end with the process that started them. Where there are no such sockets
(Windows), images are decoded in the caller's process.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, get_args

import numpy as np

from shelfwise.vision.image_decoding import (
    DecodedImage,
    ImageRejectedError,
    Reshaping,
    Shape,
    decode,
)

log = logging.getLogger("shelfwise")

MAX_SECONDS = 60
"""An image whose decoding takes longer is refused."""

MAX_WORKER_BYTES = 3 << 30
"""Address space of a worker: many times what 25 million pixels need."""

MAX_WORKERS = 8

_SHAPES: tuple[Shape, ...] = get_args(Shape)
_REQUEST = struct.Struct("<BII")
"""Place in :data:`_SHAPES`, size, number of images; the length of each follows, and then their bytes."""

_REPLY = struct.Struct("<BIIQ")
"""Kind of reply, width, height, bytes of the pixels or of the reason that follow."""

_READY, _ONE_FRAME, _SEVERAL_FRAMES, _REJECTED = range(4)

_ATTEMPTS = 2
"""A worker may have been ended for a reason that is not the image's, by a system short of memory, say."""

# the child looks for modules where its parent does, which may have added places since it started
_START = (
    "import sys; sys.path[:] = {path!r}; from shelfwise.vision.decoding_workers import work; work()"
)


Answer = DecodedImage | ImageRejectedError


def decode_apart(images: Sequence[bytes], reshaping: Reshaping) -> list[Answer]:
    """As :func:`~shelfwise.vision.image_decoding.decode` for each of N images, in a worker.

    Returns:
        N images, or why there is none: as there, or the worker died of it twice, or took longer than 60
        seconds.
    """
    workers = _workers_of(os.getpid())
    answers: list[Answer] = []
    worker = workers.take()
    if worker is None:
        return [_decode_here(data, reshaping) for data in images]
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
            return _decode_here(data, reshaping)
        try:
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


def _decode_here(data: bytes, reshaping: Reshaping) -> Answer:
    try:
        return decode(data, reshaping)
    except ImageRejectedError as rejection:
        return rejection


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
            _receive(ours, _REPLY.size)
        except OSError:
            self.end()
            raise

    def decode(self, images: Sequence[bytes], reshaping: Reshaping) -> Iterator[Answer]:
        """The worker's answers, one by one.

        All files are sent before the first answer is read: neither end then waits for the other to read.

        Raises:
            OSError: the worker died; TimeoutError where it did not answer.
        """
        shape = _SHAPES.index(reshaping.shape)
        lengths = [len(data) for data in images]
        header = _REQUEST.pack(shape, reshaping.size, len(images))
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
        kind, width, height, length = _REPLY.unpack(_receive(self._socket, _REPLY.size))
        payload = _receive(self._socket, length)
        if kind == _REJECTED:
            return ImageRejectedError(payload.decode())
        pixels = np.frombuffer(payload, np.uint8).reshape(height, width, 3)
        return DecodedImage(pixels, kind == _SEVERAL_FRAMES)

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


def work() -> None:
    """Decode what comes over the socket at file number 0 until it is closed: what a worker does."""
    # an interrupt from the keyboard is for the process that started this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_resources()
    with socket.socket(fileno=0) as requests:
        requests.sendall(_REPLY.pack(_READY, 0, 0, 0))
        while _answer(requests):
            pass


def _answer(requests: socket.socket) -> bool:
    """Decode the images of one request; False where there is none any more."""
    try:
        shape, size, count = _REQUEST.unpack(_receive(requests, _REQUEST.size))
        lengths = struct.unpack(f"<{count}Q", _receive(requests, 8 * count))
        images = [bytes(_receive(requests, length)) for length in lengths]
    except OSError:
        return False
    for data in images:
        _send(requests, _decode_here(data, Reshaping(_SHAPES[shape], size)))
    return True


def _send(requests: socket.socket, answer: Answer) -> None:
    if isinstance(answer, ImageRejectedError):
        reason = str(answer).encode()
        requests.sendall(_REPLY.pack(_REJECTED, 0, 0, len(reason)) + reason)
        return
    height, width, _ = answer.pixels.shape
    kind = _SEVERAL_FRAMES if answer.several_frames else _ONE_FRAME
    header = _REPLY.pack(kind, width, height, answer.pixels.nbytes)
    # as bytes, without a copy of the pixels
    pixels = answer.pixels.reshape(-1).data
    sent = requests.sendmsg([header, pixels]) - len(header)
    requests.sendall(pixels[sent:])


def _receive(source: socket.socket, length: int) -> bytearray:
    """Exactly so many bytes.

    Raises:
        OSError: the other end was closed before; TimeoutError where nothing came.
    """
    buffer = bytearray(length)
    rest = memoryview(buffer)
    while rest:
        count = source.recv_into(rest)
        if not count:
            raise ConnectionResetError("the other end was closed")
        rest = rest[count:]
    return buffer


def _limit_resources() -> None:
    """Bound the memory of this process, and let it leave no core file."""
    import resource

    set_limit: Callable[[int, tuple[int, int]], Any] = resource.setrlimit
    for limit, most in ((resource.RLIMIT_AS, MAX_WORKER_BYTES), (resource.RLIMIT_CORE, 0)):
        allowed = resource.getrlimit(limit)[1]
        # what is stricter already stays so
        bounded = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        # not every system can bound the address space
        with suppress(OSError, ValueError):
            set_limit(limit, (bounded, allowed))
