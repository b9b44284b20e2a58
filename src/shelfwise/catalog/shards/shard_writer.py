"""Products written as Parquet files of bounded size, one after the other; each appears when it is whole."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.disk.files import arrow_path, temporary_name
from shelfwise.disk.folders import sync

SHARDS = "products-[0-9][0-9][0-9][0-9][0-9].parquet"
"""The Parquet files of a folder."""

# worth a dictionary: their values recur
_COLUMNS_WITH_REPEATS = ["brand", "categories.list.element.list.element"]

# worth statistics: readers compare their values
_COLUMNS_WITH_ORDER = ["id", "price", "brand"]


class ShardWriter:
    """Writes the shards of a folder.

    Args:
        folder: where they stand.
        rows: products from which on a file is full.
        size: bytes in memory from which on it is full, too.
        paths: files that are there already.
    """

    def __init__(
        self, folder: Path, rows: int, size: int | None = None, paths: list[Path] | None = None
    ) -> None:
        self.paths = list(paths or ())
        self._folder = folder
        self._limits = (rows, size)
        self._unfinished = folder
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0
        self._bytes = 0

    @property
    def is_open(self) -> bool:
        """Whether a file is begun."""
        return self._writer is not None

    @property
    def is_full(self) -> bool:
        """Whether the open file has all the products that one should have."""
        rows, size = self._limits
        return self.is_open and (self._rows >= rows or (size is not None and self._bytes >= size))

    def lacks_columns_of(self, table: pa.Table) -> bool:
        """Whether the table has a column that the open file has not."""
        if self._writer is None:
            return False
        return not set(table.column_names) <= set(self._writer.schema.names)

    def write(self, table: pa.Table) -> None:
        """Append products; a column that the open file has not begins a new one, as a full one does."""
        if not table.num_rows:
            return
        if self.is_full or self.lacks_columns_of(table):
            self.close()
        if self._writer is None:
            # its columns are those that have turned up by now
            self._writer = self._new_file(table.schema)
        names = self._writer.schema.names
        # a shard has its columns in every row
        for name in names:
            if name not in table.column_names:
                kind = self._writer.schema.field(name).type
                table = table.append_column(name, pa.nulls(table.num_rows, kind))
        self._writer.write_table(table.select(names))
        self._rows += table.num_rows
        self._bytes += table.nbytes

    def close(self) -> None:
        """Finish the open file: from now on it is there."""
        if self._writer is None:
            return
        self._writer.close()
        # the name must not reach the disk before the data
        sync(self._unfinished)
        self._unfinished.rename(self.paths[-1])
        self._writer = None

    def abandon(self) -> None:
        """Leave nothing of a file that could not be finished; does nothing after :meth:`close`."""
        # on a full disk the end of the file cannot be written either
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()
        # it may be there though not even its beginning could be written
        if self._unfinished != self._folder:
            self._unfinished.unlink(missing_ok=True)

    def _new_file(self, schema: pa.Schema) -> pq.ParquetWriter:
        path = self._folder / f"products-{len(self.paths):05}.parquet"
        self.paths.append(path)
        self._rows = 0
        self._bytes = 0
        # under its own name a shard is whole
        self._unfinished = temporary_name(path)
        return pq.ParquetWriter(
            arrow_path(self._unfinished),
            schema,
            use_dictionary=_COLUMNS_WITH_REPEATS,
            write_statistics=_COLUMNS_WITH_ORDER,
        )
