"""Which format a catalogue is in, and its blocks one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from shelfwise.catalog.reading.byte_stream import (
    CorruptFileError,
    compression,
    has_old_line_ends,
    read_chunks,
    split_lines,
)
from shelfwise.catalog.reading.central_encodings import central_encoding
from shelfwise.catalog.reading.detection.other_files import why_no_catalogue
from shelfwise.catalog.reading.file_format import OpenedFile
from shelfwise.catalog.reading.text_encoding import (
    WINDOWS,
    accented_words,
    checked_encoding,
    counted_letters,
    marked_encoding,
    readings_of,
    strange_word,
)
from shelfwise.catalog.reading.western_encodings import (
    HUNGARIAN,
    LATIN_9,
    is_hungarian,
    is_latin_9,
    makes_words,
    western_encoding,
)
from shelfwise.catalog.reading.zip_archive import catalogue_member
from shelfwise.config import CatalogSettings
from shelfwise.core.registry import formats
from shelfwise.errors import CatalogError, ConfigError, PluginError

_SNIFFED_LINES = 50
# keeps the first lines of a large binary file, which may have no line breaks, from being all of it
_MAX_SNIFFED_BYTES = 16 << 20

_MAX_COMPRESSED_BYTES = 64 << 20
"""Of a compressed file, decompressed: so many are looked at to find the encoding, for it takes long."""


_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*"[^"]*"\s*:')
"""How JSON begins, and no header of a table."""

_BY_NAME_ONLY = 0.01
"""The file's name ends as those of a format do, and its first lines tell of no other one."""

_BINARY = ("excel", "parquet")
"""Formats whose files are no texts."""

_OTHER_ENCODING = 'if it is another one, write it under [catalog]: encoding = "NAME"'

_TOLD_ENCODINGS = {
    name: f"the file is not in UTF-8; all of it is decoded as {called}; {_OTHER_ENCODING}"
    for name, called in {
        WINDOWS: "Windows-1252",
        LATIN_9: "Latin-9 (ISO 8859-15)",
        HUNGARIAN: "Windows-1250",
        "iso8859-2": "Latin-2 (ISO 8859-2)",
        "cp850": "cp850 of DOS",
        "cp852": "cp852 of DOS",
        "mac_roman": "Mac Roman",
        "mac_latin2": "Mac Central European",
    }.items()
}
"""What a user is told, by the name that Python has for the encoding."""


def open_source(
    path: Path,
    settings: CatalogSettings,
    advance: Callable[[int], None],
) -> OpenedFile:
    """The blocks of `path` in the format of the settings; where that is ``"auto"``, in the one it looks like.

    Raises:
        CatalogError: the format cannot be recognised, or nothing in the file can be read in it.
        ConfigError: there is no format or no encoding of that name.
        PluginError: a library that the format needs is missing.
    """
    # which names there are is known here, and not where the settings are read
    name = settings.format
    encoding = _encoding(path, settings)
    if name == "auto":
        name = detect_format(path, encoding)
    elif name not in formats.names():
        known = ", ".join(["auto", *formats.names()])
        raise ConfigError(f"setting catalog.format is {name!r}; known: {known}")
    plugin = formats.load(name)
    form_of_file = compression(path)
    notes: tuple[str, ...] = ()
    if form_of_file == "zip":
        notes += (f"of the archive only {catalogue_member(path)} is read, and no images",)
    if settings.encoding is None and encoding is None and plugin.perhaps_windows:
        encoding = _encoding_of_one_byte(path)
        if encoding is not None:
            notes += (_TOLD_ENCODINGS[encoding],)
    settings = settings.model_copy(update={"encoding": encoding})
    form, blocks = plugin.open(path, settings, advance)
    old_line_ends = plugin.perhaps_windows and has_old_line_ends(path, encoding)
    if old_line_ends:
        notes += ("lines end with carriage returns, as on old Macs",)
    # what is compressed, or must be decoded or quoted anew, cannot be read from the middle
    as_it_is = encoding is None and form_of_file is None and not old_line_ends
    as_it_is = as_it_is and not getattr(form, "single_quoted", False)
    file = path if form.bytes_on_disk and as_it_is else None
    return OpenedFile(name, form, blocks, file, notes, encoding)


def _encoding(path: Path, settings: CatalogSettings) -> str | None:
    """The encoding of the settings, or of the file's byte order mark; None is UTF-8 as far as one can see."""
    if settings.encoding is not None:
        return checked_encoding(settings.encoding)
    try:
        return marked_encoding(next(read_chunks(path), b""))
    except CorruptFileError:
        # the format reports the damage in its place
        return None


