"""Columns of categories in a Parquet file changed; all other columns, the schema and its layout kept."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.catalog.reading.record_parsing import first_line
from shelfwise.catalog.write_back.changed_columns import ChangedColumns
from shelfwise.disk.files import arrow_path
from shelfwise.errors import CatalogError

_NEW_TYPE = pa.list_(pa.list_(pa.string()))
"""Of a column of categories in a file without one: a list of paths."""

_DICTIONARY = frozenset({"PLAIN_DICTIONARY", "RLE_DICTIONARY"})


def rewrite_parquet(path: Path, place: ChangedColumns) -> bytes:
    """The bytes of a file with other categories.

    Kept are the schema with its metadata, the row groups, and of each column compression and dictionary.

    Raises:
        CatalogError: a column cannot hold the new values, or not its old ones a second time, or the file is
            laid out as Arrow does not write.
    """
    try:
        return _rewritten(path, place)
    except (pa.ArrowException, TypeError) as error:
        reason = first_line(error)
        raise CatalogError(f"Arrow cannot write it with these categories ({reason})") from None


def _rewritten(path: Path, place: ChangedColumns) -> bytes:
    written = io.BytesIO()
    with pq.ParquetFile(arrow_path(path)) as file:
        schema = file.schema_arrow
        for name in place.names:
            if name not in schema.names:
                schema = schema.append(pa.field(name, _NEW_TYPE))
        rows = 0
        with pq.ParquetWriter(written, schema, **_layout(file, schema)) as writer:
            # a group at a time, so that the file keeps the groups it had
            for number in range(file.num_row_groups):
                group = file.read_row_group(number)
                new = _changed(group, schema, place, rows)
                rows += len(group)
                writer.write_table(new, row_group_size=max(1, len(new)))
        # what was written is read again before anybody gets it
        _check(file, pq.ParquetFile(written))
    return written.getvalue()


def _check(old: pq.ParquetFile, new: pq.ParquetFile) -> None:
    """Look whether the columns lie in the file as before.

    Raises:
        CatalogError: they do not.
    """
    codecs = _codecs(old)
    kept = {name: value for name, value in _codecs(new).items() if name in codecs}
    same_types = all(
        new.schema.column(i).equals(old.schema.column(i)) for i in range(len(old.schema))
    )
    # a column that is new comes last
    if kept != codecs or not same_types:
        raise CatalogError("its columns are laid out in a way that Arrow does not write")


def _codecs(file: pq.ParquetFile) -> dict[str, str]:
    """Column -> how it is compressed."""
    facts = file.metadata
    if not facts.num_row_groups:
        return {}
    columns = [facts.row_group(0).column(number) for number in range(facts.num_columns)]
    return {column.path_in_schema: column.compression for column in columns}


def _layout(file: pq.ParquetFile, schema: pa.Schema) -> dict[str, Any]:
    """How the columns of a file are written, in the words of the writer."""
    facts = file.metadata
    group = facts.row_group(0)
    columns = [group.column(number) for number in range(facts.num_columns)]
    codecs = _codecs(file)
    # a column that is new is written as the first one is
    default = columns[0].compression
    for name in schema.names:
        if not any(path.split(".")[0] == name for path in codecs):
            codecs[f"{name}.list.element.list.element"] = default
    return {
        # the writer has another word for none than the file
        "compression": {n: "NONE" if c == "UNCOMPRESSED" else c for n, c in codecs.items()},
        "use_dictionary": [
            one.path_in_schema for one in columns if _DICTIONARY & set(one.encodings)
        ],
        "version": facts.format_version,
        # what Arrow has noted of its types is kept only where it stood
        "store_schema": b"ARROW:schema" in (facts.metadata or {}),
        # what items of lists are called has changed with the years
        "use_compliant_nested_type": not any(path.endswith(".item") for path in codecs),
        "use_deprecated_int96_timestamps": any(one.physical_type == "INT96" for one in columns),
    }


def _changed(
    group: pa.Table, schema: pa.Schema, place: ChangedColumns, rows_before: int
) -> pa.Table:
    """A row group with other categories.

    Args:
        rows_before: rows of the file above the group.
    """
    identities = group.column(place.identity).to_pylist()
    values = [_values(group, schema.field(name)) for name in place.names]
    # of a column without any value, the type alone tells that it holds texts
    is_text = len(values) == 1 and not pa.types.is_nested(schema.field(place.names[0]).type)
    for row, identity in enumerate(identities):
        old = [column[row] for column in values]
        if is_text and old == [None]:
            old = [""]
        changed = place.changes(identity, rows_before + row + 1, old)
        for name, column in zip(place.names, values, strict=True):
            if name in changed:
                column[row] = changed[name]
    for name, column in zip(place.names, values, strict=True):
        field = schema.field(name)
        written = pa.array(column, field.type)
        if name in group.schema.names:
            group = group.set_column(group.schema.get_field_index(name), field, written)
        else:
            group = group.append_column(field, written)
    return group


def _values(group: pa.Table, field: pa.Field) -> list[Any]:
    """The values of a column as Python has them.

    Raises:
        CatalogError: these do not make the same column again.
    """
    if field.name not in group.schema.names:
        return [None] * len(group)
    column = group.column(field.name)
    values: list[Any] = column.to_pylist()
    if not pa.chunked_array([pa.array(values, field.type)]).equals(column):
        raise CatalogError(f"its column {field.name} cannot be written again as it is")
    return values
