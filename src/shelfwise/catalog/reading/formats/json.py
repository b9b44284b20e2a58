"""JSON that is not one object a line: in an array, under a key, over many lines, or as a table of pandas.

Arrays and objects are read bit by bit. Tables, and files with what JSON does not allow (``NaN``, tabs within
texts), are read whole. A record's line is its number; its bytes are those of the record on one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar, Self

import ijson

from shelfwise.catalog.reading.byte_stream import (
    Block,
    DamagedFileError,
    RecordError,
    read_chunks,
)
from shelfwise.catalog.reading.file_format import BY_RECORDS
from shelfwise.catalog.reading.formats._as_lines import blocks_of
from shelfwise.catalog.reading.formats._json_bounds import bounded_items, inside, values_at
from shelfwise.catalog.reading.formats._json_brackets import in_brackets, lack_brackets
from shelfwise.catalog.reading.formats._json_categories import NamedById, listing_keys
from shelfwise.catalog.reading.formats._json_django import is_object, models_of, products_of_dump
from shelfwise.catalog.reading.formats._json_groups import is_group, members_of
from shelfwise.catalog.reading.formats._json_included import Included
from shelfwise.catalog.reading.formats._json_lines import JsonLinesFormat
from shelfwise.catalog.reading.formats._json_mixed import (
    may_name_others,
    names_others,
    split_mixed,
)
from shelfwise.catalog.reading.formats._json_shape import (
    SAMPLE_BYTES,
    JsonShape,
    Layout,
    json_shape,
)
from shelfwise.catalog.reading.formats._json_tables import largest_table, records_of_table
from shelfwise.catalog.reading.formats._json_unclear import refuse_unclear
from shelfwise.catalog.reading.formats._later_languages import has_languages
from shelfwise.catalog.reading.objects.bulk_lines import is_action, with_ids
from shelfwise.catalog.reading.objects.deep_fields import deep_only, with_fields_from_deep
from shelfwise.catalog.reading.objects.envelopes import is_plain, plain_record
from shelfwise.catalog.reading.record_parsing import (
    BOM,
    Values,
    first_line,
    nonblank_lines,
    parse_json,
)
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

_BY_SHAPE = BY_RECORDS + 0.2
"""Surer than JSON lines of any kind: an array may have lines that are objects by themselves."""

_MAX_WHOLE_BYTES = 512 << 20
_ARRAY = re.compile(rb"\[\s*(?:[\[{]|\]|$)")
_OBJECT = re.compile(rb"\{\s*(?:[\"}]|$)")
_RECORD = b"\x1e"
"""In front of each record of JSON text sequences (RFC 7464)."""

_SPACE = re.compile(r"\s*")


class Json(JsonLinesFormat):
    """JSON objects in an array, under a key, over many lines, or as a table of pandas."""

    bytes_on_disk: ClassVar[bool] = False

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """An array of objects or lists, an object over several lines, or one line that holds many records."""
        text = start.removeprefix(BOM).strip()
        if _ARRAY.match(text) or text.startswith(_RECORD):
            return _BY_SHAPE
        if not _OBJECT.match(text):
            return 0.0
        lines = nonblank_lines(text)
        first = _object(next(lines))
        second = next(lines, b",")
        # a line that begins with a comma is no object by itself
        if first is not None and not second.lstrip().startswith(b","):
            # envelopes, pages, groups and lines in pairs are opened here
            is_record = _is_record(first) and not is_group(first) and not is_action(first)
            if may_name_others(text):
                is_record &= not any(map(names_others, map(_object, nonblank_lines(text))))
            return 0.0 if is_record and not has_languages(text) else _BY_SHAPE
        # one line only: a record by itself, or a whole catalogue
        opening = b"[" if lack_brackets(text) else b""
        shape = json_shape(opening + text[:SAMPLE_BYTES], {})
        if first is not None:
            is_record = shape.layout is Layout.OBJECTS and not shape.prefix and _is_record(first)
            return 0.0 if is_record else _BY_SHAPE
        return _BY_SHAPE if shape.complete else 0.0

    @classmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """The objects of a file, one after the other.

        Raises:
            CatalogError: a table of pandas is too large to be read whole, its columns have no names, or it is
                unclear which list holds the products.
        """
        sample = b"".join(_sampled(_chunks(path, settings)))
        shape = json_shape(sample, settings.columns)
        refuse_unclear(shape, path)
        sentences: tuple[str, ...] = ()
        if shape.layout is Layout.OBJECTS:
            opened = partial(_objects, path, settings, advance, shape)
            records = opened()
            if models_of(sample.decode("utf-8", "replace")):
                records, sentences = products_of_dump(partial(opened, as_given=True), path)
            elif not shape.categories and may_name_others(sample):
                records, sentences = split_mixed(opened)
            elif not shape.prefix:
                # lines may come in pairs
                records = with_ids(records)
            records, told = with_fields_from_deep(records, deep_only)
            sentences += told
        elif shape.layout is Layout.DATABASE:
            records, sentences = _database(path, settings, advance)
        else:
            records = map(plain_record, _table(path, settings, advance, shape))
        listing = shape.categories
        if shape.names_by_id and not listing and len(sample) >= SAMPLE_BYTES:
            # the list may stand behind the products
            listing = listing_keys(_chunks(path, settings))
        if listing and "categories" not in settings.columns:
            named = NamedById.listed(partial(_chunks, path, settings), listing)
            records = map(named.with_names, records)
            sentences += named.told()
        return cls(settings.columns, (*_told(shape), *sentences)), blocks_of(records)


def _told(shape: JsonShape) -> tuple[str, ...]:
    """What a user is told of where the records are."""
    if shape.members:
        beside = f", and {', '.join(map(repr, shape.others))} not read" if shape.others else ""
        return (
            f"json: the records are in {shape.members!r} of each object{beside}; one that has a name is the "
            "category of its records, where they have none",
        )
    if shape.layout is Layout.ROWS and shape.others:
        key = shape.prefix.removesuffix(".item")
        return (
            f"json: what is under {key!r} is read, and not {', '.join(map(repr, shape.others))}",
        )
    return ()


def _is_record(values: Values) -> bool:
    """Whether an object is as records of other files are, and has not all of its fields deep inside."""
    return is_plain(values) and not deep_only([values]) and not is_object(values)


def _object(line: bytes) -> Values | None:
    """The object that a line is; None of any other line."""
    try:
        return parse_json(line.decode())
    except (ValueError, RecursionError):
        return None


def _chunks(
    path: Path, settings: CatalogSettings, advance: Callable[[int], None] = lambda _: None
) -> Iterator[bytes]:
    """The file's bytes in UTF-8, without a byte order mark, and with the brackets that it may lack."""
    chunks = read_chunks(path, advance, settings.encoding)
    first = next(chunks, b"").removeprefix(BOM)
    # within texts the sign is not allowed
    return in_brackets(chunk.replace(_RECORD, b" ") for chunk in chain([first], chunks))


