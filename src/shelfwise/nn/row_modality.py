"""Modalities that turn their field into rows of numbers, which a small network classifies.

Dimensions: N products, L labels, D numbers of a row, F features.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self, cast

from shelfwise.core.fitted import require_fitted
from shelfwise.core.modality import Modality, ModalityTask
from shelfwise.core.types import Context, Examples, Floats, State
from shelfwise.nn.mlp import Inputs, RowClassifier


class RowModality(Modality):
    """A modality with one row of numbers a product.

    A plug-in defines how rows are made (:meth:`rows`), what is learned for that (:meth:`fit_encoding`), and
    adds to :meth:`state` and :meth:`restore` what :meth:`rows` needs. Its settings are
    :class:`~shelfwise.nn.mlp.ClassifierSettings`.
    """

    _classifier: RowClassifier | None = None

    @property
    def classifier(self) -> RowClassifier:
        """The trained classifier.

        Raises:
            NotFittedError: there is none yet.
        """
        return require_fitted(self._classifier, f"the classifier of {self.field!r}")

    @abstractmethod
    def rows(self, inputs: Any) -> Inputs:
        """The rows (N, D) of prepared `inputs`."""

    def fit_encoding(self, train: Examples, context: Context) -> None:
        """Learn from training products whatever :meth:`rows` needs; by default nothing."""

    @property
    def standardised(self) -> bool:
        """Whether every number is brought to mean 0 and spread 1 first."""
        return False

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn the encoding and the classifier from `train` alone."""
        self.fit_encoding(train, context)
        # rows of validation products are made by what training products have taught
        watched = None
        if validation is not None:
            watched = (self.rows(validation.inputs), validation.targets)
        training = (self.rows(train.inputs), train.targets)
        self._classifier = RowClassifier.fit(
            training, watched, self.settings, context, self.field, standardise=self.standardised
        )
        return self

    @classmethod
    def fit_each(cls, tasks: Sequence[ModalityTask]) -> None:
        """The encodings one after the other, the classifiers as one where a GPU is quicker."""
        modalities = [cast(RowModality, task.modality) for task in tasks]
        for modality, task in zip(modalities, tasks, strict=True):
            modality.fit_encoding(task.train, task.context)
        examples = [
            (modality.rows(task.train.inputs), task.train.targets)
            for modality, task in zip(modalities, tasks, strict=True)
        ]
        # all have equal settings, so those of the first are those of all
        first = modalities[0]
        contexts = [task.context for task in tasks]
        classifiers = RowClassifier.fit_each(
            examples, first.settings, contexts, first.field, first.standardised
        )
        for modality, classifier in zip(modalities, classifiers, strict=True):
            modality._classifier = classifier

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, F)."""
        return self.classifier.predict(self.rows(inputs))

    def state(self) -> State:
        """The classifier's weights, and the epoch they are from."""
        return State(self.classifier.arrays(), {"epochs": self.classifier.epochs})

    def restore(self, state: State) -> Self:
        """Become the modality that `state` was taken from."""
        self._classifier = RowClassifier.restore(state.arrays, self.settings, state.facts["epochs"])
        return self
