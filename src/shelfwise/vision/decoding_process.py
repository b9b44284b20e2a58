"""What a process that decodes images does, and what it says to the one that started it.

:mod:`shelfwise.vision.decoding_workers` starts and ends such processes.
"""

from __future__ import annotations

import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, get_args

from shelfwise.vision.image_decoding import (
    DecodedImage,
    ImageRejectedError,
    Reshaping,
    Shape,
    TooManyPixelsError,
    decode,
)

MAX_WORKER_BYTES = 3 << 30
"""Address space of a worker: many times what 25 million pixels need."""

SHAPES: tuple[Shape, ...] = get_args(Shape)
REQUEST = struct.Struct("<BII")
"""Place in :data:`SHAPES`, size, number of images; the length of each follows, and then their bytes."""

REPLY = struct.Struct("<BIIQ")
"""Kind of reply, width, height, bytes of the pixels or of the reason that follow."""

READY, ONE_FRAME, SEVERAL_FRAMES, REJECTED, TOO_MANY_PIXELS = range(5)

Answer = DecodedImage | ImageRejectedError


def decode_here(data: bytes, reshaping: Reshaping) -> Answer:
    """As :func:`~shelfwise.vision.image_decoding.decode`, in this process."""
    try:
        return decode(data, reshaping)
    except ImageRejectedError as rejection:
        return rejection


def work() -> None:
    """Decode what comes over the socket at file number 0 until it is closed: what a worker does."""
    # an interrupt from the keyboard is for the process that started this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_resources()
    with socket.socket(fileno=0) as requests:
        requests.sendall(REPLY.pack(READY, 0, 0, 0))
        while _answer(requests):
            pass


def _answer(requests: socket.socket) -> bool:
    """Decode the images of one request; False where there is none any more."""
    try:
        shape, size, count = REQUEST.unpack(receive(requests, REQUEST.size))
        lengths = struct.unpack(f"<{count}Q", receive(requests, 8 * count))
        # all before any answer: two ends that write at once would wait for each other
        images = [bytes(receive(requests, length)) for length in lengths]
    except OSError:
        return False
    for data in images:
        _send(requests, decode_here(data, Reshaping(SHAPES[shape], size)))
    return True


def _send(requests: socket.socket, answer: Answer) -> None:
    if isinstance(answer, ImageRejectedError):
        reason = str(answer).encode()
        rejected = TOO_MANY_PIXELS if isinstance(answer, TooManyPixelsError) else REJECTED
        requests.sendall(REPLY.pack(rejected, 0, 0, len(reason)) + reason)
        return
    height, width, _ = answer.pixels.shape
    kind = SEVERAL_FRAMES if answer.several_frames else ONE_FRAME
    header = REPLY.pack(kind, width, height, answer.pixels.nbytes)
    # as bytes, without a copy of the pixels
    pixels = answer.pixels.reshape(-1).data
    sent = requests.sendmsg([header, pixels]) - len(header)
    requests.sendall(pixels[sent:])


def receive(source: socket.socket, length: int) -> bytearray:
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
