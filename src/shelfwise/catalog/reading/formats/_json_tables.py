"""The records of a table in JSON: columns, rows or lists, as pandas and spreadsheets write them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.formats._header import knows_names
from shelfwise.catalog.reading.formats._json_shape import Layout
from shelfwise.errors import CatalogError

_EXAMPLE = 'frame.to_json("products.json", orient="records")'


def records_of_table(
    table: Any, layout: Layout, columns: Mapping[str, str], path: Path
) -> Iterator[Any]:
    """The rows as objects; what is no row comes as it is, to be refused by itself.

    Args:
        table: as `layout` says; of lists the list itself.
        columns: our field name -> the source's column name, where the settings name it.

    Raises:
        CatalogError: the columns have no names.
    """
    if layout is Layout.COLUMNS and isinstance(table, Mapping):
        return _of_columns(table, columns)
    if layout is Layout.SPLIT and isinstance(table, Mapping):
        return _of_split(table, columns, path)
    if layout is Layout.LISTS and isinstance(table, list):
        return _of_lists(table, columns, path)
    if isinstance(table, Mapping):
        return _of_rows(table)
    # a value of another kind behind the table
    return iter([table])


def largest_table(database: Any, columns: Mapping[str, str]) -> tuple[str, list[Any], list[str]]:
    """Of the tables that phpMyAdmin writes, the one that looks most like products.

    Returns:
        Its name, its rows, and the names of the others.
    """
    entries = database if isinstance(database, list) else []
    tables = {
        str(entry.get("name")): entry["data"]
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("data"), list) and entry["data"]
    }

    def likeness(name: str) -> tuple[int, int]:
        row = tables[name][0]
        names = tuple(row) if isinstance(row, Mapping) else ()
        return len(plan_columns(names, columns).ours), len(tables[name])

    # the most known columns, and of equals the most rows
    best = max(tables, key=likeness, default="")
    return best, tables.get(best, []), [name for name in tables if name != best]


def _of_rows(table: Mapping[str, Any]) -> Iterator[Any]:
    for row, values in table.items():
        # the key is what pandas calls the index
        yield {"index": row, **values} if isinstance(values, Mapping) else values


def _of_columns(table: Mapping[str, Any], columns: Mapping[str, str]) -> Iterator[Any]:
    rows = dict.fromkeys(row for column in table.values() for row in column)
    needs_index = _lacks_id(tuple(table), columns)
    for row in rows:
        index = {"index": row} if needs_index else {}
        yield index | {name: column[row] for name, column in table.items() if row in column}


def _of_split(table: Mapping[str, Any], columns: Mapping[str, str], path: Path) -> Iterator[Any]:
    names = _checked_names(table["columns"], path)
    rows = table.get("data", [])
    index = table.get("index", [])
    needs_index = _lacks_id(names, columns) and len(index) == len(rows)
    for place, row in enumerate(rows):
        # given as it is, so that it is refused with its place
        if not isinstance(row, list) or len(row) != len(names):
            yield row
            continue
        record = dict(zip(names, row, strict=True))
        yield {"index": index[place], **record} if needs_index else record


def _of_lists(table: list[Any], columns: Mapping[str, str], path: Path) -> Iterator[Any]:
    names: tuple[str, ...] = ()
    if table and isinstance(table[0], list):
        header = [cell.strip() if isinstance(cell, str) else "" for cell in table[0]]
        if all(header) and knows_names(header, columns.values()):
            names = _checked_names(header, path)
    if not names:
        raise CatalogError(
            f"{path} is a list of lists, so its columns have no names, as pandas writes with "
            f'orient="values"; write the names, too: {_EXAMPLE}'
        )
    for row in table[1:]:
        # spreadsheets leave out the empty cells at the end of a row
        fits = isinstance(row, list) and len(row) <= len(names)
        yield dict(zip(names, row, strict=False)) if fits else row


def _lacks_id(names: Sequence[str], columns: Mapping[str, str]) -> bool:
    """Whether columns of ours are there, but none is the id: then what pandas calls the index may be."""
    ours = plan_columns(tuple(names), columns).ours
    return bool(ours) and "id" not in ours


def _checked_names(names: Any, path: Path) -> tuple[str, ...]:
    """The names of the columns.

    Raises:
        CatalogError: they are no texts or numbers, or one stands twice.
    """
    if not isinstance(names, list) or not all(
        isinstance(name, str | int | float) for name in names
    ):
        raise CatalogError(
            f"the columns of {path} have names on several levels; write one name a column, with pandas: "
            'frame.columns = frame.columns.map("_".join)'
        )
    texts = tuple(map(str, names))
    repeated = sorted(name for name, count in Counter(texts).items() if count > 1)
    if repeated:
        shown = ", ".join(map(repr, repeated))
        raise CatalogError(f"{path} names {shown} more than once; give every column its own name")
    return texts
