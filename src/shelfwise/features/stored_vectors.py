"""Vectors that another program made, read from a file (.npy or Parquet) or from a column of the catalogue.

Dimensions: N products, K vectors that were found, D numbers of a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shelfwise.core.arrow_size import is_text, one_array
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Floats, Rows
from shelfwise.disk.files import arrow_path
from shelfwise.errors import CatalogError, ConfigError

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_LIST_PATTERN = rf"^\[{_NUMBER}(?:,{_NUMBER})*\]$"
"""A list of numbers as JSON, without blanks."""


@dataclass(frozen=True)
class FoundVectors:
    """Vectors as they were found.

    Args:
        values: (K, D).
        rows: (N,) each product's row in `values`, -1 for none.
        reasons: by product, why what was there is not a vector.
    """

    values: Floats
    rows: Rows
    reasons: dict[int, str]


def read_npy(path: Path) -> tuple[pa.Array, NDArray[Any]]:
    """The ids (K,) and the vectors (K, D) of `path` and the .txt file beside it, read from disk on use.

    Raises:
        CatalogError: a file is missing, is no array of numbers, or the two do not agree.
    """
    ids_path = path.with_suffix(".txt")
    for file in (path, ids_path):
        if not file.is_file():
            raise CatalogError(
                f"there is no file {file}; expected vectors in {path.name} and their ids in {ids_path.name}, "
                "one a line"
            )
    try:
        # mapped into memory: a file may be much larger than the catalogue that is read
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        ids = [line.strip() for line in ids_path.read_text("utf-8").splitlines()]
    except (ValueError, OSError) as error:
        raise CatalogError(
            f"{path} or {ids_path.name} cannot be read: {error}; "
            f"expected an array saved by numpy.save, and UTF-8 text"
        ) from None
    # looked at before any value is read: the file is mapped
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise CatalogError(
            f"{path} holds {values.dtype} of shape {values.shape}; "
            f"expected numbers of shape (products, dimensions)"
        )
    if len(ids) != len(values):
        raise CatalogError(
            f"{path} has the shape {values.shape} but {ids_path.name} has {len(ids)} ids; "
            f"expected {len(values)}, one a line"
        )
    return pa.array(ids, pa.string()), values


def read_parquet(path: Path, field: str) -> tuple[pa.Array, Floats]:
    """The ids (K,) and the vectors (K, D) of a Parquet file with the columns ``id`` and `field`.

    Rows without a vector are left out.

    Raises:
        CatalogError: the file is missing, is no Parquet file, or has other columns or vectors of different
            lengths.
    """
    try:
        names = pq.read_schema(arrow_path(path)).names
        if not {"id", field} <= set(names):
            raise CatalogError(
                f"{path} has the columns {', '.join(names)}; expected id and {field}, a list of numbers"
            )
        table = pq.read_table(arrow_path(path), columns=["id", field])
    except FileNotFoundError:
        raise CatalogError(
            f"there is no file {path}; expected an .npy file with its ids in a .txt file, or a .parquet file"
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(
            f"{path} cannot be read as Parquet: {error}; expected an .npy or a .parquet file"
        ) from None
    # a null has no length, and is no vector
    table = table.filter(pc.is_valid(table[field]))
    lists = table[field].combine_chunks()
    if not _is_list(lists.type):
        raise CatalogError(
            f"{path}: the column {field} holds {lists.type}; expected lists of numbers"
        )
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    if len(set(lengths)) > 1:
        raise CatalogError(
            f"{path}: the vectors in {field} have {lengths.min()} to {lengths.max()} numbers; expected "
            "equally many"
        )
    width = int(lengths[0]) if len(lengths) else 0
    ids = table["id"].cast(pa.string()).combine_chunks()
    return ids, _stacked(lists, width)


def read_column(catalog: Catalog, field: str, dimensions: int | None) -> FoundVectors:
    """The vectors of a column, as lists or as JSON text.

    Args:
        dimensions: D, or None for the length that most of them have.

    Raises:
        ConfigError: the column holds neither.
    """
    column = one_array(catalog.table.column(field))
    filled = column.is_valid().to_numpy(zero_copy_only=False)
    if is_text(column.type):
        column = _parsed_lists(column)
    elif not _is_list(column.type):
        raise ConfigError(
            f"the column {field!r} holds {column.type}; expected lists of numbers, or such lists as JSON text"
        )
    # -1 stands for what is no list at all
    lengths = pc.list_value_length(column).fill_null(-1).to_numpy(zero_copy_only=False)
    nonempty = lengths[lengths > 0]
    commonest = int(np.bincount(nonempty).argmax()) if len(nonempty) else 0
    # before fitting the majority decides, so that a few broken lists do not stop the training
    width = dimensions or commonest
    good = (lengths == width) & (lengths > 0)
    reasons: dict[int, str] = {}
    for row in np.flatnonzero(filled & ~good).tolist():
        found = "something else" if lengths[row] < 0 else f"one of {lengths[row]}"
        reasons[row] = f"expected a list of {width} numbers, found {found}"
    good_rows = np.flatnonzero(good)
    rows = np.full(len(catalog), -1)
    rows[good_rows] = np.arange(len(good_rows))
    lists = column.take(pa.array(good_rows))
    return FoundVectors(_stacked(lists, width), rows, reasons)


def _parsed_lists(texts: pa.Array) -> pa.Array:
    """JSON texts as lists of the texts of their numbers; null where a text is no list of numbers."""
    compact = pc.replace_substring_regex(texts, r"\s", "")
    # a cast to numbers would stop at the first text that is no list, so these become null before
    is_list = pc.match_substring_regex(compact, _LIST_PATTERN)
    compact = pc.if_else(is_list, compact, None)
    inner = pc.utf8_trim(compact, "[]")
    return pc.split_pattern(inner, ",")


def _is_list(kind: pa.DataType) -> bool:
    """Whether a column of this type holds lists of numbers."""
    types = pa.types
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return False
    return bool(types.is_floating(kind.value_type) or types.is_integer(kind.value_type))


def _stacked(lists: pa.Array, width: int) -> Floats:
    """Lists of `width` numbers each, as (K, width); a number that is missing is NaN."""
    numbers = pc.list_flatten(lists).cast(pa.float64())
    flat = np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)
    with np.errstate(over="ignore"):  # too large a number becomes infinite, and is refused as such
        single = flat.astype(np.float32)
    return single.reshape(len(lists), width)
