"""Objects with commas between them, ``{...}, {...}``: an array whose brackets are gone gets them back."""

from __future__ import annotations

import json
from collections.abc import Iterator

_DECODER = json.JSONDecoder(strict=False)
_BETWEEN = b" \t\r\n,"


def lack_brackets(start: bytes) -> bool:
    """Whether a file that begins so has a comma behind its first object.

    >>> lack_brackets(b'{"id": 7},\\n{"id": 8}'), lack_brackets(b'{"id": 7}\\n{"id": 8}')
    (True, False)
    """
    text = start.decode(errors="ignore").lstrip()
    if not text.startswith("{"):
        return False
    try:
        _, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        # the first object does not end here
        return False
    return text[end:].lstrip().startswith(",")


def in_brackets(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of a file, as those of an array where it lacks its brackets."""
    first = next(chunks, b"")
    if not lack_brackets(first):
        yield first
        yield from chunks
        return
    yield b"["
    held = b""
    chunk: bytes | None = first
    while chunk is not None:
        # a comma behind the last object stands before no other one
        kept = chunk.rstrip(_BETWEEN)
        yield held + kept
        held = chunk[len(kept) :]
        chunk = next(chunks, None)
    yield b"]"
