"""The facade: one estimator with few verbs, after scikit-learn's conventions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from shelfwise import aliases
from shelfwise.catalog.reading.python_records import read_records
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.config import CatalogSettings, Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Floats, Rows
from shelfwise.errors import BundleError, CatalogError, LabelError, NotFittedError
from shelfwise.explain.explanation import explain_products
from shelfwise.export.loading import open_model
from shelfwise.features.vector_math import unit
from shelfwise.model.bundle import save_bundle
from shelfwise.model.decision import Decision, label, novelty_detector
from shelfwise.model.model import Model, require_members
from shelfwise.model.nearest_neighbours import Neighbours
from shelfwise.model.predictor import MemberPredictions, Predictor
from shelfwise.training.fit import fit_catalog

log = logging.getLogger("shelfwise")

_EXAMPLE = "[{'title': 'Mug with a handle'}]"


class Categorizer(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Puts products on all of their right categories.

    `X` is a catalogue file, a :class:`~shelfwise.core.catalog.Catalog`, a DataFrame, or an iterable of
    dictionaries with any of the keys id, title, description, image, categories, price, brand, related. An
    image is a path, or the bytes of an image file.

    Args:
        preset: "recommended", "paper" or "authors_code".
        config: a TOML file, or a mapping of settings laid over the preset.
        seed: of every random choice; None takes the preset's.
        root: the folder that image paths are relative to, where `X` is not a file.

    Attributes:
        classes_: (L,) label names, sorted.
        model_: the fitted :class:`~shelfwise.model.model.Model`, or the exported model that was loaded.
    """

    def __init__(
        self,
        preset: str = "recommended",
        config: Path | str | Mapping[str, Any] | None = None,
        seed: int | None = None,
        root: Path | str = ".",
    ) -> None:
        # only kept, never changed: scikit-learn clones an estimator by its parameters
        self.preset = preset
        self.config = config
        self.seed = seed
        self.root = root

    @classmethod
    def from_model(cls, model: Predictor) -> Self:
        """A categorizer that uses `model`, with the settings it was trained with."""
        # whole settings, so that a clone is fitted as the model was
        categorizer = cls(preset=model.config.preset, config=model.config.dump())
        categorizer._use(model)
        return categorizer

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """The categorizer saved in `folder`, after its files were verified.

        One of an exported model predicts and labels; explanations and similar products need the original.

        Raises:
            BundleError: no model there, or a file that was changed since it was saved.
        """
        return cls.from_model(open_model(Path(folder)))

    def save(self, folder: Path | str) -> None:
        """Write the bundle, whole or not at all."""
        save_bundle(self._model().bundle(), Path(folder))

    def fit(
        self, X: Any, y: Sequence[str | Iterable[str]] | None = None, context: Context | None = None
    ) -> Self:
        """Train on products whose categories are in `X`, or given as `y`: N label names, or collections of
        them.

        Raises:
            ShelfwiseError: the catalogue or its categories leave nothing to train on.
        """
        settings = self._settings()
        catalog = as_catalog(X, settings.catalog, self.root)
        if y is not None:
            # a label alone is a path of one name.
            catalog = catalog.with_categories([_label_names(names) for names in y])
        self._use(fit_catalog(catalog, settings, context or Context(seed=settings.seed)))
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Scores (N, L) in [0, 1], one column a label of ``classes_``."""
        model = self._model()
        return model.scores(self._predict_members(model, X))

    def predict(self, X: Any) -> Bools:
        """Decisions (N, L) by the model's threshold or rule, without contradicting its taxonomy."""
        return self._model().decide(self.predict_proba(X))

    def categorize(self, X: Any) -> list[list[str]]:
        """N lists of label names: what :meth:`predict` decides, as words."""
        return self._model().labels.decode(self.predict(X))

    def label(
        self,
        X: Any,
        precision: float | None = None,
        novelty_rate: float | None = None,
        top: int | None = None,
    ) -> Iterator[Decision]:
        """Decide for each product: its labels with paths and scores, its queue, and what this rests on.

        ``shelfwise predict`` writes the same decisions.

        Args:
            precision: the share of accepted labels that is promised to be right: 0.9, 0.95 or 0.99. Sorts
                labels and products into accept, review and reject.
            novelty_rate: the share of ordinary products that may be taken for novel. Novel products
                get no label.
            top: keep only so many scores of a product, its highest.

        Raises:
            ConfigError: the model has no limits for that `precision`, or no novelty detector.
            BundleError: an exported model, which has no novelty detector, is to tell what is novel.
        """
        model = self._model()
        return label(model, self._catalog(model, X), _context(model), precision, novelty_rate, top)

    def novelty(self, X: Any) -> Floats:
        """The novelty score of each of N products, (N,) from 0 to 1.

        It is near 1 for a product unlike anything in training. It is the share of known products that are
        less unusual; see :mod:`shelfwise.novelty.detector`.

        Raises:
            ConfigError: the model was trained on too few products to tell.
            BundleError: it is an exported one.
        """
        model = self._model()
        # asked for first: without a detector nothing need be predicted
        detector = novelty_detector(model)
        catalog = self._catalog(model, X)
        scores = model.scores(model.predict_members(catalog, _context(model)))
        p_values = detector.p_values(catalog, scores, _context(model))
        return np.asarray(1 - p_values, np.float32)

    def outside(self, X: Any) -> Floats:
        """The old name of :meth:`novelty`."""
        aliases.note("Categorizer.outside", "Categorizer.novelty")
        return self.novelty(X)

    def explain(self, X: Any, evidence: bool = False) -> list[dict[str, dict[str, Any]]]:
        """Why each label was given: what every member predicted, and how much each contributed.

        Contributions are exact Shapley values over the members (2 ** M fusions): they sum to the fused score.

        Args:
            evidence: find, too, the words and the part of the image that carried the label, and similar
                training products that have it. Takes one more prediction a word, and 37 an image.

        Returns:
            N mappings: label -> {"score", "members": {member: probability}, "contributions": {member: value},
            "words", "picture", "near"}; see :class:`~shelfwise.explain.explanation.Reason`.

        Raises:
            BundleError: the model is an exported one.
        """
        model = require_members(self._model(), "explain labels")
        catalog = self._catalog(model, X)
        explained = explain_products(model, catalog, _context(model), evidence=evidence)
        reasons = []
        for product in explained:
            by_label = {name: reason.to_dict() for name, reason in product.reasons.items()}
            reasons.append(by_label)
        return reasons

    def embed(self, X: Any) -> Floats:
        """Product vectors (N, D): the members' features side by side.

        Each member's are scaled to length 1, and 0 where it is absent. D is the same for every `X`, whatever
        fields its products have.

        Raises:
            BundleError: the model is an exported one.
        """
        model = require_members(self._model(), "embed products")
        # each member counts alike, however long its vectors are
        parts = [unit(part) for part in self._features(model, X).values()]
        return np.concatenate(parts, axis=1)

    def similar(self, X: Any, k: int = 10) -> list[list[dict[str, Any]]]:
        """The k training products most like each of N products, most similar first; none without any field.

        Returns:
            N lists of {"id", "title", "similarity", "labels"}; similarity is the mean cosine over the fields
            that the product has, in [-1, 1]. See :mod:`shelfwise.model.nearest_neighbours`.

        Raises:
            PluginError: faiss is not installed.
            BundleError: the model is an exported one, or was saved by a version that kept no index.
        """
        model, index = self._model_with_index()
        similarities, rows = index.nearest(self._features(model, X), k)
        return _describe_neighbours(model, index, similarities, rows)

    def similar_to(self, name: str, k: int = 10) -> list[dict[str, Any]]:
        """The k training products most like the training product with the id `name`, itself left out.

        Else as :meth:`similar`.

        Raises:
            CatalogError: there was no such product.
        """
        model, index = self._model_with_index()
        similarities, rows = index.nearest_to(name, k)
        [neighbours] = _describe_neighbours(model, index, similarities, rows)
        return neighbours

    def _settings(self) -> Config:
        """The preset, the changes given to the constructor, and its seed, each over the one before."""
        changes = {} if self.seed is None else {"seed": self.seed}
        if isinstance(self.config, Mapping):
            return Config.load(self.preset, changes={**self.config, **changes})
        return Config.load(self.preset, self.config, changes)

    def _use(self, model: Predictor) -> None:
        """Become fitted; trailing underscores are scikit-learn's mark of what fitting leaves."""
        self.model_ = model
        self.classes_ = np.array(model.labels.names, dtype=object)

    def _model(self) -> Predictor:
        if not hasattr(self, "model_"):
            raise NotFittedError(
                "this Categorizer is not fitted yet; call fit, or Categorizer.load(folder)"
            )
        return self.model_

    def _model_with_index(self) -> tuple[Model, Neighbours]:
        model = require_members(self._model(), "find similar products")
        if model.nearest_neighbours is None:
            # models of the first versions kept none
            raise BundleError("this model has no index of similar products; train it again")
        return model, model.nearest_neighbours

    def _catalog(self, model: Predictor, X: Any) -> Catalog:
        return as_catalog(X, model.config.catalog, self.root)

    def _predict_members(self, model: Predictor, X: Any) -> MemberPredictions:
        return model.predict_members(self._catalog(model, X), _context(model))

    def _features(self, model: Model, X: Any) -> dict[str, Floats]:
        predictions = self._predict_members(model, X).predictions
        return {name: prediction.features for name, prediction in predictions.items()}


