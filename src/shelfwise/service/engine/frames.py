"""Messages between the service and its workers: a length, then MessagePack. Never a pickle."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import msgspec

_LENGTH = struct.Struct("<I")

Message = dict[str, Any]


def pack(message: Mapping[str, Any]) -> bytes:
    """A message with its length before it."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


def read_frame(stream: BinaryIO) -> Message | None:
    """The next message; None at the end of the stream."""
    start = stream.read(_LENGTH.size)
    if len(start) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(start)
    body = stream.read(length)
    # the other side ended inside a message
    if len(body) < length:
        return None
    message: Message = msgspec.msgpack.decode(body)
    return message


class FrameBuffer:
    """Puts messages together again from the pieces in which a pipe hands them on."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, piece: bytes) -> Iterator[Message]:
        """The messages that `piece` completes."""
        self._bytes += piece
        while len(self._bytes) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes)
            end = _LENGTH.size + length
            # the rest is still on its way
            if len(self._bytes) < end:
                return
            message: Message = msgspec.msgpack.decode(self._bytes[_LENGTH.size : end])
            del self._bytes[:end]
            yield message
