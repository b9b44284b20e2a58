"""Bags of word and letter n-grams, and one logistic regression a label: quick, and strong on product text.

Sources: Yu et al. 2012 (uni- and bigrams of titles, no stemming, stop words kept; binary about as good as
TF-IDF); Kozareva 2015 (n-grams and linear classifiers of titles).
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from pydantic import Field
from scipy.special import expit

from shelfwise.core.catalog import Catalog
from shelfwise.core.fitted import require_fitted
from shelfwise.core.modality import Modality
from shelfwise.core.types import Bools, Context, Examples, Floats, State
from shelfwise.features.ngram_rows import NgramRows
from shelfwise.features.tfidf import BagSettings, NgramCounts
from shelfwise.nn.linear_settings import LinearSettings
from shelfwise.nn.linear_weights import LinearWeights, random_projection
from shelfwise.nn.logistic_regression import fit_logistic


class TextLinearSettings(LinearSettings, BagSettings):
    """What is counted, how it is weighed, and how the classifiers are kept simple."""

    present: Literal["any", "all"] = Field(
        "any",
        description="which products this member predicts: those with text in any of its fields, or in all of "
        "them",
    )


class TextLinear(Modality):
    """One classifier of one or several text fields; each field has n-grams of its own."""

    Settings = TextLinearSettings
    settings: TextLinearSettings

    _model: LinearWeights | None = None
    _ngrams: NgramRows

    def is_present(self, fields: frozenset[str]) -> bool:
        """Whether a product that has just these fields is present here."""
        names = self.field.split("+")
        present = [name in fields for name in names]
        return all(present) if self.settings.present == "all" else any(present)

    def prepare(self, catalog: Catalog, context: Context) -> NgramCounts:
        """Count every n-gram of every field."""
        every = self.settings.present == "all"
        return NgramCounts.read(catalog, self.field.split("+"), self.settings, every=every)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn n-grams, their weights and the classifiers from `train` alone; nothing is random."""
        chosen = self.settings
        counts: NgramCounts = train.inputs
        # every field has a vocabulary of its own for words, and one for letters: "red" in a title is not
        # "red" in a description
        self._ngrams = NgramRows.fit(counts.grams, chosen)
        self._model = fit_logistic(
            self._ngrams.rows(counts.grams),
            train.targets,
            chosen.C,
            chosen.positive_weight,
            chosen.tolerance,
            chosen.prune,
        )
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L), and the logits as features, projected to at most `features` numbers."""
        model = self._fitted()
        logits = model.logits(self._ngrams.rows(inputs.grams))
        # a linear classifier has no hidden layer, so what it hands to feature fusion are its logits
        features = random_projection(logits, self.settings.features)
        # with thousands of labels there is no room for logits beside probabilities
        own_place = None if features is logits else logits
        return expit(logits, out=own_place), features

    def knows(self, inputs: Any) -> Bools:
        """Which of N products have a word, or letters of one, that was in the training."""
        return np.asarray(inputs.present & self._ngrams.knows(inputs.grams))

    def state(self) -> State:
        """Known n-grams with their weights, and the classifiers as sparse rows."""
        # the n-grams are kept as 64-bit keys, with their weights
        return State(self._fitted().arrays() | self._ngrams.arrays())

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        self._model = LinearWeights.from_state(state.arrays)
        self._ngrams = NgramRows.restored(state.arrays, self.settings)
        return self

    def provenance(self) -> dict[str, Any]:
        """How many n-grams are known, and how many weights are kept."""
        ngrams = sum(len(vocabulary.keys) for vocabulary in self._ngrams.vocabularies)
        return {"ngrams": ngrams, "weights": int(self._fitted().weights.nnz)}

    def _fitted(self) -> LinearWeights:
        return require_fitted(self._model, f"the linear classifier of {self.field!r}")
