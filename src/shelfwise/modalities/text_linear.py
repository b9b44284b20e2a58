"""Sparse bags of word and letter n-grams, and one logistic regression a label: quick, and hard to beat on product text.

Sources: Yu et al. 2012 (uni- and bigrams of titles, no stemming, stop words kept; binary about as good as TF-IDF);
Kozareva 2015 (n-grams and linear classifiers of titles).
"""

from __future__ import annotations

from typing import Any, Literal, Self

import scipy.sparse as sp
from pydantic import Field
from scipy.special import expit

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, Examples, Floats, State
from shelfwise.errors import NotFittedError
from shelfwise.features.tfidf import BagSettings, NgramCounts, TfidfVocabulary
from shelfwise.nn.logistic_regression import LinearWeights, fit_logistic, random_projection


class TextLinearSettings(BagSettings):
    """What is counted, how it is weighed, and how strictly the classifiers are kept simple."""

    C: float = Field(30.0, gt=0, description="weight of the data against the penalty (LIBLINEAR's C)")
    positive_weight: float = Field(
        3.0, gt=0, description="weight of a product that has the label; 3 brings the best threshold near 0.5"
    )
    tolerance: float = Field(
        0.02, gt=0, lt=1, description="a label is solved once its gradient has shrunk by this factor"
    )
    prune: float = Field(0.03, ge=0, description="weights nearer to 0 than this are dropped")
    features: int = Field(
        256,
        ge=1,
        description="numbers a product for fusion: the logits, at random mixed down to so many if more",
    )

    present: Literal["any", "all"] = Field(
        "any", description="a product counts as present with a word in any field, or in all of them"
    )


class TextLinear(Modality):
    """One classifier of one or several text fields; ``field = "title+description"`` gives each field n-grams of its own."""

    Settings = TextLinearSettings
    settings: TextLinearSettings

    _model: LinearWeights | None = None
    _spaces: tuple[TfidfVocabulary, ...]

    def is_present(self, fields: frozenset[str]) -> bool:
        """Whether a product that has just these fields is present here."""
        return (all if self.settings.present == "all" else any)(
            name in fields for name in self.field.split("+")
        )

    def prepare(self, catalog: Catalog, context: Context) -> NgramCounts:
        """Count every n-gram of every field."""
        return NgramCounts.read(
            catalog, self.field.split("+"), self.settings, every=self.settings.present == "all"
        )

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn n-grams, their weights and the classifiers from `train` alone; nothing is random."""
        chosen = self.settings
        self._spaces = tuple(TfidfVocabulary.fit(grams, chosen) for grams in train.inputs.grams)
        self._model = fit_logistic(
            self._inputs(train.inputs),
            train.targets,
            chosen.C,
            chosen.positive_weight,
            chosen.tolerance,
            chosen.prune,
        )
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L), and the logits as features: (N, L), or (N, `features`) where labels are more."""
        model = self._fitted()
        logits = model.logits(self._inputs(inputs))
        return expit(logits), random_projection(logits, self.settings.features)

    def state(self) -> State:
        """Known n-grams with their weights, and the classifiers as sparse rows."""
        model = self._fitted()
        arrays = model.arrays()
        for i, space in enumerate(self._spaces):
            arrays |= {f"space.{i}.keys": space.keys, f"space.{i}.weights": space.weights}
        return State(arrays)

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        arrays = state.arrays
        self._model = LinearWeights.from_state(arrays)
        count = sum(name.startswith("space.") for name in arrays) // 2
        self._spaces = tuple(
            TfidfVocabulary(arrays[f"space.{i}.keys"], arrays[f"space.{i}.weights"]) for i in range(count)
        )
        return self

    def provenance(self) -> dict[str, Any]:
        """How many n-grams are known, and how many weights are kept."""
        return {
            "ngrams": sum(len(space.keys) for space in self._spaces),
            "weights": int(self._fitted().weights.nnz),
        }

    def _inputs(self, bags: NgramCounts) -> sp.csr_array:
        parts = [
            space.inputs(grams, self.settings) for space, grams in zip(self._spaces, bags.grams, strict=True)
        ]
        return sp.csr_array(sp.hstack(parts, format="csr"))

    def _fitted(self) -> LinearWeights:
        if self._model is None:
            raise NotFittedError(
                f"the linear classifier of {self.field!r} is not fitted; call fit or restore first"
            )
        return self._model
