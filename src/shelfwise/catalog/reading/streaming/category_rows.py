"""Rows that add categories to a product above them, as tables joined of products and categories have.

Such a table has a row for each pair of a product and a category, and may be sorted by either. So a file with
such rows is read twice: once to find them, and once with their categories added to the product's first row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from shelfwise.catalog.reading.arrow import one_chunk
from shelfwise.catalog.reading.streaming.repeated_rows import RepeatedRows
from shelfwise.core.types import Bools, Int64Array
from shelfwise.errors import CatalogError, ReadingStoppedError

Path = tuple[str, ...]
Paths = tuple[Path, ...]

_MISSING = 0
"""Stands for the hash of a value that is missing."""

_NO_LINES = np.empty(0, np.int64)
_NOTHING_SAID = np.empty((0, 3), np.int64)


class ProductStream(Protocol):
    """The part of a stream that is read to find the rows.

    Attributes:
        lines: (N,) where each product of the last batch stands.
        repeated: the rows of the last batch that repeat an id; None where there are none.
    """

    lines: Int64Array
    repeated: RepeatedRows | None

    def __iter__(self) -> Iterator[tuple[pa.Table, Any]]:
        """Products and refused records, a batch at a time."""
        ...


@dataclass(frozen=True)
class CategoryRows:
    """The rows of a file that add categories.

    Args:
        lines: (R,) where they stand, rising.
        paths: by id, the categories of these rows, in the order of the file.
    """

    lines: Int64Array
    paths: Mapping[str, list[Paths]]

    def are_at(self, lines: Int64Array) -> Bools:
        """Which of the rows at these (N,) lines add categories."""
        are: Bools = np.isin(lines, self.lines)
        return are

    def added_to(self, products: pa.Table) -> pa.Table:
        """The products, the first rows with their ids, with the categories of these rows behind their own."""
        ids = one_chunk(products.column("id")).to_pylist()
        rows = [row for row, identifier in enumerate(ids) if identifier in self.paths]
        if not rows:
            return products
        place = products.column_names.index("categories")
        values = products.column(place).to_pylist()
        for row in rows:
            further = [path for paths in self.paths[ids[row]] for path in paths]
            # several rows may add the same, and a dictionary keeps the order
            values[row] = list(dict.fromkeys([*map(tuple, values[row] or ()), *further]))
        column = pa.array(values, products.schema.field("categories").type)
        return products.set_column(place, "categories", column)


def find_category_rows(stream: ProductStream) -> CategoryRows:
    """Read a stream to its end.

    A row adds its categories to the first one with its id if it has the same title and description, or none,
    and other categories. Else it is the same product again, or another version of it.
    """
    # of products: where they stand, and what they say
    lines, said = [_NO_LINES], [_NOTHING_SAID]
    # of rows that repeat an id: where they and their products stand, what they say, and their categories
    own_lines, first_lines, own_said = [_NO_LINES], [_NO_LINES], [_NOTHING_SAID]
    ids: list[str] = []
    paths: list[Paths] = []
    # most rows share their categories with others, and are to share the memory as well
    shared: dict[Paths, Paths] = {}
    for table in _products_before_damage(stream):
        lines.append(stream.lines)
        said.append(_hashes(table))
        if stream.repeated is None:
            continue
        rows = stream.repeated.table
        own_lines.append(stream.repeated.spans[:, 0])
        first_lines.append(stream.repeated.first_lines)
        own_said.append(_hashes(rows))
        ids += rows.column("id").to_pylist()
        for value in rows.column("categories").to_pylist():
            found = tuple(map(tuple, value or ()))
            paths.append(shared.setdefault(found, found))
    places = np.searchsorted(np.concatenate(lines), np.concatenate(first_lines))
    adds = _adds(np.concatenate(own_said), np.concatenate(said)[places])
    by_id: dict[str, list[Paths]] = {}
    for row in np.flatnonzero(adds).tolist():
        by_id.setdefault(ids[row], []).append(paths[row])
    return CategoryRows(np.concatenate(own_lines)[adds], by_id)


def _products_before_damage(stream: ProductStream) -> Iterator[pa.Table]:
    """The products of each batch; the second reading meets the same damage, and tells of it."""
    try:
        for table, _ in stream:
            yield table
    except ReadingStoppedError:
        raise
    except CatalogError:
        return


def _adds(own: Int64Array, first: Int64Array) -> Bools:
    """Which rows add categories; (R, 3) hashes of what they say, and of what their products do."""
    same = (own == first) | (own == _MISSING)
    has_same_texts = same[:, :2].all(axis=1)
    has_other_categories = (own[:, 2] != _MISSING) & ~same[:, 2]
    adds: Bools = has_same_texts & has_other_categories
    return adds


def _hashes(rows: pa.Table) -> Int64Array:
    """(N, 3) of title, description and categories.

    They are Python's own, which differ between processes, and are compared within one.
    """
    columns = (rows.column(name).to_pylist() for name in ("title", "description", "categories"))
    hashed = [[hash(str(value)) if value else _MISSING for value in column] for column in columns]
    return np.array(hashed, np.int64).T
