"""Which encoding a text file is in: one for the whole file, never decided row by row.

A byte order mark decides for UTF-16. Tables may be in Windows-1252, as Excel saves them in Western Europe:
that is so where more bytes look like its letters than characters are written in UTF-8.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shelfwise.errors import CatalogError, ConfigError

WINDOWS = "cp1252"

_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF_32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_HEADER_BYTES = 32
_ENCODINGS = (
    *("cp1252", "cp1250", "cp1251", "koi8-r", "cp1253", "cp1254", "cp1257", "mac_roman", "cp850"),
    *("iso8859-15", "cp852", "cp866"),
    *("cp1255", "cp1256", "cp932", "gb18030", "big5", "euc_kr"),
)
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_STRANGE = re.compile(
    # three accents side by side
    r"[\xc0-\xff]{3}"
    # signs between letters, and pound or yen in front of them
    r"|[^\W\d_][\xa1-\xa9\xab-\xad\xb1\xb3\xb9\xba\xbc-\xbf][^\W\d_]|[\xa3\xa5\xaf][a-z]"
    # the Spanish question mark of beginnings, behind a letter
    r"|[^\W\d_]\xbf"
    # a capital of Windows behind a small letter, and low quotes within words
    r"|[a-z][\u017d\u0160\u0152\u0178\u02c6\u201a\u201e\u0192]|[a-z][\u2013\u201d\xa4\u2026][a-z]"
    # further signs of Windows between letters, and words of hardly anything but signs
    r"|[^\W\d_][\u2020-\u2022\u2030\u2039\u203a\u2122\u02dc\u201c][^\W\d_]"
    r"|(?:[\xa1-\xa9\xab-\xbf\u2020-\u2022\u2030\u2039\u203a\u02dc].?){3}"
    # accented capitals behind small letters
    r"|[a-z\xdf-\xff][\xc0-\xd6\xd8-\xde]"
    # of the Turkish alphabet, read as that of Iceland
    r"|[\xf0\xfe\xfd\xd0\xde\xdd]|\ufffd"
)
_STRANGE_SHARE = 0.15
_ENOUGH_CHARACTERS = 1000
"""Characters beyond ASCII after which the question is decided."""

_TRIED = 20
"""Words of which one is shown to a person."""

_FEW = 5
"""Bytes that are no UTF-8 below which a file may as well be damaged."""

_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
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
    """UTF-16 or UTF-32 where the file begins with a byte order mark, or as UTF-16 without one; else None."""
    if start.startswith(_UTF_32_MARKS):
        return "utf-32"
    if start.startswith(_UTF_16_MARKS):
        return "utf-16"
    # a header is ASCII, of which UTF-16 makes every second byte zero
    beginning = start[:_HEADER_BYTES]
    high, low = beginning[::2], beginning[1::2]
    if low and not any(low) and all(high):
        return "utf-16-le"
    if high and not any(high) and all(low):
        return "utf-16-be"
    return None


def accented_words(chunks: Iterable[bytes]) -> list[bytes]:
    """The first words of a text with bytes beyond ASCII, enough of them to tell the encoding."""
    words: list[bytes] = []
    for chunk in chunks:
        # a pattern with an accent in it would take quadratic time on long words without one
        words += (word[0] for word in _WORD.finditer(chunk) if not word[0].isascii())
        if len(words) >= _ENOUGH_CHARACTERS:
            break
    return words


def strange_word(words: Sequence[bytes]) -> bytes | None:
    """A word that shows that a table in no UTF-8 is in no Windows-1252 either; None where it may be.

    Cyrillic or Greek letters give words of nothing but accents, Polish ones give signs within words, and
    those of old Macs and of DOS capitals and quotes behind small letters.

    Args:
        words: with bytes beyond ASCII.
    """
    strange = [word for word in words if _STRANGE.search(word.decode(WINDOWS, "replace"))]
    if len(strange) <= _STRANGE_SHARE * len(words):
        return None
    # a sign of ASCII may be half of a Japanese letter, at which the word was cut: shown is one that is whole
    return max(strange[:_TRIED], key=lambda word: len(_readings(word)))


def readings_of(word: bytes) -> str:
    """What a word is in the encodings that shops use, for a person to choose from."""
    return ", ".join(f"{name} ({text})" for name, text in _readings(word).items())


def _readings(word: bytes) -> dict[str, str]:
    found = {}
    for name in _ENCODINGS:
        try:
            found[name] = word.decode(name)
        except UnicodeDecodeError:
            continue
    return found


@dataclass(frozen=True)
class LetterCount:
    """The letters beyond ASCII at the beginning of a text, as far as it takes to tell.

    Args:
        utf_8: characters in UTF-8.
        refused: bytes that are no UTF-8.
        damaged: of these, such as no text in Windows-1252 has.
    """

    utf_8: int
    refused: int
    damaged: int

    @property
    def is_windows(self) -> bool:
        """Whether it is Windows-1252 rather than UTF-8, damaged in places or not."""
        # each damaged byte speaks against Windows-1252 as much as a letter speaks for it
        return self.refused - 2 * self.damaged > self.utf_8

    @property
    def is_no_utf_8(self) -> bool:
        """Whether nothing beyond ASCII is UTF-8, and there is much of it."""
        return not self.utf_8 and self.refused >= _FEW


def counted_letters(chunks: Iterable[bytes]) -> LetterCount:
    """The letters beyond ASCII; counting stops as soon as there are enough to tell."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    utf_8 = 0
    refused = 0
    damaged = 0
    for chunk in chunks:
        # much the fastest check, and true of most of most files
        if chunk.isascii() and not decoder.getstate()[0]:
            continue
        text = decoder.decode(chunk)
        # counting so takes a tenth of what a pattern takes
        utf_8 += len(text) - len(text.encode("ascii", "ignore"))
        if not _is_utf_8(text):
            bytes_refused = len(_NOT_UTF_8.findall(text))
            refused += bytes_refused
            damaged += len(_DAMAGED.findall(text))
            utf_8 -= bytes_refused
        if utf_8 + abs(refused - 2 * damaged) >= _ENOUGH_CHARACTERS:
            break
    return LetterCount(utf_8, refused, damaged)


def _is_utf_8(text: str) -> bool:
    """Whether no character stands for a byte that could not be decoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_utf_8(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The chunks as UTF-8; what cannot be decoded becomes the replacement character.

    Raises:
        CatalogError: the text must begin with a mark of its byte order, and does not.
    """
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        try:
            text = decoder.decode(chunk)
        # nothing else is an error where what cannot be decoded is replaced
        except UnicodeError:
            raise CatalogError(
                f"the text does not begin with the mark of byte order that {encoding} has; set encoding "
                f"under [catalog] to {encoding}-le or {encoding}-be, or leave it out"
            ) from None
        # half a character gives nothing until the rest of it comes
        if text:
            yield _encoded(text)
    rest = decoder.decode(b"", final=True)
    if rest:
        yield _encoded(rest)


def _encoded(text: str) -> bytes:
    # UTF-16 files of careless programs hold halves of characters, which UTF-8 cannot
    return text.encode("utf-8", "replace")
