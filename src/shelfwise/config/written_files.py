"""Small files that people write and name: settings, changes, decisions, keys."""

from __future__ import annotations

import errno
import io
import os
import select
import stat
from pathlib import Path

MAX_BYTES = 256 << 20
"""Of a file that people write; decisions about a million products have less."""

_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_PORTION = 1 << 20


def read_written_file(path: Path | str, most: int = MAX_BYTES) -> bytes:
    """The bytes of a file that is read once.

    What a command writes into a pipe, such as ``<(...)`` in a shell, is read to its end. Nobody waits
    for a pipe that no command has opened for writing: that might be for good.

    Raises:
        OSError: it is not there, a folder, not readable, a pipe in which nothing was written, or has more
            than `most` bytes.
    """
    handle = os.open(path, os.O_RDONLY | _WITHOUT_WAITING)
    try:
        parts: list[bytes] = []
        left = most + 1
        while left and (part := _next_part(handle, min(left, _PORTION))):
            parts.append(part)
            left -= len(part)
        is_pipe = stat.S_ISFIFO(os.fstat(handle).st_mode)
    finally:
        os.close(handle)
    if is_pipe and not parts:
        raise OSError(errno.ENODATA, "it is a pipe in which nothing was written", str(path))
    if not left:
        # a device such as /dev/zero has no end
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return b"".join(parts)


def read_written_text(path: Path | str, encoding: str = "utf-8") -> str:
    """The text of such a file, its lines ended by ``\\n``; ``utf-8-sig`` leaves a byte order mark out.

    Raises:
        OSError: as :func:`read_written_file`.
        UnicodeDecodeError: it is in another encoding.
    """
    return io.TextIOWrapper(io.BytesIO(read_written_file(path)), encoding).read()


def _next_part(handle: int, most: int) -> bytes:
    """What comes next; nothing at the end."""
    while True:
        try:
            return os.read(handle, most)
        except BlockingIOError:
            # a pipe whose writer has not written yet
            select.select([handle], [], [])
