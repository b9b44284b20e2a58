"""Parquet, a batch of rows at once. Rows have no bytes of their own: the row number is the line, and the values as JSON the raw bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shelfwise.catalog.reading.blocks import ParsedBlock, raw_json
from shelfwise.catalog.reading.byte_stream import Block, RawRecord, RecordError
from shelfwise.catalog.reading.record_parsing import Record, first_line
from shelfwise.errors import CatalogError

_BATCH_ROWS = 8192


def parquet_blocks(path: Path, advance: Callable[[int], None]) -> Iterator[Block]:
    """The rows of a file, some thousands at a time.

    Raises:
        CatalogError: it cannot be read.
    """
    try:
        with pq.ParquetFile(path) as file:
            total, row, seen = path.stat().st_size, 0, 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                yield Block(row + 1, -1, batch)
                row += batch.num_rows
                reached = total * row // max(file.metadata.num_rows, 1)
                advance(reached - seen)
                seen = reached
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(
            f"{path} cannot be read as Parquet ({first_line(error)}); write it again"
        ) from None


class ParquetFormat:
    """Rows of a Parquet file."""

    def take_apart(self, block: Block) -> ParsedBlock:
        """Columns of strings as they are, all others as Python values; rows one by one where there are bytes or broken texts."""
        batch: pa.RecordBatch = block.data
        rows = np.arange(batch.num_rows)
        spans = np.stack((block.line + rows, np.full_like(rows, -1), np.zeros_like(rows)), axis=1)
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid:
            return ParsedBlock({}, spans[:0], [self.record(block, span) for span in spans])
        if "binary" in str(batch.schema):
            return ParsedBlock({}, spans[:0], [self.record(block, span) for span in spans])
        columns = {
            name: c if pa.types.is_string(c.type) else c.to_pylist()
            for name, c in zip(batch.schema.names, batch.columns, strict=True)
        }
        return ParsedBlock(columns, spans)

    def record(self, block: Block, span: NDArray[np.int64]) -> Record:
        """One row, read exactly."""
        try:
            (values,) = block.data.slice(int(span[0]) - block.line, 1).to_pylist()
        except UnicodeDecodeError:
            return RawRecord(int(span[0]), -1, b""), RecordError(
                "not UTF-8", "the row holds bytes that are not UTF-8; expected text in UTF-8"
            )
        return RawRecord(int(span[0]), -1, raw_json(values)), values
