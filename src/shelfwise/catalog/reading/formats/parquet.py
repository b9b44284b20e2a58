"""Parquet, a batch of rows at once.

Rows have no bytes of their own: the row number is the line, and the values as JSON are the raw bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shelfwise.catalog.reading.arrow import Column
from shelfwise.catalog.reading.byte_stream import Block, RawRecord, RecordError, as_spans
from shelfwise.catalog.reading.file_format import BY_NAME, CERTAIN, FileFormat, ParsedBlock
from shelfwise.catalog.reading.formats._class_labels import class_names, with_class_names
from shelfwise.catalog.reading.objects.envelopes import plain_record
from shelfwise.catalog.reading.record_parsing import Record, first_line, raw_json
from shelfwise.config import CatalogSettings
from shelfwise.core.image_sources import IMAGE_BYTES
from shelfwise.core.types import Int64Array
from shelfwise.disk.files import arrow_path
from shelfwise.errors import CatalogError

_MAGIC = b"PAR1"
_CANNOT_BE_HELD = (OverflowError, ValueError)
"""What Python raises for times of other millenniums and the like."""

_OUT_OF_RANGE = "<value out of range"
"""What Arrow writes in place of a time that no calendar has."""

_BATCH_ROWS = 8192
_BATCH_BYTES = 16 << 20


class Parquet(FileFormat):
    """Rows of a Parquet file."""

    suffixes: ClassVar[Mapping[str, float]] = {".parquet": BY_NAME, ".pq": BY_NAME}

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """Every Parquet file begins with the same four bytes."""
        if start.startswith(_MAGIC):
            return CERTAIN
        return 0.0

    @classmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """The rows of a file, some thousands at a time; errors come while they are read."""
        return cls(), _batches(path, advance)

    def take_apart(self, block: Block) -> ParsedBlock:
        """Columns of strings as they are, all others as Python values.

        Rows are read one by one where there are bytes or broken texts.
        """
        batch: pa.RecordBatch = block.data
        rows = np.arange(batch.num_rows)
        no_offset = np.full_like(rows, -1)
        no_bytes = np.zeros_like(rows)
        spans = as_spans(block.line + rows, no_offset, no_bytes)
        # bytes may be nested in lists, too
        if not _is_valid(batch) or "binary" in str(batch.schema) or self._is_wrapped(block):
            records = [self.record(block, span) for span in spans]
            return ParsedBlock({}, spans[:0], records)
        columns: dict[str, Column] = {}
        try:
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                # texts stay with Arrow, which checks them faster than Python
                columns[name] = column if pa.types.is_string(column.type) else _values(column)
        except _CANNOT_BE_HELD:
            return ParsedBlock({}, spans[:0], [self.record(block, span) for span in spans])
        return ParsedBlock(columns, spans)

    def _is_wrapped(self, block: Block) -> bool:
        """Whether rows stand in envelopes, or hold texts in several languages; the first one tells."""
        schema = block.data.schema
        if not block.data.num_rows or not any(kind in str(schema) for kind in ("struct<", "map<")):
            return False
        _, values = self.record(block, np.array([block.line, -1, 0]))
        return isinstance(values, Mapping) and values.keys() != set(schema.names)

    def record(self, block: Block, span: Int64Array) -> Record:
        """One row, read exactly."""
        row = int(span[0])
        # alone, so that one bad value costs its own row
        only_row = block.data.slice(row - block.line, 1)
        values = {}
        try:
            for name, column in zip(only_row.schema.names, only_row.columns, strict=True):
                (values[name],) = _values(column)
        except UnicodeDecodeError:
            reason = "the row holds bytes that are not UTF-8; expected text in UTF-8"
            return RawRecord(row, -1, b""), RecordError("not UTF-8", reason)
        except _CANNOT_BE_HELD as error:
            reason = f"the column {name!r} holds a value that cannot be used ({error})"
            return RawRecord(row, -1, b""), RecordError("unusable value", reason)
        # a file that shelfwise wrote
        embedded = values.pop(IMAGE_BYTES, None)
        if embedded is not None:
            values["image"] = embedded
        return RawRecord(row, -1, raw_json(values)), plain_record(values)


def batch_rows(file: pq.FileMetaData) -> int:
    """Rows of a file that are read at once: fewer where they are large, as with embedded images."""
    groups = [file.row_group(number) for number in range(file.num_row_groups)]
    # of the group with the largest rows
    row_bytes = max((one.total_byte_size / max(one.num_rows, 1) for one in groups), default=0)
    return max(1, min(_BATCH_ROWS, int(_BATCH_BYTES / max(row_bytes, 1))))


def _batches(path: Path, advance: Callable[[int], None]) -> Iterator[Block]:
    """The rows of a file.

    Raises:
        CatalogError: it cannot be read.
    """
    try:
        # buffered ahead, all that was read would stay in memory until the end
        with pq.ParquetFile(arrow_path(path), pre_buffer=False) as file:
            _check_names(file.schema_arrow.names, path)
            size = path.stat().st_size
            classes = class_names(file.schema_arrow)
            row = 0
            seen = 0
            for batch in file.iter_batches(batch_size=batch_rows(file.metadata)):
                yield Block(row + 1, -1, with_class_names(batch, classes))
                row += batch.num_rows
                # Arrow does not say how far in the file it is; as far in its bytes as in its rows, about
                reached = size * row // max(file.metadata.num_rows, 1)
                advance(reached - seen)
                seen = reached
    except (pa.ArrowException, OSError) as error:
        reason = first_line(error)
        raise CatalogError(f"{path} cannot be read as Parquet ({reason}); write it again") from None


def _check_names(names: Sequence[str], path: Path) -> None:
    """Refuse columns of one name: only one of them would be read.

    Raises:
        CatalogError: there are some.
    """
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise CatalogError(
            f"{path} has several columns called {repeated[0]!r}; give every column its own name"
        )


def _values(column: pa.Array) -> list[Any]:
    """Python values as JSON has them: times are texts, and maps are objects."""
    if pa.types.is_temporal(column.type):
        # as Python would hold them, nanoseconds and far ones end in errors
        written = column.cast(pa.string())
        if pc.any(pc.starts_with(written, _OUT_OF_RANGE)).as_py():
            raise ValueError("a time out of range")
        texts = pc.replace_substring_regex(written, r"\.0+($|[Z+-])", r"\1")
        return list(pc.replace_substring(texts, " ", "T", max_replacements=1).to_pylist())
    values = column.to_pylist()
    return list(map(_with_objects, values)) if "map<" in str(column.type) else list(values)


def _with_objects(value: Any) -> Any:
    """A value whose maps, which Arrow gives as lists of pairs, are objects.

    Raises:
        ValueError: a map has a key twice.
    """
    if isinstance(value, dict):
        return {name: _with_objects(one) for name, one in value.items()}
    if not isinstance(value, list):
        return value
    if not value or not isinstance(value[0], tuple):
        return list(map(_with_objects, value))
    found = {key: _with_objects(one) for key, one in value}
    if len(found) < len(value):
        raise ValueError("a map has a key twice")
    return found


def _is_valid(batch: pa.RecordBatch) -> bool:
    """Whether all texts of the batch are UTF-8."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
