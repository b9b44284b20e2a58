"""A catalogue in memory: one column a field, one row a product."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shelfwise.errors import CatalogError

T = TypeVar("T")

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("image", pa.string()),
        ("categories", pa.list_(pa.list_(pa.string()))),
        ("price", pa.float64()),
        ("brand", pa.string()),
        ("related", pa.map_(pa.string(), pa.list_(pa.string()))),
    ]
)
"""The columns every catalogue has; a source's further columns follow them. Any value but the id may be null."""


@dataclass(frozen=True)
class Catalog:
    """N products as an Arrow table.

    Args:
        table: at least the columns of :data:`SCHEMA`.
        root: the folder that image paths are relative to.
        source: what the catalogue was read from, for messages and reports.
    """

    table: pa.Table
    root: Path
    source: str = ""

    @classmethod
    def from_records(
        cls, records: Iterable[Mapping[str, Any]], root: Path | str = ".", source: str = ""
    ) -> Catalog:
        """Build a catalogue from dictionaries whose keys are column names; absent keys become null.

        Further columns become text, as they do when a file is read: texts as they are, anything else as JSON.
        """
        records = list(records)
        further = dict.fromkeys(name for record in records for name in record if name not in SCHEMA.names)
        rows = [{name: record.get(name) for name in SCHEMA.names} for record in records]
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        for name in further:
            table = table.append_column(
                str(name), pa.array([_as_text(record.get(name)) for record in records], pa.string())
            )
        return cls(table, Path(root), source)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def ids(self) -> list[str]:
        """The N product ids."""
        return self.column("id")

    def column(self, name: str) -> list[Any]:
        """One column as N Python values, None where the product has none."""
        return list(self.table.column(name).to_pylist())

    def __contains__(self, name: str) -> bool:
        return name in self.table.column_names

    def has_value(self, name: str) -> NDArray[np.bool_]:
        """Which products have something in a column, neither null nor an empty text or list: (N,).

        None has where there is no such column.
        """
        if name not in self:
            return np.zeros(len(self), dtype=bool)
        column = self.table.column(name)
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            lengths = pc.utf8_length(column)
        elif pa.types.is_map(kind):
            # Arrow counts the entries of lists, but not those of maps
            entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
            lengths = pc.list_value_length(column.cast(pa.list_(entry)))
        elif pa.types.is_list(kind):
            lengths = pc.list_value_length(column)
        else:
            return np.asarray(column.is_valid(), dtype=bool)
        return np.asarray(pc.fill_null(pc.greater(lengths, 0), False), dtype=bool)

    def memoize(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` makes of these products; asked for `key` again, this catalogue answers from memory as long as it lives.

        So a text is cleaned once, whoever reads it. A copy of the catalogue (``dataclasses.replace``) remembers nothing.
        """
        if key not in self._known:
            self._known[key] = compute()
        known: T = self._known[key]
        return known

    @cached_property
    def _known(self) -> dict[Hashable, Any]:
        return {}

    def image_paths(self) -> list[Path | None]:
        """N absolute picture paths, None where the product names none; whether the file is there is not checked."""
        return [None if name is None else self.root / name for name in self.column("image")]

    def take(self, rows: Iterable[int] | np.ndarray[Any, Any]) -> Catalog:
        """The given products, in that order."""
        return Catalog(self.table.take(pa.array(np.asarray(rows, dtype=np.int64))), self.root, self.source)

    def with_categories(self, categories: Sequence[Sequence[Sequence[str]]]) -> Catalog:
        """The same products with other category paths, N lists of paths.

        Raises:
            CatalogError: there is not one entry a product.
        """
        if len(categories) != len(self):
            raise CatalogError(
                f"there are {len(self)} products but categories for {len(categories)}; give one entry a product"
            )
        place = self.table.column_names.index("categories")
        column = pa.array(categories, SCHEMA.field("categories").type)
        return Catalog(self.table.set_column(place, "categories", column), self.root, self.source)

    def fingerprint(self) -> str:
        """A sha256 over every value of every column, in order: same products, same fingerprint."""
        digest = hashlib.sha256()
        for name in sorted(self.table.column_names):
            digest.update(name.encode())
            digest.update(repr(self.table.column(name).to_pylist()).encode())
        return digest.hexdigest()


def _as_text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return (
        value
        if isinstance(value, str)
        else json.dumps(
            value, ensure_ascii=False, default=lambda v: v.tolist() if hasattr(v, "tolist") else str(v)
        )
    )
