"""Fields of text as bags of word and letter n-grams, and what each n-gram weighs.

Sources: Yu et al. 2012 (uni- and bigrams of titles, no stemming, stop words kept; binary about as good as TF-IDF);
Kozareva 2015 (n-grams of titles).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field, model_validator

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, FieldInputs, Floats, PluginSettings, Rows
from shelfwise.text.ngrams import Grams, Keys, letter_grams, split_words, word_grams
from shelfwise.text.vocabulary import TokenArray


class BagSettings(PluginSettings):
    """What is counted, and how it is weighed."""

    words: tuple[int, ...] = Field((1, 2), description="lengths of the runs of words that are counted")
    letters: tuple[int, ...] = Field(
        (3, 4), description="lengths of the runs of letters within a word; empty for none"
    )
    min_count: int = Field(2, ge=1, description="training products an n-gram must occur in")
    weighting: Literal["tfidf", "binary"] = Field(
        "tfidf", description="(1 + log count) x inverse frequency, or 1 if it occurs"
    )

    @model_validator(mode="after")
    def _something_counted(self) -> Self:
        if not self.words and not self.letters:
            raise ValueError(
                "words and letters are both empty; name at least one length of n-gram, e.g. words = [1, 2]"
            )
        if min((*self.words, *self.letters)) < 1:
            raise ValueError(
                f"words are {self.words} and letters {self.letters}; every length must be at least 1"
            )
        return self


def words_of(catalog: Catalog, field: str) -> TokenArray:
    """The words of a text column, split once a catalogue."""
    return catalog.memoize(("plain words", field), lambda: split_words(catalog.column(field)))


def has_words(columns: Sequence[TokenArray], every: bool) -> Bools:
    """Which products have a word: (N,), in any of the columns, or in each if `every`."""
    return np.asarray((np.all if every else np.any)([tokens.lengths > 0 for tokens in columns], axis=0))


@dataclass(frozen=True)
class NgramCounts(FieldInputs):
    """The n-grams of N products, one :class:`Grams` for each field and kind."""

    grams: tuple[Grams, ...]

    @classmethod
    def read(
        cls, catalog: Catalog, fields: Sequence[str], settings: BagSettings, every: bool = False
    ) -> NgramCounts:
        """Count every n-gram of every field.

        Args:
            every: present are the products with a word in each field; otherwise those with a word in any.
        """
        columns = [words_of(catalog, name) for name in fields]
        kinds = ((word_grams, settings.words), (letter_grams, settings.letters))
        grams = tuple(count(tokens, lengths) for tokens in columns for count, lengths in kinds if lengths)
        return cls(has_words(columns, every), grams)

    def take(self, rows: Rows) -> NgramCounts:
        """The given rows, in that order."""
        return NgramCounts(self.present[rows], tuple(g.take(rows) for g in self.grams))


@dataclass(frozen=True)
class TfidfVocabulary:
    """N-grams of one kind that are known, rising, and what each weighs: (K,) both."""

    keys: Keys
    weights: Floats

    @classmethod
    def fit(cls, grams: Grams, settings: BagSettings) -> Self:
        """The n-grams of training products that are common enough, and how telling each is."""
        documents = grams.documents()
        known = documents >= settings.min_count
        rarity = 1 + np.log((1 + len(grams)) / (1 + documents[known]))
        return cls(
            grams.keys[known],
            (rarity if settings.weighting == "tfidf" else np.ones(len(rarity))).astype(np.float32),
        )

    def inputs(self, grams: Grams, settings: BagSettings) -> sp.csr_array:
        """(N, K), every row of length 1, or 0 where nothing is known, so that long fields do not drown short ones."""
        counts = grams.align(self.keys)
        values = 1 + np.log(counts.data) if settings.weighting == "tfidf" else np.ones_like(counts.data)
        values *= self.weights[counts.indices]
        rows = np.repeat(np.arange(len(grams)), np.diff(counts.indptr))
        values /= np.sqrt(np.bincount(rows, values**2, len(grams)))[rows]
        return sp.csr_array((values.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)
