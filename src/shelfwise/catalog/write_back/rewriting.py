"""A catalogue file with other categories, whatever its format; nothing else of it is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import ijson

from shelfwise.catalog.reading.byte_stream import compression, read_chunks
from shelfwise.catalog.reading.file_format import OpenedFile
from shelfwise.catalog.reading.formats._json_categories import NamedById
from shelfwise.catalog.reading.formats._json_shape import SAMPLE_BYTES, Layout, json_shape
from shelfwise.catalog.reading.formats._xml_records import records_of_feed
from shelfwise.catalog.write_back.changed_columns import ChangedColumns
from shelfwise.catalog.write_back.containers import unpack
from shelfwise.catalog.write_back.json_records import rewrite_json, rewrite_json_lines
from shelfwise.catalog.write_back.parquet_column import rewrite_parquet
from shelfwise.catalog.write_back.python_lines import rewrite_python_lines
from shelfwise.catalog.write_back.tables import rewrite_table
from shelfwise.catalog.write_back.text_decoding import decoded
from shelfwise.catalog.write_back.workbook import rewrite_workbook
from shelfwise.catalog.write_back.xml_records import rewrite_xml
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

Rewrite = Callable[[str], str]

_ELSEWHERE = "other elements name their categories"

JSON_LINES = ("jsonl", "amazon2018")
"""Formats of which every line is a JSON object."""


def rewritten(
    path: Path, opened: OpenedFile, settings: CatalogSettings, place: ChangedColumns
) -> bytes:
    """The bytes of a catalogue file with other categories.

    Args:
        opened: the file as the reader has opened it.

    Raises:
        CatalogError: this file cannot be written with only its categories changed.
        UnicodeError: it holds bytes that are no text, or a category cannot be written in its encoding.
    """
    if opened.name == "excel":
        return rewrite_workbook(path, settings.columns, place)
    if opened.name == "parquet":
        # it compresses by itself, so nothing here would pack it again
        if compression(path) is not None:
            raise CatalogError("it is compressed once more; unpack it")
        return rewrite_parquet(path, place)
    if opened.name == "tar":
        raise CatalogError("a tar archive is not written back")
    unpacked = unpack(path)
    is_xml = opened.name == "xml"
    by_lines = opened.name in JSON_LINES
    text = decoded(unpacked.content, is_xml, opened.encoding, by_lines=by_lines)
    after = _text_rewriting(path, opened, settings, place)(text.text)
    return unpacked.pack(text.encode(after))


def _text_rewriting(
    path: Path, opened: OpenedFile, settings: CatalogSettings, place: ChangedColumns
) -> Rewrite:
    """How the text of a file is changed.

    Raises:
        CatalogError: a file of this format is not written back.
    """
    # tables only
    delimiter = getattr(opened.form, "delimiter", None)
    if getattr(opened.form, "single_quoted", False):
        raise CatalogError("its fields stand in single quotes, and only double ones are written")
    if opened.name in ("csv", "tsv") and delimiter is not None:
        return lambda text: rewrite_table(text, delimiter, place)
    if opened.name in JSON_LINES:
        return lambda text: rewrite_json_lines(text, place)
    if opened.name == "amazon2014":
        return lambda text: rewrite_python_lines(text, place)
    if opened.name == "json":
        prefix = _prefix(path, opened, settings)
        return lambda text: rewrite_json(text, prefix, place)
    if opened.name == "xml":
        found = records_of_feed(read_chunks(path), settings.columns)
        if found.lists_categories and not found.names_categories:
            raise CatalogError(f"its records have no element {place.names[0]}, but {_ELSEWHERE}")
        return lambda text: rewrite_xml(text, found.names, place)
    raise CatalogError(f"a file of the format {opened.name} is not written back")


def _prefix(path: Path, opened: OpenedFile, settings: CatalogSettings) -> str:
    """Where in a JSON file the records are.

    Raises:
        CatalogError: they are rows of a table, or in lists inside other objects.
    """
    chunks = read_chunks(path, encoding=opened.encoding)
    # records begin early: the shape of the file shows in its first part
    sample = b""
    while len(sample) < SAMPLE_BYTES and (chunk := next(chunks, b"")):
        sample += chunk
    shape = json_shape(sample[:SAMPLE_BYTES].removeprefix(b"\xef\xbb\xbf"), settings.columns)
    if shape.layout is not Layout.OBJECTS:
        raise CatalogError(
            f"it is a JSON table ({shape.layout.value}), and only objects are changed"
        )
    if shape.members:
        raise CatalogError(
            f"its records are in {shape.members!r} of other objects, and only those by themselves are changed"
        )
    if shape.categories:

        def anew() -> Iterator[bytes]:
            return read_chunks(path, encoding=opened.encoding)

        named = NamedById.listed(anew, shape.categories)
        if named.names_any(ijson.items(ijson.from_iter(anew()), shape.prefix)):
            raise CatalogError(
                f"its records have the ids of their categories, and {_ELSEWHERE}; only names are changed"
            )
    return shape.prefix
