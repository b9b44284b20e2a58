"""Which format a catalogue is in, and its blocks one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from shelfwise.catalog.reading.byte_stream import is_gzip, read_chunks, split_lines
from shelfwise.catalog.reading.file_format import BY_NAME, OpenedFile
from shelfwise.catalog.reading.record_parsing import BOM, nonblank_lines
from shelfwise.config import CatalogSettings
from shelfwise.core.registry import formats
from shelfwise.errors import CatalogError, ConfigError, PluginError

_SNIFFED_LINES = 50
# keeps the first lines of a large binary file, which may have no line breaks, from being all of it
_MAX_SNIFFED_BYTES = 16 << 20


def open_source(
    path: Path,
    settings: CatalogSettings,
    advance: Callable[[int], None],
) -> OpenedFile:
    """The blocks of `path` in the format of the settings; where that is ``"auto"``, in the one it looks like.

    Raises:
        CatalogError: the format cannot be recognised, or nothing in the file can be read in it.
        ConfigError: there is no format of that name.
        PluginError: a library that the format needs is missing.
    """
    # which names there are is known here, and not where the settings are read
    name = settings.format
    if name == "auto":
        name = detect_format(path)
    elif name not in formats.names():
        known = ", ".join(["auto", *formats.names()])
        raise ConfigError(f"setting catalog.format is {name!r}; known: {known}")
    form, blocks = formats.load(name).open(path, settings, advance)
    # what is compressed cannot be read from the middle
    file = path if form.bytes_on_disk and not is_gzip(path) else None
    return OpenedFile(name, form, blocks, file)


def detect_format(path: Path) -> str:
    """The name of the format that the file's name and its first lines make most sure.

    Raises:
        CatalogError: no format fits, or the system refuses to read the file.
    """
    start = _first_lines(path)
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
        certainty[name] = max(by_name, form.sniff(start))
    best = max(certainty, key=lambda name: certainty[name])
    if certainty[best] < BY_NAME and _begins_json_array(start):
        raise CatalogError(
            f"{path} is one JSON array; write it as one object a line, "
            f"for instance with: jq -c '.[]' {path.name} > products.jsonl"
        )
    if certainty[best] == 0:
        found = "its first lines are neither JSON objects nor a table's header"
        reasons = [
            f"cannot tell the format of {path}: {found}",
            f"set format to one of {', '.join(certainty)}",
            *unusable,
        ]
        raise CatalogError("; ".join(reasons))
    return best


def _first_lines(path: Path) -> bytes:
    """The first lines of a file, decompressed; of a damaged file those before the damage."""
    chunks = _first_chunks(read_chunks(path), _MAX_SNIFFED_BYTES)
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
    """The ending of the file's name, in lower case; of a compressed file the one before ``.gz``."""
    if path.suffix.lower() == ".gz" or is_gzip(path):
        path = path.with_suffix("")
    return path.suffix.lower()


def _begins_json_array(start: bytes) -> bool:
    """Whether the first line opens a list of objects: no record, and no table's header."""
    first = next(nonblank_lines(start), b"")
    opening = first.removeprefix(BOM).strip()[:2]
    return opening in (b"[", b"[{")
