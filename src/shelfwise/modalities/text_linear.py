"""Sparse bags of word and letter n-grams, and one logistic regression a label: quick, and hard to beat on product text.

Sources: Yu et al. 2012 (uni- and bigrams of titles, no stemming, stop words kept; binary about as good as TF-IDF);
Kozareva 2015 (n-grams and linear classifiers of titles).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field, model_validator

from shelfwise.catalog.store import Catalog
from shelfwise.contracts import Context, Examples, Floats, Modality, PluginSettings, Prepared, Rows, State
from shelfwise.errors import NotFittedError
from shelfwise.text.ngrams import Grams, Keys, letter_grams, split_words, word_grams
from shelfwise.training.linear import LinearWeights, fit_logistic


class TextLinearSettings(PluginSettings):
    """What is counted, how it is weighed, and how strictly the classifiers are kept simple."""

    words: tuple[int, ...] = Field((1, 2), description="lengths of the runs of words that are counted")
    letters: tuple[int, ...] = Field((3, 4), description="lengths of the runs of letters within a word; empty for none")
    min_count: int = Field(2, ge=1, description="training products an n-gram must occur in")
    weighting: Literal["tfidf", "binary"] = Field("tfidf", description="(1 + log count) x inverse frequency, or 1 if it occurs")
    cost: float = Field(30.0, gt=0, description="weight of the data against the penalty (LIBLINEAR's C)")
    positive_weight: float = Field(3.0, gt=0, description="weight of a product that has the label; 3 brings the best threshold near 0.5")
    tolerance: float = Field(0.02, gt=0, lt=1, description="a label is solved once its gradient has shrunk by this factor")
    prune: float = Field(0.03, ge=0, description="weights nearer to 0 than this are dropped")
    features: int = Field(256, ge=1, description="numbers a product for fusion: the logits, at random mixed down to so many if more")

    @model_validator(mode="after")
    def _something_counted(self) -> Self:
        if not self.words and not self.letters:
            raise ValueError("words and letters are both empty; name at least one length of n-gram, e.g. words = [1, 2]")
        if min((*self.words, *self.letters)) < 1:
            raise ValueError(f"words are {self.words} and letters {self.letters}; every length must be at least 1")
        return self


@dataclass(frozen=True)
class Bags(Prepared):
    """The n-grams of N products, one :class:`Grams` for each field and kind; present are those with a word in any field."""

    grams: tuple[Grams, ...]

    def take(self, rows: Rows) -> Bags:
        """The given rows, in that order."""
        return Bags(self.present[rows], tuple(g.take(rows) for g in self.grams))


@dataclass(frozen=True)
class _Space:
    """One field's n-grams of one kind that are known, rising, and what each weighs: (K,) both."""

    keys: Keys
    weights: Floats

    @classmethod
    def fit(cls, grams: Grams, settings: TextLinearSettings) -> Self:
        documents = grams.documents()
        known = documents >= settings.min_count
        rarity = 1 + np.log((1 + len(grams)) / (1 + documents[known]))
        return cls(grams.keys[known], (rarity if settings.weighting == "tfidf" else np.ones(len(rarity))).astype(np.float32))

    def inputs(self, grams: Grams, settings: TextLinearSettings) -> sp.csr_array:
        """(N, K), every row of length 1, or 0 where nothing is known, so that long fields do not drown short ones."""
        counts = grams.align(self.keys)
        values = 1 + np.log(counts.data) if settings.weighting == "tfidf" else np.ones_like(counts.data)
        values *= self.weights[counts.indices]
        rows = np.repeat(np.arange(len(grams)), np.diff(counts.indptr))
        values /= np.sqrt(np.bincount(rows, values**2, len(grams)))[rows]
        return sp.csr_array((values.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)


class TextLinear(Modality):
    """One classifier of one or several text fields; ``field = "title+description"`` gives each field n-grams of its own."""

    Settings = TextLinearSettings
    settings: TextLinearSettings

    _model: LinearWeights | None = None
    _spaces: tuple[_Space, ...]

    def prepare(self, catalog: Catalog, context: Context) -> Bags:
        """Count every n-gram of every field."""
        columns = [split_words(catalog.column(name)) for name in self.field.split("+")]
        kinds = ((word_grams, self.settings.words), (letter_grams, self.settings.letters))
        grams = tuple(count(tokens, lengths) for tokens in columns for count, lengths in kinds if lengths)
        return Bags(np.any([tokens.lengths > 0 for tokens in columns], axis=0), grams)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn n-grams, their weights and the classifiers from `train` alone; nothing is random."""
        chosen = self.settings
        self._spaces = tuple(_Space.fit(grams, chosen) for grams in train.inputs.grams)
        self._model = fit_logistic(
            self._inputs(train.inputs), train.targets, chosen.cost, chosen.positive_weight, chosen.tolerance, chosen.prune
        )
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L), and the logits as features: (N, L), or (N, `features`) where labels are more."""
        model = self._fitted()
        logits = (self._inputs(inputs) @ model.weights).toarray() + model.bias
        return 1 / (1 + np.exp(-logits)), _mixed_down(logits, self.settings.features)

    def state(self) -> State:
        """Known n-grams with their weights, and the classifiers as sparse rows."""
        model = self._fitted()
        arrays = {
            "weights.values": model.weights.data,
            "weights.columns": model.weights.indices.astype(np.int32),
            "weights.rows": model.weights.indptr.astype(np.int64),
            "bias": model.bias,
        }
        for i, space in enumerate(self._spaces):
            arrays |= {f"space.{i}.keys": space.keys, f"space.{i}.weights": space.weights}
        return State(arrays)

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        arrays = state.arrays
        shape = (len(arrays["weights.rows"]) - 1, len(arrays["bias"]))
        parts = (arrays["weights.values"], arrays["weights.columns"], arrays["weights.rows"])
        self._model = LinearWeights(sp.csr_array(parts, shape=shape), arrays["bias"])
        count = sum(name.startswith("space.") for name in arrays) // 2
        self._spaces = tuple(_Space(arrays[f"space.{i}.keys"], arrays[f"space.{i}.weights"]) for i in range(count))
        return self

    def provenance(self) -> dict[str, Any]:
        """How many n-grams are known, and how many weights are kept."""
        return {"ngrams": sum(len(space.keys) for space in self._spaces), "weights": int(self._fitted().weights.nnz)}

    def _inputs(self, bags: Bags) -> sp.csr_array:
        parts = [space.inputs(grams, self.settings) for space, grams in zip(self._spaces, bags.grams, strict=True)]
        return sp.csr_array(sp.hstack(parts, format="csr"))

    def _fitted(self) -> LinearWeights:
        if self._model is None:
            raise NotFittedError(f"the linear classifier of {self.field!r} is not fitted; call fit or restore first")
        return self._model


def _mixed_down(logits: Floats, width: int) -> Floats:
    """The logits, or a projection of them that nearly keeps distances (Johnson and Lindenstrauss), the same every time."""
    labels = logits.shape[1]
    if labels <= width:
        return logits
    mixer = np.random.default_rng(0).standard_normal((labels, width), dtype=np.float32) / np.float32(np.sqrt(width))
    return np.asarray(logits @ mixer)