def _sampled(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The beginning of a file, as far as it is not damaged."""
    size = 0
    try:
        for chunk in chunks:
            yield chunk[: SAMPLE_BYTES - size]
            size += len(chunk)
            if size >= SAMPLE_BYTES:
                return
    except DamagedFileError:
        # the damage is reported where the records are read
        return


def _objects(
    path: Path,
    settings: CatalogSettings,
    advance: Callable[[int], None],
    shape: JsonShape,
    as_given: bool = False,
) -> Iterator[Any]:
    """The records of arrays, or of objects one after the other, as other files have them or as they are.

    Raises:
        DamagedFileError: the file is no JSON from some place on, or has a record that is too long.
    """
    given = 0
    chunks = _chunks(path, settings, advance)
    included: Included | None = None
    try:
        for record in bounded_items(chunks, partial(_chunks, path, settings), shape.prefix):
            if included is None and isinstance(record, Mapping) and "relationships" in record:
                included = Included(_chunks(path, settings))
            yield from (record,) if as_given else _records_of(record, shape, included)
            given += 1
    except ijson.JSONError:
        # Python's reader takes what many programs write though JSON has no such thing, such as NaN
        values = _whole_values(path, settings, lambda _: None)
        further = (record for value in values for record in values_at(value, shape.prefix))
        for record in islice(further, given, None):
            yield from (record,) if as_given else _records_of(record, shape, included)


def _records_of(record: Any, shape: JsonShape, included: Included | None) -> Iterator[Any]:
    """A record as other files have it; of a page or a group each of its records."""
    for one in members_of(record, shape.members) if shape.members else (record,):
        whole = included.with_categories(one) if included is not None else one
        yield plain_record(whole)


def _database(
    path: Path, settings: CatalogSettings, advance: Callable[[int], None]
) -> tuple[Iterator[Any], tuple[str, ...]]:
    """The rows of the table of products, and which table that is.

    Raises:
        CatalogError: the file is too large.
        DamagedFileError: it is no JSON.
    """
    values = list(_whole_values(path, settings, advance))
    name, rows, others = largest_table(values[0], settings.columns)
    beside = f", and not {', '.join(map(repr, others))}" if others else ""
    return map(plain_record, rows), (f"json: the table {name!r} is read{beside}",)


def _table(
    path: Path, settings: CatalogSettings, advance: Callable[[int], None], shape: JsonShape
) -> Iterator[Any]:
    """The rows of a table, which is read whole.

    Raises:
        CatalogError: it is too large, or its columns have no names.
        DamagedFileError: the file is no JSON.
    """
    for value in _whole_values(path, settings, advance):
        # lists and rows may stand under a key
        table = inside(value, shape.prefix) if shape.prefix else value
        yield from records_of_table(table, shape.layout, settings.columns, path)


def _whole_values(
    path: Path, settings: CatalogSettings, advance: Callable[[int], None]
) -> Iterator[Any]:
    """The values of a file that stand one after the other; it is read whole.

    Raises:
        CatalogError: it is too large.
        DamagedFileError: something in it is no JSON.
    """
    data = bytearray()
    for chunk in _chunks(path, settings, advance):
        data += chunk
        if len(data) > _MAX_WHOLE_BYTES:
            raise CatalogError(_too_large(path))
    decoder = json.JSONDecoder(strict=False)
    try:
        text = data.decode().rstrip()
        begin = 0
        while begin < len(text):
            # the decoder takes no blanks in front of a value
            first = _SPACE.match(text, begin)
            value, begin = decoder.raw_decode(text, first.end() if first else begin)
            yield value
    except (ValueError, RecursionError) as error:
        found = f"from here on the file is no JSON ({first_line(error)})"
        fault = RecordError("damaged JSON", f"{found}; expected a whole file: write it again")
        raise DamagedFileError(fault) from None


def _too_large(path: Path) -> str:
    limit = _MAX_WHOLE_BYTES >> 20
    return (
        f"{path} is a JSON table of columns, or has values that JSON does not allow, and is larger than "
        f"{limit} MiB; write one object a line, with pandas: "
        'frame.to_json("products.jsonl", orient="records", lines=True)'
    )
