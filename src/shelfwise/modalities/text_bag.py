"""The mean of trained word and bigram vectors, and one sigmoid a label: fastText's classifier, one-vs-all.

Sources: Joulin et al. 2016; Aberg 2018 for title and description as one text.

Dimensions: N texts, K known n-grams, D numbers of a vector, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from shelfwise.core.catalog import Catalog
from shelfwise.core.fitted import require_fitted
from shelfwise.core.loop_checkpoints import Arrays
from shelfwise.core.modality import Modality
from shelfwise.core.types import (
    Bools,
    Context,
    Examples,
    FieldInputs,
    Floats,
    PluginSettings,
    Rows,
    State,
)
from shelfwise.errors import ConfigError
from shelfwise.features.tfidf import IDEOGRAPH_RUNS, CountedSegmentation
from shelfwise.text.gram_counts import Grams, Keys
from shelfwise.text.ngrams import letter_grams, split_words, word_grams

MAX_HALVINGS = 10
"""Of the learning rate, before a training whose vectors grow beyond all numbers is given up."""

MAX_LOGIT = 80.0
"""Logits are clipped here: exp overflows in float32 above 88."""


class TextBagSettings(PluginSettings):
    """What is in a bag, and how its vectors are trained; as in fastText, with one classifier a label."""

    words: tuple[int, ...] = Field(
        (1, 2),
        min_length=1,
        description="lengths of the word n-grams: 1 for single words, 2 for pairs",
    )
    letters: tuple[int, ...] = Field(
        (), description="lengths of the letter n-grams within words (fastText: 3 to 6); empty: none"
    )
    segmentation: CountedSegmentation = "unicode"
    buckets: int = Field(
        2_000_000,
        ge=1,
        description="most different n-grams; more share vectors by their hash. Only those that occur take "
        "memory",
    )
    min_count: int = Field(1, ge=1, description="training products that an n-gram must occur in")
    dimensions: int = Field(100, ge=1, description="numbers of a word vector")
    learning_rate: float = Field(
        0.3,
        gt=0,
        description="step size at the start; it falls to 0 in a straight line, and is halved if training "
        "diverges",
    )
    epochs: int = Field(50, ge=1, description="passes over the training products")
    batch_size: int = Field(
        8,
        ge=1,
        description="products a step; gradients are summed, so a larger batch needs a lower learning_rate",
    )


@dataclass(frozen=True)
class BagInputs(FieldInputs):
    """The n-grams of N texts; present are those with a word."""

    grams: Grams

    def take(self, rows: Rows) -> BagInputs:
        """The given rows, in that order."""
        return BagInputs(self.present[rows], self.grams.take(rows))


@dataclass(frozen=True)
class BagWeights:
    """What training gives.

    Args:
        keys: (K,) the known n-grams, rising.
        vectors: (K + 1, D) theirs, and last that of a text's end.
        labels: (L, D) a vector a label.
        learning_rate: the one at which the vectors stayed finite.
    """

    keys: Keys
    vectors: Floats
    labels: Floats
    learning_rate: float

    def means(self, grams: Grams) -> Floats:
        """(N, D) the mean vector of each text's known n-grams and its end."""
        return np.asarray(ngram_shares(grams, self.keys) @ self.vectors)


class TextBag(Modality):
    """One classifier of one or several text fields, such as ``title+description``, read as one text."""

    Settings = TextBagSettings
    settings: TextBagSettings

    _weights: BagWeights | None = None

    def prepare(self, catalog: Catalog, context: Context) -> BagInputs:
        """Count the n-grams of the text."""
        segmentation = self.settings.segmentation
        # several members may read the same fields, so the words are split once a catalogue
        tokens = catalog.memoize(
            ("plain words", self.field, segmentation),
            lambda: split_words(self._texts(catalog), segmentation),
        )
        ideographs = IDEOGRAPH_RUNS if segmentation == "unicode" else ()
        grams = word_grams(tokens, self.settings.words, ideographs)
        if self.settings.letters:
            letters = letter_grams(tokens, self.settings.letters)
            grams = grams.joined(letters)
        # n-grams beyond the number of buckets share vectors, as in fastText
        return BagInputs(tokens.lengths > 0, grams.folded(self.settings.buckets))

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Train all vectors on `train` alone.

        Raises:
            ConfigError: even a thousandth of the learning rate is too high for the vectors to stay finite.
        """
        grams: Grams = train.inputs.grams
        frequent = grams.documents() >= self.settings.min_count
        keys = grams.keys[frequent]
        shares = ngram_shares(grams, keys)
        # few and short texts that share their words take larger steps together than a batch should
        for halvings in range(MAX_HALVINGS + 1):
            rate = self.settings.learning_rate / 2**halvings
            vectors, labels = train_vectors(shares, train.targets, rate, self.settings, context)
            if np.isfinite(labels).all():
                self._weights = BagWeights(keys, vectors, labels, rate)
                return self
        raise ConfigError(
            f"{self.field}: the vectors grew beyond all numbers; "
            f"lower learning_rate, now {self.settings.learning_rate}, or batch_size"
        )

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and the texts' mean vectors (N, D)."""
        weights = self._fitted()
        means = weights.means(inputs.grams)
        logits = np.clip(means @ weights.labels.T, -MAX_LOGIT, MAX_LOGIT)
        probabilities = 1 / (1 + np.exp(-logits))
        return probabilities, means

    def knows(self, inputs: Any) -> Bools:
        """(N,) which products have an n-gram that was in the training."""
        return np.asarray(inputs.present & inputs.grams.has_any(self._fitted().keys))

    def state(self) -> State:
        """The n-grams that occurred in training, their vectors, and the labels' vectors."""
        weights = self._fitted()
        arrays: dict[str, NDArray[Any]] = {
            "keys": weights.keys,
            "vectors": weights.vectors,
            "labels": weights.labels,
        }
        return State(arrays, {"learning_rate": weights.learning_rate})

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        arrays = state.arrays
        rate = state.facts["learning_rate"]
        self._weights = BagWeights(arrays["keys"], arrays["vectors"], arrays["labels"], rate)
        return self

    def provenance(self) -> dict[str, Any]:
        """How many n-grams have a vector, and the learning rate that was taken."""
        weights = self._fitted()
        return {"ngrams": len(weights.keys), "learning_rate": weights.learning_rate}

    def _texts(self, catalog: Catalog) -> list[str]:
        """The fields of each product as one text."""
        columns = [catalog.column(name) for name in self.field.split("+")]
        texts = []
        for values in zip(*columns, strict=True):
            texts.append(" ".join(filter(None, values)))
        return texts

    def _fitted(self) -> BagWeights:
        return require_fitted(self._weights, f"the bag of words classifier of {self.field!r}")


