"""Vectors that another program made of a product: sounds, videos, embeddings of any kind.

Dimensions: N products, K vectors that were found, D numbers of a vector, L labels.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from shelfwise.core.arrow_size import is_text, one_array
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, FieldInputs, Floats, RejectedField, Rows
from shelfwise.disk.files import arrow_path
from shelfwise.errors import CatalogError, ConfigError
from shelfwise.nn.mlp import ClassifierSettings
from shelfwise.nn.row_modality import RowModality

log = logging.getLogger(__name__)

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
LIST_PATTERN = rf"^\[{_NUMBER}(?:,{_NUMBER})*\]$"
"""A list of numbers as JSON, without blanks."""


class VectorSettings(ClassifierSettings):
    """Where the vectors are; paths are relative to the catalogue's folder."""

    source: str | None = Field(
        None,
        description="file with the vectors: an .npy file (products, numbers) with the ids in a .txt file of "
        "the same name, one a line; or a .parquet file with the columns id and the field's name; "
        "unset: the field is a column of the catalogue that holds lists of numbers",
    )


@dataclass(frozen=True)
class VectorInputs(FieldInputs):
    """The vectors of N products, (N, D), 0 where absent."""

    values: Floats

    def take(self, rows: Rows) -> VectorInputs:
        """The given rows, in that order."""
        return VectorInputs(self.present[rows], self.values[rows])


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


class Vector(RowModality):
    """One classifier of vectors that exist already: standardised, a hidden layer, a sigmoid a label."""

    Settings = VectorSettings
    settings: VectorSettings

    @property
    def standardised(self) -> bool:
        """Yes: vectors of other programs come in any scale."""
        return True

    def prepare(self, catalog: Catalog, context: Context) -> VectorInputs:
        """Find each product's vector; one that holds something else than D finite numbers is refused.

        A fitted model's catalogue may come without vectors: its products are then absent.

        Raises:
            CatalogError: the source is missing, not readable, or not shaped as it should be.
            ConfigError: the catalogue has no such column.
        """
        found = self._find(catalog)
        width = found.values.shape[1]
        fitted_width = self._fitted_width
        # without any vector the width is only a guess, and nothing depends on it
        if fitted_width is not None and len(found.values) and width != fitted_width:
            place = self.settings.source or f"the column {self.field!r}"
            raise CatalogError(
                f"{place}: the vectors have {width} numbers; the model was fitted on {fitted_width}"
            )
        present = found.rows >= 0
        values = np.zeros((len(catalog), width), np.float32)
        values[present] = found.values[found.rows[present]]
        # one number that is not finite would spoil the classifier for all products
        infinite = np.flatnonzero(~np.isfinite(values).all(axis=1))
        present[infinite] = False
        values[infinite] = 0
        reasons = dict(found.reasons)
        for row in infinite.tolist():
            reasons[row] = "the vector holds a number that is not finite"
        # the ids of a large catalogue take a while to unpack, so they are only where they are needed
        ids = catalog.ids if reasons else []
        refused = []
        for row, reason in sorted(reasons.items()):
            refused.append(RejectedField(ids[row], self.field, reason))
        return VectorInputs(present, values, refused=tuple(refused))

    def rows(self, inputs: VectorInputs) -> Floats:
        """The vectors (N, D) as they are."""
        return inputs.values

    def provenance(self) -> dict[str, Any]:
        """Where vectors are looked for, how long they are, and epochs."""
        classifier = self.classifier
        return {
            "source": self.settings.source,
            "dimensions": classifier.inputs,
            "epochs": classifier.epochs,
        }

    @property
    def _fitted_width(self) -> int | None:
        """D of the training vectors, or None before fitting."""
        return None if self._classifier is None else self._classifier.inputs

    def _find(self, catalog: Catalog) -> FoundVectors:
        """The vectors of the file or the column; none where a fitted model's catalogue has neither."""
        no_vectors = np.zeros((0, self._fitted_width or 0), np.float32)
        none = FoundVectors(no_vectors, np.full(len(catalog), -1), {})
        if self.settings.source is None:
            if self.field in catalog:
                return read_column(catalog, self.field, self._fitted_width)
            if self._classifier is not None:
                return none
            raise ConfigError(
                f"the catalogue has no column {self.field!r}; known: "
                f"{', '.join(catalog.columns)}; or set source to a file with vectors"
            )
        path = catalog.root / self.settings.source
        # a model goes on without its vectors, a training would have nothing to learn from
        if self._classifier is not None and not path.exists():
            log.warning("%s: there is no file %s, so no product has a vector", self.field, path)
            return none
        if path.suffix == ".npy":
            ids, values = read_npy(path)
        else:
            ids, values = read_parquet(path, self.field)
        # the file may have other products, and in another order
        places = pc.index_in(pa.array(catalog.ids), value_set=ids).fill_null(-1)
        rows = places.to_numpy(zero_copy_only=False).astype(np.int64)
        return FoundVectors(values, rows, {})


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
    is_list = pc.match_substring_regex(compact, LIST_PATTERN)
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
