"""Vectors that another program made of a product: sounds, videos, embeddings of any kind, each through its own encoder."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Bools, Context, Examples, FieldInputs, Floats, RejectedField, Rows, State
from shelfwise.errors import CatalogError, ConfigError, NotFittedError
from shelfwise.nn.mlp import ClassifierSettings, RowClassifier

log = logging.getLogger(__name__)

_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_LIST = rf"^\[{_NUMBER}(?:,{_NUMBER})*\]$"


class VectorSettings(ClassifierSettings):
    """Where the vectors are. Paths are relative to the catalogue's folder, so that another catalogue brings its own file."""

    source: str | None = Field(
        None,
        description="an .npy file (N, D) with the N ids in a .txt file of the same name, one a line; or a .parquet file with the columns "
        "id and the field's name; unset: the field is a column of the catalogue with a list of numbers a product",
    )


@dataclass(frozen=True)
class Vectors(FieldInputs):
    """The vectors of N products, (N, D), 0 where absent."""

    values: Floats

    def take(self, rows: Rows) -> Vectors:
        """The given rows, in that order."""
        return Vectors(self.present[rows], self.values[rows])


@dataclass(frozen=True)
class FoundVectors:
    """Vectors as they were found.

    Args:
        values: (K, D).
        rows: (N,) each product's row in `values`, -1 for none.
        wrong: reasons, by product, why what was there is not a vector.
    """

    values: Floats
    rows: Rows
    wrong: dict[int, str]


class Vector(Modality):
    """One classifier of vectors that are there already: standardised, a hidden layer, a sigmoid a label."""

    Settings = VectorSettings
    settings: VectorSettings

    _model: RowClassifier | None = None

    def prepare(self, catalog: Catalog, context: Context) -> Vectors:
        """Find each product's vector; one that holds something else than D finite numbers is refused.

        A fitted model's catalogue may come without vectors: its products are then absent.

        Raises:
            CatalogError: the source is not there, not readable, or not shaped as it should be.
            ConfigError: the catalogue has no such column.
        """
        found = self._find(catalog)
        if self._model is not None and len(found.values) and found.values.shape[1] != self._model.inputs:
            place = self.settings.source or f"the column {self.field!r}"
            raise CatalogError(
                f"{place}: the vectors have {found.values.shape[1]} numbers; the model was fitted on {self._model.inputs}"
            )
        present = found.rows >= 0
        values = np.zeros((len(catalog), found.values.shape[1]), np.float32)
        values[present] = found.values[found.rows[present]]
        broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
        present[broken], values[broken] = False, 0
        wrong = {
            **found.wrong,
            **dict.fromkeys(broken.tolist(), "the vector holds a number that is not finite"),
        }
        ids = catalog.ids if wrong else []
        return Vectors(
            present,
            values,
            refused=tuple(
                RejectedField(ids[row], self.field, reason) for row, reason in sorted(wrong.items())
            ),
        )

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn the classifier."""
        watched = None if validation is None else (validation.inputs.values, validation.targets)
        learnt = (train.inputs.values, train.targets)
        self._model = RowClassifier.fit(learnt, watched, self.settings, context, self.field, standardise=True)
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, D)."""
        return self._fitted().predict(inputs.values)

    def state(self) -> State:
        """The classifier; the vectors stay where they are."""
        return State(self._fitted().arrays(), {"epochs": self._fitted().epochs})

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        self._model = RowClassifier.restore(state.arrays, self.settings, state.facts["epochs"])
        return self

    def provenance(self) -> dict[str, Any]:
        """Where vectors are looked for, how long they are, and epochs."""
        return {
            "source": self.settings.source,
            "dimensions": self._fitted().inputs,
            "epochs": self._fitted().epochs,
        }

    def _find(self, catalog: Catalog) -> FoundVectors:
        nothing = FoundVectors(
            np.zeros((0, self._model.inputs if self._model else 0), np.float32), np.full(len(catalog), -1), {}
        )
        if self.settings.source is None:
            if self.field in catalog:
                return read_column(catalog, self.field, None if self._model is None else self._model.inputs)
            if self._model is not None:
                return nothing
            raise ConfigError(
                f"the catalogue has no column {self.field!r}; known: {', '.join(catalog.table.column_names)}; or set source"
            )
        path = catalog.root / self.settings.source
        if self._model is not None and not path.exists():
            log.warning("%s: there is no file %s, so no product has a vector", self.field, path)
            return nothing
        ids, values = read_npy(path) if path.suffix == ".npy" else read_parquet(path, self.field)
        place = pc.index_in(pa.array(catalog.ids), value_set=ids).fill_null(-1)
        return FoundVectors(values, place.to_numpy(zero_copy_only=False).astype(np.int64), {})

    def _fitted(self) -> RowClassifier:
        if self._model is None:
            raise NotFittedError(
                f"the vector classifier of {self.field!r} is not fitted; call fit or restore first"
            )
        return self._model


