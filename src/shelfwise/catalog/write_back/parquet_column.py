"""The column of categories in a Parquet file changed; all other columns, the schema and its layout kept."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shelfwise.catalog.reading.record_parsing import first_line
from shelfwise.catalog.write_back.category_column import CategoryColumn
from shelfwise.errors import CatalogError

_NEW_TYPE = pa.list_(pa.list_(pa.string()))
"""Of a column of categories in a file without one: a list of paths."""

_DICTIONARY = frozenset({"PLAIN_DICTIONARY", "RLE_DICTIONARY"})


def rewrite_parquet(path: Path, place: CategoryColumn) -> bytes:
    """The bytes of a file with other categories.

    Kept are the schema with its metadata, the row groups, and of each column compression and dictionary.

    Raises:
        CatalogError: the column holds more than texts, or the file is laid out as Arrow does not write.
    """
    try:
        return _rewritten(path, place)
    except (pa.ArrowException, TypeError) as error:
        reason = first_line(error)
        raise CatalogError(f"Arrow cannot write it with these categories ({reason})") from None


def _rewritten(path: Path, place: CategoryColumn) -> bytes:
    written = io.BytesIO()
    with pq.ParquetFile(path) as file:
        schema = _schema(file.schema_arrow, place.column)
        with pq.ParquetWriter(written, schema, **_layout(file, schema)) as writer:
            for number in range(file.num_row_groups):
                group = file.read_row_group(number)
                new = _changed(group, schema, place)
                writer.write_table(new, row_group_size=max(1, len(new)))
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


def _schema(old: pa.Schema, column: str) -> pa.Schema:
    """The schema with a column of categories.

    Raises:
        CatalogError: there is one of a type that is not written back.
    """
    if column not in old.names:
        return old.append(pa.field(column, _NEW_TYPE))
    kind = old.field(column).type
    if not _is_of_texts(kind):
        raise CatalogError(
            f"its column {column} is of the type {kind}, which holds more than texts"
        )
    return old


def _is_of_texts(kind: pa.DataType) -> bool:
    """Whether a type holds texts, or lists of texts of any depth."""
    if pa.types.is_dictionary(kind):
        return bool(
            pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)
        )
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_of_texts(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


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


def _changed(group: pa.Table, schema: pa.Schema, place: CategoryColumn) -> pa.Table:
    """A row group with other categories."""
    field = schema.field(place.column)
    is_new = place.column not in group.schema.names
    old = [None] * len(group) if is_new else group.column(place.column).to_pylist()
    is_text = not pa.types.is_nested(field.type)
    values = []
    for identity, paths in zip(group.column(place.identity).to_pylist(), old, strict=True):
        given = "" if is_text and paths is None else paths
        new = place.change(identity, given)
        # a text that was missing is not made an empty one
        values.append(paths if new == given else new)
    column = pa.array(values, field.type)
    if is_new:
        return group.append_column(field, column)
    return group.set_column(group.schema.get_field_index(place.column), field, column)
