"""Vectors that another program made of a product: sounds, videos, embeddings of any kind.

Dimensions: N products, D numbers of a vector.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, FieldInputs, Floats, RejectedField, Rows
from shelfwise.errors import CatalogError, ConfigError
from shelfwise.features.stored_vectors import FoundVectors, read_column, read_npy, read_parquet
from shelfwise.nn.mlp import ClassifierSettings
from shelfwise.nn.row_modality import RowModality

log = logging.getLogger(__name__)


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
