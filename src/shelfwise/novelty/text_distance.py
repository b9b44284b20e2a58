"""How far a product's text lies from the training texts, in words and in meaning.

Nothing here looks at a label. A classifier learns to ignore what does not tell its categories apart, and what
is new about a product of an unknown category is often just that.

Dimensions: N products, T training products, K known words, D numbers of a sentence vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field, TypeAdapter

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Float64Array, Floats, Rows, State
from shelfwise.features.tfidf import BagSettings, TfidfVocabulary, grams_of
from shelfwise.features.vector_math import centred_unit, present_mean
from shelfwise.text.gram_counts import Grams, Keys
from shelfwise.text.ngrams import word_grams
from shelfwise.text.tokenization import Segmentation
from shelfwise.text.vocabulary import TokenArray

NEIGHBOURS = 20
"""Training products whose mean similarity counts."""

MAX_TOKENS = 128
"""Tokens of a text that the sentence encoder reads."""

CHUNK_ROWS = 1024
"""Products compared at a time: bounds memory to so many times T numbers."""

SINGLE_WORDS = BagSettings(words=(1,), letters=(), min_count=2, weighting="tfidf")
"""Single words that two training products have or more: the others make no two texts similar."""


@dataclass(frozen=True)
class _Facts:
    """What a saved model holds beside the arrays."""

    fields: Annotated[tuple[str, ...], Field(min_length=1)]
    encoder: dict[str, str]
    segmentation: Segmentation


_FACTS = TypeAdapter(_Facts)


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
        segmentation: how words are split.
    """

    fields: tuple[str, ...]
    keys: Keys
    weights: Floats
    words: sp.csr_array
    encoder: Mapping[str, str]
    centre: Floats
    meanings: Floats
    groups: Rows
    segmentation: Segmentation = "unicode"

    @classmethod
    def fit(
        cls,
        catalog: Catalog,
        rows: Rows,
        fields: Sequence[str],
        encoder: str,
        groups: Rows,
        context: Context,
    ) -> Self:
        """Keep the texts of the T `rows` of `catalog`.

        Args:
            fields: at least one text column.
            encoder: of sentences, as :func:`~shelfwise.features.sentence_encoder.find_encoder` takes it;
                empty for none.
            groups: (T,) numbers of near-copies.

        Raises:
            WeightsError: the encoder is missing.
        """
        grams = _word_counts(catalog, fields, "unicode").take(rows)
        # all words of the sample count towards the rows' lengths, also those that are not kept
        vocabulary = TfidfVocabulary.fit(grams, SINGLE_WORDS)
        facts: dict[str, str] = {}
        vectors = np.zeros((len(rows), 0), np.float32)
        if encoder:
            # torch: only if sentences are read
            from shelfwise.features.sentence_encoder import find_encoder

            source = find_encoder(encoder)
            facts = {"name": encoder, "origin": source.origin, "sha256": source.sha256}
            vectors = _sentence_vectors(catalog, fields, source, context)[rows]
        # products without text have the vector 0, which is no text: they do not pull the mean
        centre = present_mean(vectors)
        return cls(
            fields=tuple(fields),
            keys=vocabulary.keys,
            weights=vocabulary.weights,
            words=_tfidf_rows(grams, vocabulary, len(rows)),
            encoder=facts,
            centre=centre,
            meanings=centred_unit(vectors, centre),
            groups=groups,
        )

    def distances(
        self,
        catalog: Catalog,
        context: Context,
        rows: Rows | None = None,
        groups: Rows | None = None,
    ) -> dict[str, Float64Array]:
        """Minus the mean cosine (N,) to the nearest training products, by ``words`` and by ``meaning``.

        ``meaning`` is left out without an encoder. A product without text is NaN.

        Args:
            rows: of the catalogue, N of them; None for all.
            groups: (N,) training products with the same number are passed over.

        Raises:
            WeightsError: the sentence encoder is not the one of the training.
        """
        rows = np.arange(len(catalog)) if rows is None else rows
        grams = _word_counts(catalog, self.fields, self.segmentation).take(rows)
        words = _tfidf_rows(grams, TfidfVocabulary(self.keys, self.weights), len(self.groups))
        found: dict[str, Float64Array] = {"words": np.full(len(rows), np.nan)}
        meanings = self._meanings(catalog, rows, context)
        if self.meanings.shape[1]:
            found["meaning"] = np.full(len(rows), np.nan)
        # a chunk at a time: the similarities to all training products are a wide matrix
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            passed_over = None if groups is None else groups[chunk, None] == self.groups
            by_words = np.asarray((words[chunk] @ self._by_word).toarray(), np.float32)
            found["words"][chunk] = -_mean_of_nearest(by_words, passed_over)
            if "meaning" in found:
                by_meaning = meanings[chunk] @ self.meanings.T
                found["meaning"][chunk] = -_mean_of_nearest(by_meaning, passed_over)
        # without a word there is nothing to compare, and the signal is missing
        has_text = grams.distinct > 0
        return {name: np.where(has_text, values, np.nan) for name, values in found.items()}

    @cached_property
    def _by_word(self) -> sp.csr_array:
        """(K, T) the training texts' words; turned once, as that takes as long as labelling a product."""
        return sp.csr_array(self.words.T)

    def state(self) -> State:
        """Everything :meth:`from_state` needs; words and vectors in half precision."""
        arrays = {
            "keys": self.keys,
            "weights": self.weights,
            "centre": self.centre,
            "groups": self.groups,
            "words": self.words.data.astype(np.float16),
            "columns": self.words.indices,
            "rows": self.words.indptr,
            "meanings": self.meanings.astype(np.float16),
        }
        facts = {
            "fields": list(self.fields),
            "encoder": dict(self.encoder),
            "segmentation": self.segmentation,
        }
        return State(arrays, facts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """What `state` was taken from.

        Raises:
            ValueError: it holds something else.
        """
        arrays = state.arrays
        # models from before Unicode's rules do not say how they split words
        facts = _FACTS.validate_python({"segmentation": "blanks", **state.facts})
        shape = (len(arrays["groups"]), len(arrays["keys"]))
        parts = (arrays["words"].astype(np.float32), arrays["columns"], arrays["rows"])
        return cls(
            fields=facts.fields,
            keys=arrays["keys"],
            weights=arrays["weights"],
            words=sp.csr_array(parts, shape=shape),
            encoder=facts.encoder,
            centre=arrays["centre"],
            meanings=arrays["meanings"].astype(np.float32),
            groups=arrays["groups"],
            segmentation=facts.segmentation,
        )

    def _meanings(self, catalog: Catalog, rows: Rows, context: Context) -> Floats:
        """Sentence vectors (N, D) less the mean, of length 1; D is 0 without an encoder."""
        if not self.encoder:
            return np.zeros((len(rows), 0), np.float32)
        # torch: only if sentences are read
        from shelfwise.features.sentence_encoder import verify_encoder

        source = verify_encoder(
            self.encoder["name"], self.encoder["origin"], self.encoder["sha256"]
        )
        vectors = _sentence_vectors(catalog, self.fields, source, context)
        return centred_unit(vectors[rows], self.centre)


def _word_counts(catalog: Catalog, fields: Sequence[str], segmentation: Segmentation) -> Grams:
    """How often each word occurs in each product's fields, taken together."""
    counted = []
    for name in fields:
        key = ("n-grams", (1,), "no runs of ideographs")
        _, (grams,) = grams_of(catalog, name, segmentation, key, _single_words)
        counted.append(grams)
    first, *others = counted
    for other in others:
        first = first.joined(other)
    return first


def _single_words(tokens: TokenArray) -> list[Grams]:
    return [word_grams(tokens, (1,))]


def _tfidf_rows(grams: Grams, vocabulary: TfidfVocabulary, training_products: int) -> sp.csr_array:
    """(N, K) TF-IDF rows of the known words.

    Unknown words count in a text's length as the rarest word would: they make it unlike every other.
    """
    rarest = 1 + np.log(1 + training_products)
    return vocabulary.inputs(grams, SINGLE_WORDS, unknown_weight=rarest)


def _sentence_vectors(
    catalog: Catalog, fields: Sequence[str], source: Any, context: Context
) -> Floats:
    """Sentence vectors (N, D); shared with a member that reads the same fields with the same encoder."""
    from shelfwise.features.sentence_embeddings import encode_fields

    return encode_fields(catalog, "+".join(fields), source, MAX_TOKENS, context)


def _mean_of_nearest(similarities: Floats, passed_over: Bools | None) -> Float64Array:
    """(N,) the mean of each row's highest :data:`NEIGHBOURS`, of those (N, T) that are not passed over."""
    if passed_over is not None:
        # the least that a cosine can be: among the highest only where hardly any others are left
        similarities[passed_over] = -1
    count = min(NEIGHBOURS, similarities.shape[1])
    # only the highest are sorted out, not the rest
    nearest = np.partition(similarities, -count, axis=1)[:, -count:]
    return np.asarray(nearest.mean(axis=1), np.float64)
