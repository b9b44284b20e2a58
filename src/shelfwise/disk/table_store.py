"""Tables that come one after the other: kept in memory while they are small, in a temporary file beyond that.

The file is mapped, so that its values are read from the disk where they are needed. It has no name: the
system removes it with the last table that reads it, however the process ends.
"""

from __future__ import annotations

import mmap
import tempfile
from contextlib import suppress
from typing import IO, Any
from weakref import WeakSet

import pyarrow as pa

from shelfwise.errors import StorageError

_mapped: WeakSet[mmap.mmap] = WeakSet()


class TableStore:
    """Tables below each other; a column that one of them lacks is null there.

    Args:
        limit: in bytes, of what is kept in memory.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._waiting: list[pa.Table] = []
        self._finished: list[pa.Table] = []
        self._file: IO[bytes] | None = None
        self._writer: Any = None
        self._schema: pa.Schema | None = None

    def add(self, table: pa.Table) -> None:
        """Add further rows.

        Raises:
            StorageError: the disk is full.
        """
        self._waiting.append(table)
        self._bytes += table.nbytes
        if self._bytes > self._limit:
            self._write_waiting()

    def tables(self) -> list[pa.Table]:
        """All rows in their order, in one table or several; nothing can be added after that.

        Raises:
            StorageError: the disk is full.
        """
        if self._writer is None:
            return self._waiting
        self._write_waiting()
        self._finish_file()
        return self._finished

    def _write_waiting(self) -> None:
        """Write what is in memory to the file."""
        try:
            for table in self._waiting:
                self._write(table)
        except OSError as error:
            raise StorageError(
                f"the catalogue does not fit in the folder for temporary files, {tempfile.gettempdir()} "
                f"({error}); free some space there, or set TMPDIR to a folder that has room"
            ) from error
        self._waiting = []
        # what Arrow keeps for later would count as memory in use
        pa.default_memory_pool().release_unused()

    def _write(self, table: pa.Table) -> None:
        if self._schema is None:
            self._schema = table.schema
        new = [field for field in table.schema if self._schema.get_field_index(field.name) < 0]
        if self._writer is None or new:
            # a file has the columns that it began with
            self._finish_file()
            for field in new:
                self._schema = self._schema.append(field)
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as its mapping
            self._writer = pa.ipc.new_file(self._file, self._schema)
        columns = []
        for field in self._schema:
            known = field.name in table.column_names
            nulls = pa.chunked_array([pa.nulls(table.num_rows, field.type)])
            columns.append(table.column(field.name) if known else nulls)
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def _finish_file(self) -> None:
        """Map what was written."""
        if self._file is None:
            return
        self._writer.close()
        self._file.flush()
        pages = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        # the mapping keeps the file
        self._file.close()
        self._file = None
        _mapped.add(pages)
        source = pa.BufferReader(pa.py_buffer(pages))
        self._finished.append(pa.ipc.open_file(source).read_all())


def release_pages() -> None:
    """Take the pages of all mapped tables out of this process's memory.

    They are read again where they are needed. Without this a process that has gone through a catalogue would
    seem to hold all of it.
    """
    # not every system knows the advice
    advice = getattr(mmap, "MADV_DONTNEED", None)
    if advice is None:
        return
    for pages in list(_mapped):
        with suppress(ValueError, OSError):
            pages.madvise(advice)
