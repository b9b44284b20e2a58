"""How far a product's text lies from everything that was learnt, in words and in meaning.

Nothing here looks at a label: a classifier learns to overlook what does not tell its categories apart, and what is new about
a product of an unknown category is often just that.

Dimensions: N products asked about, T training products, K known words, D numbers of a sentence vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Float64Array, Floats, Rows, State
from shelfwise.features.tfidf import words_of
from shelfwise.text.ngrams import Grams, Keys, word_grams

NEAREST = 20
"""Training products whose mean similarity counts."""

LONGEST = 128
"""Tokens of a text that the sentence encoder reads."""

PORTION = 1024
"""Products compared at a time: bounds memory to PORTION * T numbers."""


@dataclass(frozen=True)
class NearestTextDistance:
    """The texts of T training products.

    Args:
        fields: the text columns that are read, together as one text.
        keys, weights: (K,) the words found in two training products or more, rising, and how rare each is.
        words: (T, K) sparse rows; of length 1 but for the part that words of no other product have.
        encoder: the sentence encoder by name, "origin" and "sha256"; empty for none.
        centre: (D,) the mean sentence vector.
        meanings: (T, D) sentence vectors less the mean, of length 1; D is 0 without an encoder.
        groups: (T,) near-copies share a number; they are no evidence for each other.
    """

    fields: tuple[str, ...]
    keys: Keys
    weights: Floats
    words: sp.csr_array
    encoder: Mapping[str, str]
    centre: Floats
    meanings: Floats
    groups: Rows

    @classmethod
    def of(
        cls, catalog: Catalog, rows: Rows, fields: Sequence[str], encoder: str, groups: Rows, context: Context
    ) -> Self:
        """What surrounds products: the T `rows` of `catalog`.

        Args:
            fields: at least one text column.
            encoder: of sentences, as :func:`~shelfwise.features.sentence_encoder.find_encoder` takes it; empty for none.
            groups: (T,) numbers of near-copies.

        Raises:
            WeightsError: the encoder is not to be had.
        """
        grams = _words(catalog, fields).take(rows)
        documents, count = grams.documents(), len(rows)
        keys = grams.keys[documents >= 2]
        weights = (1 + np.log((1 + count) / (1 + documents[documents >= 2]))).astype(np.float32)
        facts: dict[str, str] = {}
        vectors = np.zeros((count, 0), np.float32)
        if encoder:
            from shelfwise.features.sentence_encoder import (
                find_encoder,
            )  # torch: only where sentences are read

            source = find_encoder(encoder)
            facts = {"name": encoder, "origin": source.origin, "sha256": source.sha256}
            vectors = _encoded(catalog, fields, source, context)[rows]
        there = vectors.any(axis=1)
        centre = np.asarray(
            vectors[there].mean(axis=0) if there.any() else np.zeros(vectors.shape[1]), np.float32
        )
        made = cls(
            tuple(fields),
            keys,
            weights,
            sp.csr_array((0, len(keys)), dtype=np.float32),
            facts,
            centre,
            vectors,
            groups,
        )
        return cls(
            made.fields, keys, weights, made._bags(grams), facts, centre, made._directed(vectors), groups
        )

    def far(
        self, catalog: Catalog, context: Context, rows: Rows | None = None, groups: Rows | None = None
    ) -> dict[str, Float64Array]:
        """Minus the mean cosine (N,) to the nearest training products, by ``words`` and by ``meaning``; NaN for a product without text.

        Args:
            rows: of the catalogue, N of them; None for all.
            groups: (N,) training products with the same number are passed over.

        Raises:
            WeightsError: the sentence encoder is not the one of the training.
        """
        rows = np.arange(len(catalog)) if rows is None else rows
        grams = _words(catalog, self.fields).take(rows)
        bags, vectors = self._bags(grams), self._directed(self._sentences(catalog, context)[rows])
        spoken = np.diff(grams.counts.indptr) > 0
        found: dict[str, Float64Array] = {"words": np.full(len(rows), np.nan)}
        if self.meanings.shape[1]:
            found["meaning"] = found["words"].copy()
        for start in range(0, len(rows), PORTION):
            part = slice(start, start + PORTION)
            alike = {"words": np.asarray((bags[part] @ self.words.T).toarray(), np.float32)}
            alike |= {"meaning": vectors[part] @ self.meanings.T} if "meaning" in found else {}
            for name, similarities in alike.items():
                if groups is not None:
                    similarities[groups[part, None] == self.groups] = -1
                found[name][part] = -_nearest(similarities)
        return {name: np.where(spoken, values, np.nan) for name, values in found.items()}

    def state(self) -> State:
        """Everything :meth:`from_state` needs; words and vectors in half precision."""
        arrays: dict[str, NDArray[Any]] = {
            "keys": self.keys,
            "weights": self.weights,
            "centre": self.centre,
            "groups": self.groups,
        }
        arrays |= {
            "words": self.words.data.astype(np.float16),
            "columns": self.words.indices,
            "rows": self.words.indptr,
        }
        arrays["meanings"] = self.meanings.astype(np.float16)
        return State(arrays, {"fields": list(self.fields), "encoder": dict(self.encoder)})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """What `state` was taken from."""
        a, fields = state.arrays, tuple(state.facts["fields"])
        parts = (a["words"].astype(np.float32), a["columns"], a["rows"])
        words = sp.csr_array(parts, shape=(len(a["groups"]), len(a["keys"])))
        meanings = a["meanings"].astype(np.float32)
        return cls(
            fields, a["keys"], a["weights"], words, state.facts["encoder"], a["centre"], meanings, a["groups"]
        )

    def _bags(self, grams: Grams) -> sp.csr_array:
        """(N, K) TF-IDF rows. Unknown words count in a text's length as the rarest would: they make it unlike everything."""
        known = grams.align(self.keys)
        values = (1 + np.log(known.data)) * self.weights[known.indices]
        strange = grams.counts[:, ~np.isin(grams.keys, self.keys)]
        highest = 1 + np.log(1 + len(self.groups))
        squares = _sums(known, values**2) + _sums(strange, ((1 + np.log(strange.data)) * highest) ** 2)
        values = values / np.repeat(np.sqrt(squares), np.diff(known.indptr))
        return sp.csr_array((values.astype(np.float32), known.indices, known.indptr), shape=known.shape)

    def _sentences(self, catalog: Catalog, context: Context) -> Floats:
        if not self.encoder:
            return np.zeros((len(catalog), 0), np.float32)
        from shelfwise.features.sentence_encoder import verify_encoder

        source = verify_encoder(self.encoder["name"], self.encoder["origin"], self.encoder["sha256"])
        return _encoded(catalog, self.fields, source, context)

    def _directed(self, vectors: Floats) -> Floats:
        """Less the mean, of length 1; rows of 0 stay as they are."""
        centred = np.where(vectors.any(axis=1, keepdims=True), vectors - self.centre, 0)
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(
            np.divide(centred, length, out=np.zeros_like(centred), where=length > 0), np.float32
        )


def _words(catalog: Catalog, fields: Sequence[str]) -> Grams:
    """How often each word occurs in each product's fields, taken together."""
    counted = [word_grams(words_of(catalog, name), (1,)) for name in fields]
    for other in counted[1:]:
        counted[0] = counted[0].joined(other)
    return counted[0]


def _encoded(catalog: Catalog, fields: Sequence[str], source: Any, context: Context) -> Floats:
    """Sentence vectors (N, D); shared with a member that reads the same fields with the same encoder."""
    from shelfwise.features.sentence_embeddings import encode_fields

    return encode_fields(catalog, "+".join(fields), source, LONGEST, context)


def _nearest(similarities: Floats) -> Float64Array:
    """(N,) the mean of each row's highest :data:`NEAREST`."""
    count = min(NEAREST, similarities.shape[1])
    return np.asarray(np.partition(similarities, -count, axis=1)[:, -count:].mean(axis=1), np.float64)


def _sums(matrix: sp.csr_array, values: NDArray[Any]) -> Float64Array:
    """(N,) the sum of `values`, one a stored element of `matrix`, by row."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return np.asarray(np.bincount(rows, values, matrix.shape[0]), np.float64)