def as_catalog(products: Any, settings: CatalogSettings, root: Path | str = ".") -> Catalog:
    """A catalogue from a file, a DataFrame or dictionaries; products without an id are numbered.

    Raises:
        CatalogError: `products` is none of these.
    """
    if isinstance(products, Catalog):
        return products
    if isinstance(products, str | Path):
        reading = read_catalog(Path(products), settings)
        if reading.quarantine:
            # a row a record is what `label` and the command line give
            log.warning(
                "%d of %d records of %s are left out; the first, line %d: %s",
                len(reading.quarantine),
                reading.records,
                products,
                reading.quarantine[0].line,
                reading.quarantine[0].reason,
            )
        return reading.catalog
    records = _records_of(products)
    if not records:
        raise LabelError("there is no product; give at least one")
    # a program's own bytes and absolute paths are not checked as the text of a file would be
    own_images = [_own_image(record.get("image")) for record in records]
    checked = []
    for record, image in zip(records, own_images, strict=True):
        if image is not None:
            record = {name: value for name, value in record.items() if name != "image"}
        checked.append(record)
    reading = read_records(checked, settings, root)
    if reading.quarantine:
        count = len(reading.quarantine)
        raise CatalogError(
            f"{count} of {len(records)} products cannot be used; {reading.quarantine[0].reason}"
        )
    if all(image is None for image in own_images):
        return reading.catalog
    images = []
    for own, read in zip(own_images, reading.catalog.column("image"), strict=True):
        images.append(read if own is None else own)
    return reading.catalog.with_images(images)


