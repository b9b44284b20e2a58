"""Products given from Python go through the same checks as those of a file.

The same record gives the same product, whichever way it comes: cleaned, with the same column names,
categories and prices.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from shelfwise.catalog.reading.byte_stream import Block, RawRecord, RecordError
from shelfwise.catalog.reading.categories.sign_lists import LEVEL_SIGNS
from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.detection.file_detection import detect_reading
from shelfwise.catalog.reading.file_format import FileFormat, OpenedFile, ParsedBlock
from shelfwise.catalog.reading.images.image_index import ImageFinder
from shelfwise.catalog.reading.joined_tables import category_rows_of
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.objects.deep_fields import with_all_deep_fields
from shelfwise.catalog.reading.objects.envelopes import plain_record
from shelfwise.catalog.reading.python.python_containers import records_of
from shelfwise.catalog.reading.python.python_images import own_image
from shelfwise.catalog.reading.python.python_values import plain_value
from shelfwise.catalog.reading.reader import ReadResult
from shelfwise.catalog.reading.record_parsing import Record
from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.catalog.reading.streaming.stream import CheckedBlocks
from shelfwise.catalog.reading.value_parsing import Rules, read_id
from shelfwise.config import CatalogSettings
from shelfwise.core.arrow_size import concatenated
from shelfwise.core.catalog import Catalog
from shelfwise.core.image_sources import EmbeddedImage
from shelfwise.core.types import Int64Array
from shelfwise.errors import CatalogError

Values = Mapping[str, Any]
OwnImage = bytes | str | None


@dataclass(frozen=True)
class PythonRecords(FileFormat):
    """Records in memory, as one block.

    Args:
        records: column name -> value of each.
        columns: our field -> the source's column, where the settings name it.
    """

    records: Sequence[Values]
    columns: Mapping[str, str]

    gives_ids: ClassVar[bool] = True

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """No file is in this format."""
        return 0.0

    @classmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """No file is in this format."""
        raise NotImplementedError

    def take_apart(self, block: Block) -> ParsedBlock:
        """All records, as columns; what a record lacks is None.

        Records that call a field otherwise than most do are read one by one.
        """
        names = _all_names(self.records)
        together = plan_columns(names, self.columns).ours

        @lru_cache(maxsize=1024)
        def agrees(own_names: tuple[str, ...]) -> bool:
            # records of a program have few sets of names, so each is planned once
            own = plan_columns(own_names, self.columns).ours
            return own.items() <= together.items()

        like_most: list[int] = []
        others: list[Record] = []
        for place, record in enumerate(self.records):
            if agrees(tuple(record)) and _fault_of(record) is None:
                like_most.append(place)
            else:
                others.append(self.record(block, np.array(_span(place))))
        rows = [self.records[place] for place in like_most]
        columns = {name: [row.get(name) for row in rows] for name in names}
        spans = np.array([_span(place) for place in like_most], np.int64).reshape(-1, 3)
        return ParsedBlock(columns, spans, others)

    def record(self, block: Block, span: Int64Array) -> Record:
        """One record; its bytes are its values as JSON."""
        place = int(span[1])
        values = dict(self.records[place])
        raw = json.dumps(values, ensure_ascii=False, default=str).encode("utf-8", "replace")
        fault = _fault_of(values)
        return RawRecord(place + 1, place, raw), values if fault is None else fault


def read_records(
    products: Any,
    settings: CatalogSettings | None = None,
    root: Path | str = ".",
    ids_repeat: bool = False,
    strict: bool = False,
) -> ReadResult:
    """Check products given by a program; those without an id are numbered from 0.

    Args:
        products: a data frame, an Arrow table, or an iterable of mappings; see
            :func:`~shelfwise.catalog.reading.python.python_containers.records_of`.
        root: the folder that image paths are relative to.
        ids_repeat: products may share an id: whoever asks about N products gets N answers. Unset: variant
            rows and repeated ids are refused, as of a file.
        strict: refuse settings that name a column which no record has.

    Raises:
        CatalogError: there is no record, none can be accepted, or categories can be read in two ways.
    """
    settings = settings or CatalogSettings()
    given = records_of(products, settings.columns)
    if not given:
        raise CatalogError("there is no product; give at least one")
    plain, images = _plain_records(given, settings.columns)
    plain = with_all_deep_fields(plain)
    form = PythonRecords(plain, settings.columns)
    source = OpenedFile("records", form, iter([Block(1, 0, b"")]))
    reading, source = detect_reading(source, settings, strict)
    id_column = reading.columns.get("id", "id")
    ids = _ids_of(plain, id_column, reading.rules)
    # every record has an id from here on, so the reader need not count lines
    named = [{**record, id_column: name} for record, name in zip(plain, ids, strict=True)]
    blocks = list(source.blocks)
    source = replace(source, form=replace(form, records=named), blocks=iter(blocks))
    # the working folder is nobody's choice, and may hold anything
    finder = ImageFinder(Path(root), search=Path(root) != Path())
    rows = None
    if not ids_repeat:
        rows = category_rows_of(replace(source, blocks=iter(blocks)), settings.columns, reading)
    stream = CheckedBlocks(
        source, settings.columns, reading, finder, ids_repeat=ids_repeat, category_rows=rows
    )
    tables: list[pa.Table] = []
    quarantine: list[Quarantined] = []
    for table, refused in stream:
        tables.append(table)
        quarantine += refused
    if not stream.accepted:
        raise CatalogError(_why_refused(quarantine, len(plain)))
    catalog = Catalog(concatenated(tables), Path(root))
    return ReadResult(
        catalog=_with_own_images(catalog, images, quarantine),
        quarantine=quarantine,
        records=len(plain),
        format="records",
        notes=dict(stream.notes),
        reading=reading,
        settings=reading.settled(settings),
    )


def _all_names(records: Sequence[Values]) -> tuple[str, ...]:
    """The names of all columns, in the order in which they turn up."""
    return tuple(dict.fromkeys(name for record in records for name in record))


def _span(place: int) -> tuple[int, int, int]:
    """Line, offset and length of a record: its place is all it has."""
    return place + 1, place, 1


def _fault_of(record: Values) -> RecordError | None:
    """What a Python text may hold and a file may not."""
    # most records are texts and numbers, in which half a character would be beyond ASCII
    if all(map(_is_ascii, record.values())) and all(map(str.isascii, record)):
        return None
    try:
        json.dumps(record, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        found = "half of a surrogate pair stands alone in a text"
        return RecordError("half a character", f"{found}; expected characters that UTF-8 can hold")
    return None


def _is_ascii(value: Any) -> bool:
    """Whether the value is an ASCII text, a number or None."""
    if isinstance(value, str):
        return value.isascii()
    return value is None or isinstance(value, int | float)


def _plain_records(
    records: Sequence[Mapping[Any, Any]], columns: Mapping[str, str]
) -> tuple[Sequence[Values], list[OwnImage]]:
    """The records as a file would hold them, and of each the image that is not for the reader to check."""

    @lru_cache(maxsize=1024)
    def plan_for(names: tuple[str, ...]) -> Mapping[str, str]:
        return plan_columns(names, columns).ours

    plain: list[dict[str, Any]] = []
    images: list[OwnImage] = []
    for record in records:
        values = {str(name): value for name, value in record.items()}
        ours = plan_for(tuple(values))
        image = own_image(values.get(ours.get("image", "")))
        if image is not None:
            # the column stays, so that no other one is taken for it
            values[ours["image"]] = None
        images.append(image)
        if "categories" in ours:
            values[ours["categories"]] = _unordered_paths(values[ours["categories"]])
        try:
            held = {name: plain_value(value) for name, value in values.items()}
            plain.append(dict(plain_record(held)))
        except RecursionError:
            raise CatalogError(
                f"product {len(plain)} has a value that is nested too deeply; "
                "expected texts, numbers and lists"
            ) from None
    return plain, images


def _unordered_paths(value: Any) -> Any:
    """The names in a set as paths of their own: they are the levels of no path, as they have no order."""
    if not isinstance(value, set | frozenset):
        return value
    names = sorted(value, key=str)
    written = any(sign in str(name) for name in names for sign in LEVEL_SIGNS)
    # paths that are written as texts are cut by what the whole column says
    return names if written else [[name] for name in names]


def _ids_of(records: Sequence[Values], column: str, rules: Rules) -> list[Any]:
    """The products' ids; those without one are numbered by their place.

    What is no id stays as it is, and is refused with its record.
    """
    ids: list[Any] = [None] * len(records)
    for place, record in enumerate(records):
        value = record.get(column)
        if not is_missing(value):
            ids[place] = _id_or_itself(value, rules)
    taken = {value for value in ids if isinstance(value, str)}
    for place, known in enumerate(ids):
        if known is None:
            name = str(place)
            # an id of its own, also where others are numbers
            ids[place] = f"row {place}" if name in taken else name
    return ids


def _id_or_itself(value: Any, rules: Rules) -> Any:
    try:
        return read_id(value, rules)
    except ValueError:
        return value


def _why_refused(quarantine: Sequence[Quarantined], count: int) -> str:
    first = quarantine[0]
    return (
        f"{len(quarantine)} of {count} products cannot be used; "
        f"the first, number {first.line - 1}: {first.reason}"
    )


def _with_own_images(
    catalog: Catalog, images: Sequence[OwnImage], quarantine: Sequence[Quarantined]
) -> Catalog:
    """The products with the images that the program holds itself.

    Args:
        images: of all records; those of refused ones are left out.
    """
    # the line of a program's record is its place, from 1
    refused = {record.line - 1 for record in quarantine}
    accepted = [image for place, image in enumerate(images) if place not in refused]
    if all(image is None for image in accepted):
        return catalog
    merged: list[OwnImage] = []
    for own, name, source in zip(
        accepted, catalog.column("image"), catalog.image_sources(), strict=True
    ):
        read = source.read() if isinstance(source, EmbeddedImage) else name
        merged.append(read if own is None else own)
    return catalog.with_images(merged)
