"""Messages between the service and its workers: a length, then MessagePack. Never a pickle."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
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


async def receive_frame(stream: asyncio.StreamReader) -> Message:
    """The next message.

    Raises:
        asyncio.IncompleteReadError: the other side has ended.
    """
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    message: Message = msgspec.msgpack.decode(await stream.readexactly(length))
    return message
