"""What makes a fitted model an estimator of scikit-learn: its columns, its tags, and products it can read."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.exceptions
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from shelfwise.catalog.reading.product_sources import read_unlabelled_products
from shelfwise.catalog.reading.reader import ReadResult
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Floats
from shelfwise.errors import BundleError, NotFittedError
from shelfwise.features.vector_math import unit
from shelfwise.model.model import Model, require_members
from shelfwise.model.nearest_neighbours import Neighbours
from shelfwise.model.predictor import Predictor

log = logging.getLogger("shelfwise")

COLUMNS = "multi_hot_columns"
"""The fact of a model that was fitted on a multi-hot `y`: the labels of its columns."""


class _NotFittedError(NotFittedError, sklearn.exceptions.NotFittedError):  # type: ignore[misc]
    """Ours, and scikit-learn's too, which its tools wait for."""


class ModelEstimator(BaseEstimator):  # type: ignore[misc]
    """Holds a fitted model, and reads products by the rules that it was trained with.

    Attributes:
        preset, config, seed: the settings to train with; see :class:`~shelfwise.categorizer.Categorizer`.
        root: the folder that image paths are relative to, where products come from no file.
        classes_: (L,) label names; see :class:`~shelfwise.categorizer.Categorizer`.
        model_: the fitted model, or an exported one.
    """

    preset: str | None
    config: Path | str | Mapping[str, Any] | None
    seed: int | None
    root: Path | str

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect: dictionaries in place of numbers, and several labels a product."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.dict = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        # categories may stand with the products
        tags.target_tags.required = False
        return tags

    def _use(self, model: Predictor) -> None:
        """Become fitted; trailing underscores are scikit-learn's mark of what fitting leaves."""
        self.model_ = model
        names = model.labels.names
        columns = model.facts.get(COLUMNS, names)
        # labels that were renamed since stand in no column of the former y
        if not set(names) <= set(columns):
            columns = names
        self.classes_ = np.array(columns, dtype=object)

    def _model(self) -> Predictor:
        if not hasattr(self, "model_"):
            raise _NotFittedError(
                "this Categorizer is not fitted yet; call fit, or Categorizer.load(folder)"
            )
        return self.model_

    def _model_with_index(self) -> tuple[Model, Neighbours]:
        model = require_members(self._model(), "find similar products")
        if model.nearest_neighbours is None:
            # models of the first versions kept none
            raise BundleError("this model has no index of similar products; train it again")
        return model, model.nearest_neighbours

    def _read(self, X: Any) -> ReadResult:
        """The products to predict on, and the records that are none."""
        model = self._model()
        reading = read_unlabelled_products(X, model.config.catalog, self.root)
        # what is a catalogue already comes from our own code, which tells it for each product
        if not isinstance(X, Catalog) and not _has_any(reading.catalog, model.fields):
            log.warning(
                "no product has a value in what the model reads (%s); the columns given are %s",
                ", ".join(model.fields),
                ", ".join(reading.catalog.table.column_names),
            )
        return reading

    def _scores(self, catalog: Catalog) -> Floats:
        """Scores (N, labels of the model)."""
        model = self._model()
        return np.asarray(model.scores(model.predict_members(catalog, self._context())))

    def _decisions(self, catalog: Catalog) -> Bools:
        """Decisions (N, labels of the model)."""
        return np.asarray(self._model().decide(self._scores(catalog)))

    def _in_columns(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values (N, labels of the model) in the columns of ``classes_``."""
        place = {name: column for column, name in enumerate(self.classes_)}
        wide = np.zeros((len(values), len(place)), values.dtype)
        wide[:, [place[name] for name in self._model().labels.names]] = values
        return wide

    def _vectors(self, model: Model, catalog: Catalog) -> Floats:
        """The members' features side by side, (N, D)."""
        # each member counts alike, however long its vectors are
        predicted = model.predict_members(catalog, self._context())
        parts = [unit(part) for part in predicted.features.values()]
        return np.concatenate(parts, axis=1)

    def _settings(self) -> Config:
        """The preset, the changes given to the constructor, and its seed, each over the one before."""
        changes = {} if self.seed is None else {"seed": self.seed}
        return Config.load(self.preset, self.config, changes)

    def _context(self) -> Context:
        return Context(seed=self._model().config.seed)


def _has_any(catalog: Catalog, fields: Iterable[str]) -> bool:
    """Whether any product has a value in any of the fields."""
    table = catalog.table
    present = [table.column(name) for name in fields if name in table.column_names]
    return any(column.null_count < len(column) for column in present)