def _own_image(image: Any) -> bytes | str | None:
    """The image of a product from Python where it is the content of a file, or an absolute path."""
    if isinstance(image, bytes):
        return image
    if isinstance(image, str | Path) and Path(image).is_absolute():
        return str(image)
    return None


def _records_of(products: Any) -> list[Mapping[str, Any]]:
    """Products as mappings: from a pandas, polars or Arrow table, or an iterable of mappings."""
    if isinstance(products, Mapping):
        raise CatalogError(f"products must be several; give a list: {_EXAMPLE}")
    if hasattr(products, "to_pylist"):
        found: list[Mapping[str, Any]] = products.to_pylist()
    elif hasattr(products, "to_dicts"):
        found = products.to_dicts()
    elif hasattr(products, "to_dict") and hasattr(products, "columns"):
        found = products.to_dict("records")
    else:
        found = list(products)
    if not all(isinstance(record, Mapping) for record in found):
        raise CatalogError(
            f"products must be a catalogue file, a DataFrame or dictionaries, e.g. {_EXAMPLE}"
        )
    return found


def _label_names(names: str | Iterable[str]) -> list[list[str]]:
    """The labels of one product as paths of one name; a text is one label, not its letters."""
    return [[names]] if isinstance(names, str) else [[str(name)] for name in names]


def _context(model: Predictor) -> Context:
    return Context(seed=model.config.seed)


def _describe_neighbours(
    model: Model, index: Neighbours, similarities: Floats, rows: Rows
) -> list[list[dict[str, Any]]]:
    """What the index knows of the products at `rows` (N, k); a row below 0 stands for none."""
    described = []
    for product_similarities, product_rows in zip(
        similarities.tolist(), rows.tolist(), strict=True
    ):
        neighbours = []
        for similarity, row in zip(product_similarities, product_rows, strict=True):
            if row >= 0:
                neighbours.append(index.describe(row, similarity, model.labels.names))
        described.append(neighbours)
    return described
