"""A catalogue in memory: one column a field, one row a product."""

from __future__ import annotations

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

from shelfwise.core.arrow_size import is_text, take_rows
from shelfwise.core.fingerprint import fingerprint
from shelfwise.core.image_sources import (
    IMAGE_BYTES,
    IMAGE_ROOT,
    EmbeddedImage,
    ImageFile,
    ImageSource,
    image_columns,
    path_or_content,
)
from shelfwise.core.lazy_column import LazyColumn
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
"""The columns every catalogue has; further ones follow them. Any value but the id may be null."""


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

        An image is a path, or the bytes of an image file. Further columns become text, as they do when a file
        is read: texts as they are, anything else as JSON.

        Raises:
            CatalogError: a value is of the wrong type.
        """
        records = list(records)
        rows = []
        # a dictionary keeps the order in which columns first occur
        further: dict[str, None] = {}
        for record in records:
            rows.append({name: _known_value(name, record.get(name)) for name in SCHEMA.names})
            further |= dict.fromkeys(name for name in record if name not in SCHEMA.names)
        # paths and bytes go to columns of their own
        images = [row.pop("image") for row in rows]
        try:
            table = pa.Table.from_pylist(rows, schema=SCHEMA)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            expected = ", ".join(f"{column.name}: {column.type}" for column in SCHEMA)
            raise CatalogError(
                f"a product has a value of the wrong type: {error}; expected {expected}"
            ) from None
        for name in further:
            texts = [_as_text(record.get(name)) for record in records]
            table = table.append_column(str(name), pa.array(texts, pa.string()))
        return cls(table, Path(root), source).with_images(images)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        # contents and folders of images are no columns of the source
        ours = (IMAGE_BYTES, IMAGE_ROOT)
        return [name for name in self.table.column_names if name not in ours]

    @property
    def ids(self) -> list[str]:
        """The N product ids, in a list that is made anew at each call."""
        return self.column("id")

    def column(self, name: str) -> list[Any]:
        """One column as N Python values, None where the product has none."""
        values: list[Any] = self.table.column(name).to_pylist()
        return values

    def lazy_column(self, name: str) -> LazyColumn:
        """As :meth:`column`, for whoever goes through it once: the values are made some at a time."""
        return LazyColumn(self.table.column(name))

    def value(self, name: str, row: int) -> Any:
        """The Python value of one product in a column, None where it has none; no others are made."""
        return self.table.column(name)[int(row)].as_py()

    def has_value(self, name: str) -> NDArray[np.bool_]:
        """Which products have something in a column, neither null nor an empty text or list: (N,).

        None has where there is no such column.
        """
        if name not in self:
            return np.zeros(len(self), dtype=bool)
        column = self.table.column(name)
        if column.null_count == len(column):
            return np.zeros(len(self), dtype=bool)
        kind = column.type
        if is_text(kind):
            # in bytes: letters cannot be counted without reading every text
            lengths = pc.binary_length(column)
        elif pa.types.is_map(kind):
            # Arrow counts the entries of lists, but not those of maps
            entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
            lengths = pc.list_value_length(column.cast(pa.list_(entry)))
        elif pa.types.is_list(kind):
            lengths = pc.list_value_length(column)
        else:
            # a number has no length: whatever is not null is a value
            return np.asarray(column.is_valid(), dtype=bool)
        # the length of null is null
        return np.asarray(pc.fill_null(pc.greater(lengths, 0), False), dtype=bool)

    def memoize(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` makes of these products, computed once a `key`.

        So a text is cleaned once, whoever reads it. A copy of the catalogue (``dataclasses.replace``)
        remembers nothing.
        """
        if key not in self._memory:
            self._memory[key] = compute()
        known: T = self._memory[key]
        return known

    @cached_property
    def _memory(self) -> dict[Hashable, Any]:
        return {}

    def image_sources(self, field: str = "image") -> list[ImageSource | None]:
        """N images as files or as bytes, None where the product has none.

        Whether there is such a file, or whether bytes are an image, is not checked.
        """
        sources: list[ImageSource | None] = []
        joined = IMAGE_ROOT in self.table.column_names
        roots = self.column(IMAGE_ROOT) if joined else [self.root] * len(self)
        for name, root in zip(self.column(field), roots, strict=True):
            if name is None:
                sources.append(None)
            elif field == "image" and Path(name).is_absolute():
                # only Python code can name it: what is read from a file or a request is relative
                sources.append(Path(name))
            else:
                sources.append(ImageFile(Path(root), name))
        if field == "image" and IMAGE_BYTES in self.table.column_names:
            for row, content in enumerate(self.table.column(IMAGE_BYTES)):
                # a source may happen to have a text column of that name
                if content.is_valid and content.type == pa.large_binary():
                    sources[row] = EmbeddedImage(content.as_buffer())
        return sources

    def take(self, rows: Iterable[int] | np.ndarray[Any, Any]) -> Catalog:
        """The given products, in that order."""
        chosen = np.asarray(rows, dtype=np.int64)
        return Catalog(take_rows(self.table, chosen), self.root, self.source)

    def with_images(self, images: Sequence[str | bytes | None]) -> Catalog:
        """The same products with other images: N paths, contents of image files, or None."""
        table = self.table
        # those of the former images
        if IMAGE_BYTES in table.column_names:
            table = table.drop_columns([IMAGE_BYTES])
        for name, column in image_columns(images).items():
            if name in table.column_names:
                table = table.set_column(table.column_names.index(name), name, column)
            else:
                table = table.append_column(name, column)
        return Catalog(table, self.root, self.source)

    def with_categories(self, categories: Sequence[Sequence[Sequence[str]]]) -> Catalog:
        """The same products with other category paths, N lists of paths.

        Raises:
            CatalogError: there is not one entry a product.
        """
        if len(categories) != len(self):
            counts = f"there are {len(self)} products but categories for {len(categories)}"
            raise CatalogError(f"{counts}; give one entry a product")
        place = self.table.column_names.index("categories")
        column = pa.array(categories, SCHEMA.field("categories").type)
        return Catalog(self.table.set_column(place, "categories", column), self.root, self.source)

    def fingerprint(self) -> str:
        """A sha256 over every value of every column, in order: same products, same fingerprint."""
        return fingerprint(self.table)


def _known_value(name: str, value: Any) -> Any:
    """The value of one of our own columns as Arrow takes it."""
    if _is_nan(value):
        # a table of pandas has no other way to leave a text out
        return None
    # a table of pandas counts its rows with numbers
    if name == "id" and isinstance(value, int):
        return str(value)
    if name == "image":
        return path_or_content(value)
    return value


def _as_text(value: Any) -> str | None:
    """The value of a further column: text as it is, anything else as JSON."""
    if value is None or _is_nan(value):
        return None
    return (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain)
    )


def _plain(value: Any) -> Any:
    """Arrays as lists; what JSON does not know, as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
