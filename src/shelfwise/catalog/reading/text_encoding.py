"""Which encoding a text file is in: one for the whole file, never decided row by row.

A byte order mark decides for UTF-16. Tables may be in Windows-1252, as Excel saves them in Western Europe:
that is so where more bytes look like its letters than characters are written in UTF-8.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from shelfwise.errors import ConfigError

WINDOWS = "cp1252"

_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ENOUGH_CHARACTERS = 1000
"""Characters beyond ASCII after which the question is decided."""

_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
# Windows-1252 has no characters at the first five, and hardly any text has the last two
_DAMAGED = re.compile("[\udc81\udc8d\udc8f\udc90\udc9d\udcfe\udcff]")


def checked_encoding(name: str) -> str | None:
    """The encoding of the setting as Python calls it; None for UTF-8, which needs no decoding.

    Raises:
        ConfigError: Python knows no such encoding of texts.
    """
    try:
        found = codecs.lookup(name)
        # some codecs, such as zip, make bytes of bytes
        "".encode(found.name)
    except LookupError:
        known = "for instance utf-8, utf-16, cp1252 (Windows) or latin-1"
        raise ConfigError(
            f"setting catalog.encoding is {name!r}, which is no encoding; {known}"
        ) from None
    return None if found.name in ("utf-8", "utf-8-sig") else found.name


def marked_encoding(start: bytes) -> str | None:
    """UTF-16 where the file begins with its byte order mark, else None."""
    return "utf-16" if start.startswith(_UTF_16_MARKS) else None


def is_windows(chunks: Iterable[bytes]) -> bool:
    """Whether a table's bytes are Windows-1252 rather than UTF-8, damaged in places or not.

    It stops as soon as there are enough characters to tell.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    utf_8 = 0
    windows = 0
    for chunk in chunks:
        # much the fastest check, and true of most of most files
        if chunk.isascii() and not decoder.getstate()[0]:
            continue
        text = decoder.decode(chunk)
        refused = len(_NOT_UTF_8.findall(text))
        damaged = len(_DAMAGED.findall(text))
        utf_8 += len(_BEYOND_ASCII.findall(text)) - refused
        # each damaged byte speaks against Windows-1252 as much as a letter speaks for it
        windows += refused - 2 * damaged
        if utf_8 + abs(windows) >= _ENOUGH_CHARACTERS:
            break
    return windows > utf_8


def as_utf_8(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The chunks as UTF-8; what cannot be decoded becomes the replacement character."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        text = decoder.decode(chunk)
        # half a character gives nothing until the rest of it comes
        if text:
            yield _encoded(text)
    rest = decoder.decode(b"", final=True)
    if rest:
        yield _encoded(rest)


def _encoded(text: str) -> bytes:
    # UTF-16 files of careless programs hold halves of characters, which UTF-8 cannot
    return text.encode("utf-8", "replace")
