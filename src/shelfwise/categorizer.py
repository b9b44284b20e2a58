"""The facade: one estimator with few verbs, after scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from shelfwise import aliases
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.config import CatalogSettings, Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Floats, Rows
from shelfwise.errors import BundleError, CatalogError, ConfigError, LabelError, NotFittedError
from shelfwise.explain.explanation import explain_products
from shelfwise.export.loading import open_model
from shelfwise.features.vector_math import unit
from shelfwise.model.bundle import save_bundle
from shelfwise.model.model import require_members
from shelfwise.model.nearest_neighbours import Neighbours
from shelfwise.model.predictor import MemberPredictions, Predictor
from shelfwise.training.fit import fit_catalog


class Categorizer(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Puts products on all of their right categories.

    `X` is a catalogue file, a :class:`~shelfwise.core.catalog.Catalog`, a DataFrame, or an iterable of dictionaries with any of
    the keys id, title, description, image, categories, price, brand, related.

    Args:
        preset: "recommended", "paper" or "authors_code".
        config: a TOML file, or a mapping of settings laid over the preset.
        seed: of every random choice; None takes the preset's.
        root: the folder that image paths are relative to, where `X` is not a file.

    Attributes:
        classes_: (L,) label names, sorted.
        model_: the fitted :class:`~shelfwise.model.model.Model`.
    """

    def __init__(
        self,
        preset: str = "recommended",
        config: Path | str | Mapping[str, Any] | None = None,
        seed: int | None = None,
        root: Path | str = ".",
    ) -> None:
        self.preset = preset
        self.config = config
        self.seed = seed
        self.root = root

    def fit(self, X: Any, y: Sequence[Iterable[str]] | None = None, context: Context | None = None) -> Self:
        """Learn from products whose categories are in `X`, or given as `y`: N collections of label names.

        Raises:
            ShelfwiseError: the catalogue or its categories leave nothing to learn from.
        """
        settings = self._settings()
        catalog = as_catalog(X, settings.catalog, self.root)
        if y is not None:
            catalog = catalog.with_categories([[[name] for name in names] for names in y])
        self._become(fit_catalog(catalog, settings, context or Context(seed=settings.seed)))
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Scores (N, L) in [0, 1], one column a label of ``classes_``."""
        return self._scores(X)[1]

    def predict(self, X: Any) -> Bools:
        """Decisions (N, L) by the model's threshold or rule, without contradicting its taxonomy."""
        return self._model().decide(self.predict_proba(X))

    def categorize(self, X: Any) -> list[list[str]]:
        """N lists of label names: what :meth:`predict` decides, as words."""
        return self._model().labels.decode(self.predict(X))

    def novelty(self, X: Any) -> Floats:
        """The novelty score of each of N products, (N,) from 0 to 1: near 1 for a product unlike anything in training.

        It is the share of known products that are less unusual; see :mod:`shelfwise.novelty.detector`.

        Raises:
            ConfigError: the model learnt from too few products to tell.
        """
        model = self._model()
        if model.novelty is None:
            require_members(model, "tell what is novel")
            raise ConfigError(
                "this model has no novelty detector (fewer than 20 training products, or an older version); retrain it"
            )
        catalog, context = as_catalog(X, model.config.catalog, self.root), Context(seed=model.config.seed)
        return np.asarray(
            1
            - model.novelty.p_values(catalog, model.scores(model.predict_members(catalog, context)), context),
            np.float32,
        )

    def outside(self, X: Any) -> Floats:
        """The old name of :meth:`novelty`."""
        aliases.note("Categorizer.outside", "Categorizer.novelty")
        return self.novelty(X)

    def explain(self, X: Any, evidence: bool = False) -> list[dict[str, dict[str, Any]]]:
        """Why each decided label was given: what every member said, and how much each contributed.

        Contributions are exact Shapley values over the members (2 ** M fusions): they sum to the fused score.

        Args:
            evidence: look, too, for the words and the part of the picture that carried the label, and for the training
                products it was learnt from. Takes one more prediction a word, and 37 a picture.

        Returns:
            N mappings: label -> {"score", "members": {member: probability}, "contributions": {member: value}, "words",
            "picture", "near"}; see :class:`~shelfwise.explain.explanation.Reason`.

        Raises:
            BundleError: the model is an exported one, which has no members to explain by.
        """
        model = require_members(self._model(), "explain labels")
        catalog = as_catalog(X, model.config.catalog, self.root)
        explained = explain_products(model, catalog, Context(seed=model.config.seed), evidence=evidence)
        return [
            {label: reason.to_dict() for label, reason in product.reasons.items()} for product in explained
        ]

    def embed(self, X: Any) -> Floats:
        """Product vectors (N, D): the members' penultimate features, each scaled to length 1 (0 where absent), side by side.

        D is the same for every `X`, whatever fields its products have.

        Raises:
            BundleError: the model is an exported one.
        """
        require_members(self._model(), "embed products")
        return np.concatenate([unit(features) for features in self._features(X).values()], axis=1)

    def similar(self, X: Any, k: int = 10) -> list[list[dict[str, Any]]]:
        """The k training products most like each of N products, most similar first; none for a product without any field.

        Returns:
            N lists of {"id", "title", "similarity", "labels"}; similarity is the mean cosine over the fields that the
            product has, in [-1, 1]. See :mod:`shelfwise.model.nearest_neighbours`.

        Raises:
            PluginError: faiss is not installed.
            BundleError: the model was saved by a version that kept no index.
        """
        return self._described(*self._index().nearest(self._features(X), k))

    def similar_to(self, name: str, k: int = 10) -> list[dict[str, Any]]:
        """The k training products most like the training product with the id `name`, itself left out; else as :meth:`similar`.

        Raises:
            CatalogError: there was no such product.
        """
        return self._described(*self._index().nearest_to(name, k))[0]

    def save(self, folder: Path | str) -> None:
        """Write the bundle, whole or not at all."""
        save_bundle(self._model().bundle(), Path(folder))

    @classmethod
    def load(cls, folder: Path | str) -> Categorizer:
        """The categorizer saved in `folder`, after its files were verified; of an exported model one that predicts, and no more.

        Raises:
            BundleError: no model there, or a file that was changed since it was saved.
        """
        model = open_model(Path(folder))
        return cls(preset=model.config.preset, config=model.config.dump())._become(model)

    def _settings(self) -> Config:
        changes = {} if self.seed is None else {"seed": self.seed}
        if isinstance(self.config, Mapping):
            return Config.load(self.preset, changes={**self.config, **changes})
        return Config.load(self.preset, self.config, changes)

    def _become(self, model: Predictor) -> Self:
        self.model_ = model
        self.classes_ = np.array(model.labels.names, dtype=object)
        return self

    def _model(self) -> Predictor:
        if not hasattr(self, "model_"):
            raise NotFittedError("this Categorizer is not fitted yet; call fit, or Categorizer.load(folder)")
        return self.model_

    def _features(self, X: Any) -> dict[str, Floats]:
        return {name: prediction.features for name, prediction in self._scores(X)[0].predictions.items()}

    def _index(self) -> Neighbours:
        index = require_members(self._model(), "find similar products").nearest_neighbours
        if index is None:
            raise BundleError("this model has no index of similar products; train it again")
        return index

    def _described(self, similarities: Floats, rows: Rows) -> list[list[dict[str, Any]]]:
        index, names = self._index(), self._model().labels.names

        def described(similarity: float, row: int) -> dict[str, Any]:
            labels = [names[i] for i in index.labels_of(row)]
            return {
                "id": index.ids[row],
                "title": index.titles[row],
                "similarity": similarity,
                "labels": labels,
            }

        answers = zip(similarities.tolist(), rows.tolist(), strict=True)
        return [[described(s, row) for s, row in zip(*near, strict=True) if row >= 0] for near in answers]

    def _scores(self, X: Any) -> tuple[MemberPredictions, Floats]:
        model = self._model()
        answers = model.predict_members(
            as_catalog(X, model.config.catalog, self.root), Context(seed=model.config.seed)
        )
        return answers, model.scores(answers)


def as_catalog(products: Any, settings: CatalogSettings, root: Path | str = ".") -> Catalog:
    """A catalogue from a file, a DataFrame or dictionaries; products without an id are numbered.

    Raises:
        CatalogError: `products` is none of these.
    """
    if isinstance(products, Catalog):
        return products
    if isinstance(products, str | Path):
        return read_catalog(Path(products), settings).catalog
    records = products.to_dict("records") if hasattr(products, "to_dict") else list(products)
    if not all(isinstance(record, Mapping) for record in records):
        raise CatalogError(
            "products must be a catalogue file, a DataFrame or dictionaries, e.g. [{'title': 'Mug with a handle'}]"
        )
    if not records:
        raise LabelError("there is no product; give at least one")
    return Catalog.from_records(({"id": str(i), **record} for i, record in enumerate(records)), root)