def read_npy(path: Path) -> tuple[pa.Array, NDArray[Any]]:
    """The ids (K,) and the vectors (K, D) of `path` and the .txt file beside it; the vectors stay on disk until asked for.

    Raises:
        CatalogError: a file is missing, is no array of numbers, or the two do not agree.
    """
    beside = path.with_suffix(".txt")
    for file in (path, beside):
        if not file.is_file():
            raise CatalogError(
                f"there is no file {file}; expected vectors in {path.name} and their ids in {beside.name}, one a line"
            )
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        ids = [line.strip() for line in beside.read_text("utf-8").splitlines()]
    except (ValueError, OSError) as error:
        raise CatalogError(
            f"{path} or {beside.name} cannot be read: {error}; expected an array saved by numpy.save, and UTF-8 text"
        ) from None
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise CatalogError(
            f"{path} holds {values.dtype} of shape {values.shape}; expected numbers of shape (products, dimensions)"
        )
    if len(ids) != len(values):
        raise CatalogError(
            f"{path} has the shape {values.shape} but {beside.name} has {len(ids)} ids; expected {len(values)}, one a line"
        )
    return pa.array(ids, pa.string()), values


def read_parquet(path: Path, field: str) -> tuple[pa.Array, Floats]:
    """The ids (K,) and the vectors (K, D) of a Parquet file with the columns ``id`` and `field`; rows without a vector are left out.

    Raises:
        CatalogError: the file is missing, is no Parquet file, or has other columns or vectors of different lengths.
    """
    try:
        names = pq.read_schema(path).names
        if not {"id", field} <= set(names):
            raise CatalogError(
                f"{path} has the columns {', '.join(names)}; expected id and {field}, a list of numbers"
            )
        table = pq.read_table(path, columns=["id", field])
    except FileNotFoundError:
        raise CatalogError(
            f"there is no file {path}; expected an .npy file with its ids in a .txt file, or a .parquet file"
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(
            f"{path} cannot be read as Parquet: {error}; expected an .npy or a .parquet file"
        ) from None
    table = table.filter(pc.is_valid(table[field]))
    lists = table[field].combine_chunks()
    if not _is_list(lists.type):
        raise CatalogError(f"{path}: the column {field} holds {lists.type}; expected lists of numbers")
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    if len(set(lengths)) > 1:
        raise CatalogError(
            f"{path}: the vectors in {field} have {lengths.min()} to {lengths.max()} numbers; expected equally many"
        )
    return table["id"].cast(pa.string()).combine_chunks(), _stacked(
        lists, int(lengths[0]) if len(lengths) else 0
    )


def read_column(catalog: Catalog, field: str, dimensions: int | None) -> FoundVectors:
    """The vectors of a column, as lists or as JSON text; `dimensions` unset: as long as most of them are.

    Raises:
        ConfigError: the column holds neither.
    """
    column = catalog.table.column(field).combine_chunks()
    there: Bools = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_string(column.type):
        text = pc.replace_substring_regex(column, r"\s", "")
        text = pc.if_else(pc.match_substring_regex(text, _LIST), text, None)
        column = pc.split_pattern(pc.utf8_trim(text, "[]"), ",")
    elif not _is_list(column.type):
        raise ConfigError(
            f"the column {field!r} holds {column.type}; expected lists of numbers, or such lists as JSON text"
        )
    lengths = pc.list_value_length(column).fill_null(-1).to_numpy(zero_copy_only=False)
    known = lengths[lengths > 0]
    size = dimensions or (int(np.bincount(known).argmax()) if len(known) else 0)
    good = np.flatnonzero((lengths == size) & (lengths > 0))
    wrong = {
        row: f"expected a list of {size} numbers, found "
        + ("something else" if lengths[row] < 0 else f"one of {lengths[row]}")
        for row in np.flatnonzero(there & ((lengths != size) | (lengths <= 0))).tolist()
    }
    rows = np.full(len(catalog), -1)
    rows[good] = np.arange(len(good))
    return FoundVectors(_stacked(column.take(pa.array(good)), size), rows, wrong)


def _is_list(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _stacked(lists: pa.Array, size: int) -> Floats:
    """Lists of `size` numbers each, as (K, size); a number that is missing is NaN."""
    flat = pc.list_flatten(lists).cast(pa.float64()).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):  # too large a number becomes infinite, and is refused as such
        return np.asarray(flat, np.float64).astype(np.float32).reshape(len(lists), size)