def _encoding_of_one_byte(path: Path) -> str | None:
    """Windows-1252 or another encoding of Western Europe, where a table is in one; None for UTF-8.

    Raises:
        CatalogError: it is no UTF-8, and it has to be told what it is.
    """
    chunks = read_chunks(path)
    if compression(path) is not None:
        chunks = _first_chunks(chunks, _MAX_COMPRESSED_BYTES)
    count = counted_letters(_until_damage(chunks))
    if not count.is_windows and not count.is_no_utf_8:
        return None
    words = accented_words(_beginning(path))
    word = strange_word(words)
    if count.is_windows and makes_words(words, LATIN_9) and is_latin_9(_beginning(path)):
        return LATIN_9
    if word is None and count.is_windows:
        return HUNGARIAN if is_hungarian(words) else central_encoding(words) or WINDOWS
    found = {western_encoding(words), central_encoding(words)} - {None}
    if len(found) == 1:
        return found.pop()
    if word is None or not count.is_windows:
        # damaged words in a file that may be UTF-8; their records are refused by themselves
        return None
    raise CatalogError(
        f"{path} is in no UTF-8, and makes no words as Windows-1252; one of its words is, by encoding: "
        f"{readings_of(word)}; write the right one under [catalog] of a settings file: "
        'encoding = "NAME"'
    )


def _beginning(path: Path) -> Iterator[bytes]:
    """The first bytes of a file, as many as are looked at where it is not in UTF-8."""
    return _until_damage(_first_chunks(read_chunks(path), _MAX_COMPRESSED_BYTES))


def _until_damage(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks before the place where a compressed file is damaged."""
    with suppress(CorruptFileError):
        yield from chunks


def detect_format(path: Path, encoding: str | None = None) -> str:
    """The name of the format that the file's name and its first lines make most sure.

    Args:
        encoding: of the file's text; None is UTF-8.

    Raises:
        CatalogError: no format fits, or the system refuses to read the file.
    """
    start = _first_lines(path, encoding)
    other = why_no_catalogue(start)
    if other is not None:
        raise CatalogError(f"{path} cannot be read as a catalogue: {other}")
    suffix = _suffix(path)
    certainty: dict[str, float] = {}
    unusable: list[str] = []
    for name in formats.names():
        try:
            form = formats.load(name)
        except PluginError as error:
            # its library is missing, which matters only if no other format fits
            unusable.append(str(error))
            continue
        by_name = form.suffixes.get(suffix, 0.0)
        if _belies(start, name, form.perhaps_windows):
            by_name = min(by_name, _BY_NAME_ONLY)
        certainty[name] = max(by_name, form.sniff(start))
    best = max(certainty, key=lambda name: certainty[name])
    if certainty[best] == 0:
        found = "its first lines are neither JSON nor a table's header"
        reasons = [
            f"cannot tell the format of {path}: {found}",
            f"set format to one of {', '.join(certainty)}",
            *unusable,
        ]
        raise CatalogError("; ".join(reasons))
    return best


def _belies(start: bytes, name: str, is_table: bool) -> bool:
    """Whether a file begins as none of a format does, whatever its own name ends with.

    >>> _belies(b'[{"id": 7', "csv", True), _belies(b"id,title", "excel", False)
    (True, True)
    """
    if is_table:
        return _JSON.match(start) is not None
    return name in _BINARY and bool(start) and b"\0" not in start


def _first_lines(path: Path, encoding: str | None) -> bytes:
    """The first lines of a file, decompressed; of a damaged file those before the damage."""
    chunks = _first_chunks(read_chunks(path, encoding=encoding), _MAX_SNIFFED_BYTES)
    lines = islice(split_lines(chunks), _SNIFFED_LINES)
    return b"".join(line.raw for line in lines if line.fault is None)


def _first_chunks(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The first chunks, until they are `size` bytes together."""
    for chunk in chunks:
        yield chunk
        size -= len(chunk)
        if size <= 0:
            return


def _suffix(path: Path) -> str:
    """The ending of the file's name, in lower case; of a compressed file that of the file within."""
    form = compression(path)
    if form == "zip":
        path = Path(catalogue_member(path))
    elif form == "gzip" or path.suffix.lower() == ".gz":
        path = path.with_suffix("")
    return path.suffix.lower()