def ngram_shares(grams: Grams, keys: Keys) -> sp.csr_array:
    """(N, K + 1) each known n-gram's share of its text, rows summing to 1.

    The last column is the end of the text. Every text has one (as in fastText), so a text without a known
    word has a vector too.
    """
    ends = sp.csr_array(np.ones((len(grams), 1), np.float32))
    counts = sp.hstack([grams.align(keys), ends], format="csr")
    rows = np.repeat(np.arange(len(grams)), np.diff(counts.indptr))
    # never 0, as every text has its end
    totals = np.bincount(rows, counts.data, len(grams))
    shares = (counts.data / totals[rows]).astype(np.float32)
    return sp.csr_array((shares, counts.indices, counts.indptr), shape=counts.shape)


@torch.inference_mode()
def train_vectors(
    shares: sp.csr_array, targets: Floats, rate: float, settings: TextBagSettings, context: Context
) -> tuple[Floats, Floats]:
    """Stochastic gradient descent on the sum of all labels' log losses: vectors (K + 1, D) and labels (L, D).

    Ends early, with numbers that are not finite, when `rate` is too high.
    """
    rng = np.random.default_rng(context.seed)
    dimensions = settings.dimensions
    # as fastText begins: small random vectors for n-grams, zeros for labels
    initial = rng.uniform(-1 / dimensions, 1 / dimensions, (shares.shape[1], dimensions))
    vectors = torch.from_numpy(initial.astype(np.float32))
    labels = torch.zeros(targets.shape[1], dimensions)
    steps = -(-len(targets) // settings.batch_size)
    begun = 0
    # what is learnt depends on all of these
    marks = {"shape": [*shares.shape, targets.shape[1]], "rate": rate, "seed": context.seed}
    checkpoint = context.loops.next({**marks, "settings": settings.model_dump(mode="json")})
    kept = checkpoint.load_steps(rng)
    if kept is not None:
        arrays, begun = kept
        # copied: training changes them in place
        vectors = torch.from_numpy(np.array(arrays["vectors"]))
        labels = torch.from_numpy(np.array(arrays["labels"]))

    def learnt() -> Arrays:
        return {"vectors": vectors.numpy(), "labels": labels.numpy()}

    with context.progress("training the bag of words", settings.epochs) as progress:
        progress.advance(begun)
        for epoch in range(begun, settings.epochs):
            # anew in every epoch, so that no product is always the last of its batch
            order = rng.permutation(len(targets))
            # the rate falls in a straight line over the steps of all epochs
            done = epoch * steps
            rates = [
                rate * (1 - step / (settings.epochs * steps)) for step in range(done, done + steps)
            ]
            shuffled = torch.from_numpy(targets[order])
            _train_epoch(vectors, labels, shares[order], shuffled, settings.batch_size, rates)
            progress.advance()
            # the caller tries again with half the rate
            if not labels.isfinite().all():
                break
            checkpoint.keep_steps(epoch + 1, rng, learnt)
    return vectors.numpy(), labels.numpy()


def _train_epoch(
    vectors: Tensor,
    labels: Tensor,
    shares: sp.csr_array,
    targets: Tensor,
    batch_size: int,
    rates: list[float],
) -> None:
    """One pass over the texts, one step for each of `rates`; changes `vectors` and `labels` in place."""
    starts = torch.from_numpy(shares.indptr.astype(np.int64))
    columns = torch.from_numpy(shares.indices.astype(np.int64))
    values = torch.from_numpy(shares.data)
    for step, rate in enumerate(rates):
        first = step * batch_size
        # where the texts of this step begin and end among all n-grams
        bags = starts[first : first + batch_size + 1]
        inside = slice(int(bags[0]), int(bags[-1]))
        ids = columns[inside]
        share = values[inside]
        offsets = bags[:-1] - bags[0]
        means = F.embedding_bag(ids, vectors, offsets, mode="sum", per_sample_weights=share)
        # the gradient of the log loss by the logits; one product's is not divided by the size of the batch
        error = targets[first : first + batch_size] - torch.sigmoid(means @ labels.T)
        error *= rate
        # both gradients by the old labels; only the vectors that occur in this step are touched
        back = (error @ labels).repeat_interleave(bags.diff(), dim=0)
        labels.addmm_(error.T, means)
        vectors.index_add_(0, ids, back.mul_(share[:, None]))
