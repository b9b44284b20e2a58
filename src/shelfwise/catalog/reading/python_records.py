"""Products given from Python go through the same checks as those of a file.

The same record gives the same product, whichever way it comes: cleaned, with the same column names,
categories and prices.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from shelfwise.catalog.reading.byte_stream import Block, RawRecord
from shelfwise.catalog.reading.column_mapping import plan_columns
from shelfwise.catalog.reading.file_detection import detect_reading
from shelfwise.catalog.reading.file_format import FileFormat, OpenedFile, ParsedBlock
from shelfwise.catalog.reading.reader import ReadResult
from shelfwise.catalog.reading.record_parsing import Record
from shelfwise.catalog.reading.stream import CheckedBlocks
from shelfwise.catalog.reading.value_parsing import Rules, is_missing, read_id
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Int64Array
from shelfwise.errors import CatalogError

Values = Mapping[str, Any]


@dataclass(frozen=True)
class PythonRecords(FileFormat):
    """Records in memory, as one block.

    Args:
        records: column name -> value of each.
    """

    records: Sequence[Values]

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
        """All records, as columns; what a record lacks is None."""
        names = dict.fromkeys(name for record in self.records for name in record)
        columns = {name: [record.get(name) for record in self.records] for name in names}
        count = len(self.records)
        spans = np.stack((np.arange(1, count + 1), np.arange(count), np.ones(count)), axis=1)
        return ParsedBlock(columns, spans.astype(np.int64))

    def record(self, block: Block, span: Int64Array) -> Record:
        """One record; its bytes are its values as JSON."""
        place = int(span[1])
        values = dict(self.records[place])
        raw = json.dumps(values, ensure_ascii=False, default=str).encode()
        return RawRecord(place + 1, place, raw), values


def read_records(
    records: Sequence[Values], settings: CatalogSettings | None = None, root: Path | str = "."
) -> ReadResult:
    """Check products given as mappings; those without an id are numbered from 0, and an id may come twice.

    Args:
        records: column name -> value. The line of a refused one is its place, from 1.
        root: the folder that image paths are relative to.

    Raises:
        CatalogError: not one of them can be accepted, or categories can be read in two ways.
    """
    settings = settings or CatalogSettings()
    plain = [{str(name): _plain(value) for name, value in record.items()} for record in records]
    names = tuple(dict.fromkeys(name for record in plain for name in record))
    column = plan_columns(names, settings.columns).ours.get("id", "id")
    ids = [_id_of(record.get(column), place) for place, record in enumerate(plain)]
    # the places stand in for the ids meanwhile: who predicts a list twice may give an id twice
    plain = [{**record, column: str(place)} for place, record in enumerate(plain)]
    source = OpenedFile("records", PythonRecords(plain), iter([Block(1, 0, b"")]))
    reading, source = detect_reading(source, settings, strict=False)
    stream = CheckedBlocks(source, settings.columns, reading)
    tables: list[pa.Table] = []
    quarantine = []
    for table, refused in stream:
        tables.append(table)
        quarantine += refused
    if not stream.accepted:
        first = quarantine[0].reason if quarantine else "there is none"
        raise CatalogError(f"none of the {len(plain)} products can be used; the first: {first}")
    table = pa.concat_tables(tables, promote_options="default").combine_chunks()
    accepted = [ids[int(place)] for place in table.column("id").to_pylist()]
    place = table.column_names.index("id")
    table = table.set_column(place, "id", pa.array(accepted, pa.string()))
    return ReadResult(
        catalog=Catalog(table, Path(root)),
        quarantine=quarantine,
        records=len(plain),
        format="records",
        notes=dict(stream.notes),
        reading=reading,
        settings=reading.settled(settings),
    )


def _id_of(value: Any, place: int) -> str:
    """The product's own id, or its place."""
    if is_missing(value):
        return str(place)
    try:
        return read_id(value, Rules())
    except ValueError as error:
        raise CatalogError(f"product {place}: the id is {value!r}; expected {error}") from None


def _plain(value: Any) -> Any:
    """A value as a file would hold it.

    Numpy's numbers and arrays, tuples, sets and pandas' NA as Python's own.
    """
    if hasattr(value, "tolist") and not isinstance(value, bytes):
        value = value.tolist()
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    # pandas' NA is neither true nor false, and equal to nothing
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value
