"""The mean of trained word and bigram vectors, and one sigmoid a label: fastText's classifier, one-vs-all.

Sources: Joulin et al. 2016; Aberg 2018 for title and description as one text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import torch
from pydantic import Field
from torch.nn import functional as F

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, Examples, FieldInputs, Floats, PluginSettings, Rows, State
from shelfwise.errors import ConfigError, NotFittedError
from shelfwise.text.ngrams import Grams, Keys, letter_grams, split_words, word_grams


class TextBagSettings(PluginSettings):
    """What is in a bag, and how its vectors are learnt; as in fastText, with every label judged by itself."""

    words: tuple[int, ...] = Field((1, 2), min_length=1, description="lengths of the runs of words")
    letters: tuple[int, ...] = Field(
        (), description="lengths of the runs of letters within a word (fastText: 3 to 6)"
    )
    buckets: int = Field(
        2_000_000, ge=1, description="at most so many different vectors; only those that occur take space"
    )
    min_count: int = Field(1, ge=1, description="training products an n-gram must occur in")
    dimensions: int = Field(100, ge=1, description="numbers of a vector")
    learning_rate: float = Field(
        0.3, gt=0, description="falls to 0 in a straight line; halved until the vectors stay finite"
    )
    epochs: int = Field(50, ge=1)
    batch_size: int = Field(
        8, ge=1, description="products a step; their gradients are summed, so larger needs a lower rate"
    )


@dataclass(frozen=True)
class WordCounts(FieldInputs):
    """The n-grams of N texts; present are those with a word."""

    grams: Grams

    def take(self, rows: Rows) -> WordCounts:
        """The given rows, in that order."""
        return WordCounts(self.present[rows], self.grams.take(rows))


@dataclass(frozen=True)
class _Weights:
    """What is learnt: n-grams (K,), rising, with their vectors and that of a text's end (K + 1, D), and a vector a label (L, D).

    The learning rate is the one at which they were.
    """

    keys: Keys
    vectors: Floats
    labels: Floats
    learning_rate: float

    def means(self, grams: Grams) -> Floats:
        """(N, D) the mean vector of each text's known n-grams and its end."""
        return np.asarray(_shares(grams, self.keys) @ self.vectors)


class TextBag(Modality):
    """One classifier of one or several text fields; ``field = "title+description"`` reads them as one text."""

    Settings = TextBagSettings
    settings: TextBagSettings

    _weights: _Weights | None = None

    def prepare(self, catalog: Catalog, context: Context) -> WordCounts:
        """Count the n-grams of the text."""
        tokens = catalog.memoize(("plain words", self.field), lambda: split_words(self._texts(catalog)))
        grams = word_grams(tokens, self.settings.words)
        if self.settings.letters:
            grams = grams.joined(letter_grams(tokens, self.settings.letters))
        return WordCounts(tokens.lengths > 0, grams.folded(self.settings.buckets))

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn all vectors from `train` alone.

        Raises:
            ConfigError: even a thousandth of the learning rate is too high for the vectors to stay finite.
        """
        grams: Grams = train.inputs.grams
        keys = grams.keys[grams.documents() >= self.settings.min_count]
        shares = _shares(grams, keys)
        for halvings in range(
            11
        ):  # few and short texts that share their words take larger steps together than a batch should
            rate = self.settings.learning_rate / 2**halvings
            vectors, labels = _learn(shares, train.targets, rate, self.settings, context)
            if np.isfinite(labels).all():
                self._weights = _Weights(keys, vectors, labels, rate)
                return self
        raise ConfigError(
            f"{self.field}: the vectors grew beyond all numbers; lower learning_rate, now {self.settings.learning_rate}, or batch_size"
        )

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and the texts' mean vectors (N, D)."""
        weights = self._fitted()
        means = weights.means(inputs.grams)
        return 1 / (1 + np.exp(-np.clip(means @ weights.labels.T, -80, 80))), means

    def state(self) -> State:
        """The n-grams that occurred in training, their vectors, and the labels' vectors."""
        weights = self._fitted()
        return State(
            {"keys": weights.keys, "vectors": weights.vectors, "labels": weights.labels},
            {"learning_rate": weights.learning_rate},
        )

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        arrays = state.arrays
        self._weights = _Weights(
            arrays["keys"], arrays["vectors"], arrays["labels"], state.facts["learning_rate"]
        )
        return self

    def provenance(self) -> dict[str, Any]:
        """How many n-grams have a vector, and the learning rate that was taken."""
        weights = self._fitted()
        return {"ngrams": len(weights.keys), "learning_rate": weights.learning_rate}

    def _texts(self, catalog: Catalog) -> list[str]:
        columns = [catalog.column(name) for name in self.field.split("+")]
        return [" ".join(filter(None, values)) for values in zip(*columns, strict=True)]

    def _fitted(self) -> _Weights:
        if self._weights is None:
            raise NotFittedError(
                f"the bag of words classifier of {self.field!r} is not fitted; call fit or restore first"
            )
        return self._weights


def _shares(grams: Grams, keys: Keys) -> sp.csr_array:
    """(N, K + 1) each known n-gram's share of its text, rows summing to 1.

    The last column is the end of the text, which every text has (as in fastText): what is known of a text without a word known.
    """
    counts = sp.hstack([grams.align(keys), sp.csr_array(np.ones((len(grams), 1), np.float32))], format="csr")
    rows = np.repeat(np.arange(len(grams)), np.diff(counts.indptr))
    shares = counts.data / np.bincount(rows, counts.data, len(grams))[rows]
    return sp.csr_array((shares.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)


@torch.inference_mode()
def _learn(
    shares: sp.csr_array, targets: Floats, rate: float, settings: TextBagSettings, context: Context
) -> tuple[Floats, Floats]:
    """Stochastic gradient descent on the sum of all labels' log losses; a step touches only the vectors that occur in it.

    It ends early, with what are no numbers, when `rate` is too high.
    """
    rng = np.random.default_rng(context.seed)
    size, dimensions = settings.batch_size, settings.dimensions
    vectors = torch.from_numpy(
        rng.uniform(-1 / dimensions, 1 / dimensions, (shares.shape[1], dimensions)).astype(np.float32)
    )
    labels = torch.zeros(targets.shape[1], dimensions)
    steps, step = settings.epochs * -(-len(targets) // size), 0
    with context.progress("training the bag of words", settings.epochs) as progress:
        for _ in range(settings.epochs):
            order = rng.permutation(len(targets))
            shuffled, wanted = shares[order], torch.from_numpy(targets[order])
            starts = torch.from_numpy(shuffled.indptr.astype(np.int64))
            columns, values = (
                torch.from_numpy(shuffled.indices.astype(np.int64)),
                torch.from_numpy(shuffled.data),
            )
            for first in range(0, len(order), size):
                bags = starts[first : first + size + 1]
                inside = slice(int(bags[0]), int(bags[-1]))
                ids, share = columns[inside], values[inside]
                means = F.embedding_bag(
                    ids, vectors, bags[:-1] - bags[0], mode="sum", per_sample_weights=share
                )
                error = wanted[first : first + size] - torch.sigmoid(means @ labels.T)
                error *= rate * (1 - step / steps)
                back = (error @ labels).repeat_interleave(bags.diff(), dim=0)
                labels.addmm_(error.T, means)
                vectors.index_add_(0, ids, back.mul_(share[:, None]))
                step += 1
            progress.advance()
            if not labels.isfinite().all():
                break
    return vectors.numpy(), labels.numpy()
