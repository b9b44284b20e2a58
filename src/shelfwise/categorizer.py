"""The facade: one estimator with few verbs, after scikit-learn's conventions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from shelfwise import aliases
from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.product_sources import read_labelled_products
from shelfwise.catalog.reading.python.target_parsing import refuse_another_order
from shelfwise.catalog.reading.refused_rows import (
    Row,
    array_with_refused,
    list_with_refused,
    one_row_a_record,
    rows_of,
)
from shelfwise.core.types import Bools, Context, Floats
from shelfwise.errors import LabelError
from shelfwise.explain.explanation import explain_products
from shelfwise.export.loading import open_model
from shelfwise.metrics.label_names import micro_f1_of_names
from shelfwise.model.bundle import model_folder, save_bundle
from shelfwise.model.decision import Decision
from shelfwise.model.estimator import COLUMNS, ModelEstimator
from shelfwise.model.labelling import LabelRequest, label, novelty_detector
from shelfwise.model.model import require_members
from shelfwise.model.predictor import Predictor
from shelfwise.model.similar_products import similar_products


class Categorizer(ModelEstimator):
    """Puts products on all of their right categories.

    `X` is a catalogue file, a :class:`~shelfwise.core.catalog.Catalog`, a data frame of any library, an Arrow
    table, or an iterable of dictionaries, such as a list, a generator or a data set. All are read by the same
    rules: with any of the columns id, title, description, image, categories, price, brand and related, or
    names that shops use for them. An image is a path, the bytes of an image file, or a picture of Pillow.

    Answers have one row a record of `X`, in its order; N is the number of records. A record that cannot be
    read has a row too: NaN in numbers, false in decisions, an empty list or mapping. The log says how many
    there are, and :meth:`rows` tells which and why. Where not one can be read, that is an error.

    scikit-learn's `clone`, `Pipeline`, `cross_val_score` and `GridSearchCV` take it like any estimator. It is
    no classifier in their sense, as these have one label a product: `is_classifier` is false.

    Args:
        preset: "recommended", "quick", "best", "paper", "authors_code", "everything" or "none". None takes
            the one that `config` names, or else "recommended".
        config: a TOML file, or a mapping of settings, that override the preset's.
        seed: of every random choice; None takes the preset's.
        root: the folder that image paths are relative to, where `X` is not a file.

    Attributes:
        classes_: (L,) label names, sorted; after a fit on multi-hot `y`, those of its columns, in its order.
        model_: the fitted :class:`~shelfwise.model.model.Model`, or the exported model that was loaded.
    """

    def __init__(
        self,
        preset: str | None = None,
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
        return cls.from_model(open_model(model_folder(folder)))

    def save(self, folder: Path | str) -> None:
        """Write the bundle, whole or not at all.

        Raises:
            BundleError: `folder` is no path, or holds something else; or the disk refuses the write.
        """
        save_bundle(self._model().bundle(), model_folder(folder))

    def fit(self, X: Any, y: Any = None, context: Context | None = None) -> Self:
        """Train on products whose categories are in `X`, or given as `y`.

        Args:
            X: see above. Without `y` it is read as a file is: rows that repeat a product add their categories
                to it; other repeated ids, variant rows and what cannot be used are left out, as is told.
            y: one entry a product: a label, a collection of labels, or paths; or multi-hot (N, K), whose
                columns :meth:`predict` then has. A product without a label is left out. See
                :func:`~shelfwise.catalog.reading.python.target_parsing.read_targets`.

        Raises:
            ShelfwiseError: the catalogue or its categories leave nothing to train on.
        """
        settings = self._settings()
        products = read_labelled_products(X, y, settings.catalog, self.root)
        # a later catalogue is read as this one was
        settings = settings.model_copy(update={"catalog": products.settings})
        # torch is for fitting; an exported model predicts without it
        from shelfwise.training.fit import fit_catalog

        model = fit_catalog(products.catalog, settings, context or Context(seed=settings.seed))
        if products.columns is not None:
            model.facts[COLUMNS] = list(products.columns)
        self._use(model)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Scores (N, L) in [0, 1], one column a label of ``classes_``; 0 for labels that were too rare.

        NaN for a record that cannot be read.
        """
        reading = self._read(X)
        scores = self._in_columns(self._scores(reading.catalog))
        return array_with_refused(scores, reading.quarantine, np.nan)

    def predict(self, X: Any) -> Bools:
        """Decisions (N, L), multi-hot, one column a label of ``classes_``; false for those too rare.

        They are made by the model's threshold or rule, and do not contradict its taxonomy. A record that
        cannot be read has no label; :meth:`rows` tells it from a product that has none.
        """
        reading = self._read(X)
        decisions = self._in_columns(self._decisions(reading.catalog))
        return array_with_refused(decisions, reading.quarantine, False)

    def rows(self, X: Any) -> list[Row]:
        """The N records that the rows of all answers are about: id, and why one cannot be read.

        `X` is read once more. Of a generator keep a list, and give that to both.
        """
        return rows_of(self._read(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Micro-F1 of the decisions. True labels that the model does not know count as missed.

        Args:
            y: as in :meth:`fit`; None takes the categories in `X`.
            sample_weight: (N,) how much each product counts.

        Raises:
            ShelfwiseError: `y` does not fit the products.
            LabelError: there are no true labels, or `y` or `sample_weight` has the rows in another order.
        """
        model = self._model()
        columns = self.classes_.tolist()
        refuse_another_order(X, sample_weight, "sample_weight")
        products = read_labelled_products(X, y, model.config.catalog, self.root, columns)
        catalog = products.catalog
        true = [flatten(paths, model.labels.mode) for paths in catalog.column("categories")]
        if not any(true):
            raise LabelError("there is no true label to score by; give y or categories")
        return micro_f1_of_names(true, self.categorize(catalog), sample_weight)

    def categorize(self, X: Any) -> list[list[str]]:
        """N lists of label names: what :meth:`predict` decides, as words."""
        reading = self._read(X)
        names = self._model().labels.decode(self._decisions(reading.catalog))
        return list_with_refused(names, reading.quarantine, list)

    def label(
        self,
        X: Any,
        precision: float | None = None,
        novelty_rate: float | None = None,
        top: int | None = None,
    ) -> Iterator[Decision]:
        """Decide for each product: its labels with paths and scores, its queue, and what this rests on.

        ``shelfwise predict`` writes the same decisions. There is one a record, in order: that of a record
        that cannot be read has the reason as `refused`.

        Args:
            precision: the share of accepted labels that is promised to be right: 0.9, 0.95 or 0.99. Sorts
                labels and products into accept, review and reject.
            novelty_rate: the share of ordinary products that may be taken for novel, which get no label.
            top: keep only so many scores of a product, its highest.

        Raises:
            ConfigError: the model has no limits for that `precision`, or no novelty detector.
            BundleError: an exported model, which has no novelty detector, is to tell what is novel.
        """
        model = self._model()
        reading = self._read(X)
        request = LabelRequest(precision, novelty_rate, top)
        decisions = label(model, reading.catalog, self._context(), request)
        return one_row_a_record(decisions, deque(reading.quarantine), Decision.of_refused)

    def novelty(self, X: Any) -> Floats:
        """Novelty scores (N,): the share of known products that are less unusual, from 0 to 1.

        NaN for a record that cannot be read. See :mod:`shelfwise.novelty.detector`.

        Raises:
            ConfigError: the model was trained on too few products to tell.
            BundleError: it is an exported one.
        """
        model = self._model()
        # asked for first: without a detector nothing need be predicted
        detector = novelty_detector(model)
        reading = self._read(X)
        scores = self._scores(reading.catalog)
        p_values = detector.p_values(reading.catalog, scores, self._context())
        novelty = np.asarray(1 - p_values, np.float32)
        return array_with_refused(novelty, reading.quarantine, np.nan)

    def outside(self, X: Any) -> Floats:
        """The old name of :meth:`novelty`."""
        aliases.note("Categorizer.outside", "Categorizer.novelty")
        return self.novelty(X)

    def explain(self, X: Any, evidence: bool = False) -> list[dict[str, dict[str, Any]]]:
        """Why each label was given: what every member predicted, and how much each contributed.

        Contributions are exact Shapley values over the members: they sum to the fused score.

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
        reading = self._read(X)
        explained = explain_products(model, reading.catalog, self._context(), evidence=evidence)
        reasons = [product.to_dict()["reasons"] for product in explained]
        return list_with_refused(reasons, reading.quarantine, dict)

    def embed(self, X: Any) -> Floats:
        """Product vectors (N, D): the members' features, each scaled to length 1, and 0 where it is absent.

        D is the same for every `X`. NaN for a record that cannot be read.

        Raises:
            BundleError: the model is an exported one.
        """
        model = require_members(self._model(), "embed products")
        reading = self._read(X)
        vectors = self._vectors(model, reading.catalog)
        return array_with_refused(vectors, reading.quarantine, np.nan)

    def similar(self, X: Any, k: int = 10) -> list[list[dict[str, Any]]]:
        """The k training products most like each of N products, most similar first; none without any field.

        Returns:
            N lists of {"id", "title", "similarity", "labels"}; similarity is the mean cosine over the fields
            that the product has, in [-1, 1].

        Raises:
            PluginError: faiss is not installed.
            BundleError: the model is an exported one, or was saved by a version that kept no index.
        """
        return [products for products, _ in self.similar_with_warnings(X, k)]

    def similar_with_warnings(
        self, X: Any, k: int = 10
    ) -> list[tuple[list[dict[str, Any]], tuple[str, ...]]]:
        """As :meth:`similar`, each with sentences on what could not be used of the product."""
        model, index = self._model_with_index()
        reading = self._read(X)
        found = similar_products(model, index, reading.catalog, k, self._context())
        return list_with_refused(found, reading.quarantine, lambda: ([], ()))

    def similar_to(self, name: str, k: int = 10) -> list[dict[str, Any]]:
        """As :meth:`similar`, of the training product with the id `name`, itself left out.

        Raises:
            CatalogError: there was no such product.
        """
        model, index = self._model_with_index()
        similarities, rows = index.nearest_to(name, k)
        [neighbours] = index.describe_all(similarities, rows, model.labels.names)
        return neighbours
