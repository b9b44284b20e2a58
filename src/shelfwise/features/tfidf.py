"""Text fields as counts of word and letter n-grams, and as TF-IDF rows.

Sources: Yu et al. 2012 (uni- and bigrams of titles, no stemming, stop words kept; binary about as good as
TF-IDF); Kozareva 2015 (n-grams of titles).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field, model_validator

from shelfwise.core.arrow_size import BLOCK_BYTES, text_blocks
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, FieldInputs, Float64Array, Floats, PluginSettings, Rows
from shelfwise.features.min_count import MIN_COUNT, least_products
from shelfwise.text.gram_counts import Grams, Keys, SparseParts
from shelfwise.text.ngrams import letter_grams, split_words, word_grams
from shelfwise.text.tokenization import Segmentation
from shelfwise.text.vocabulary import TokenArray

Weighting = Literal["tfidf", "binary"]

CountedSegmentation = Annotated[
    Segmentation,
    Field(
        description="where words end: unicode makes each ideograph a word, counted in runs of 1 to 3, and "
        "drops soft hyphens; blanks does neither",
    ),
]
"""The setting of whoever counts n-grams of words."""

MOST_SHARED = 2048
"""Products whose n-grams are kept for the next member: as many as are labelled at a time."""

IDEOGRAPH_RUNS = (1, 2, 3)
"""Lengths of the runs of ideographs that are counted: most Chinese words have two."""

SYLLABLE_RUNS = (1, 2)
"""Lengths of the runs of Hangul and katakana that are counted beside `letters`: 가방 is a bag, 컵 a cup."""


class BagSettings(PluginSettings):
    """What is counted, and how it is weighted."""

    words: tuple[int, ...] = Field(
        (1, 2),
        description="lengths of the word n-grams that are counted: 1 for single words, 2 for pairs",
    )
    letters: tuple[int, ...] = Field(
        (3, 4),
        description="lengths of the letter n-grams within words that are counted; empty: none",
    )
    segmentation: CountedSegmentation = "unicode"
    min_count: int | None = Field(
        None,
        ge=1,
        description="training products that an n-gram must occur in to be known; unset: 2, or 1 for words "
        "of texts of at most about ten words, of at most 2,000 products, where a quarter of them "
        "would be unknown",
    )
    weighting: Weighting = Field(
        "tfidf",
        description="what an n-gram counts in a text: tfidf is (1 + log count) x inverse frequency, binary "
        "is 1",
    )

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if not self.words and not self.letters:
            raise ValueError(
                "words and letters are both empty; name at least one length of n-gram, e.g. words = [1, 2]"
            )
        if min((*self.words, *self.letters)) < 1:
            raise ValueError(
                f"words are {self.words} and letters {self.letters}; every length must be at least 1"
            )
        return self


def words_of(catalog: Catalog, field: str, segmentation: Segmentation = "unicode") -> TokenArray:
    """The words of a text column; a catalogue's column is split once."""
    return catalog.memoize(
        ("plain words", field, segmentation),
        lambda: split_words(catalog.column(field), segmentation),
    )


def has_words(columns: Sequence[TokenArray], every: bool) -> Bools:
    """Which products have a word: (N,), in any of the columns, or in each of them if `every`."""
    has = [tokens.lengths > 0 for tokens in columns]
    combined = np.all(has, axis=0) if every else np.any(has, axis=0)
    return np.asarray(combined)


def grams_of(
    catalog: Catalog,
    field: str,
    segmentation: Segmentation,
    key: Hashable,
    count: Callable[[TokenArray], list[Grams]],
) -> tuple[Bools, list[Grams]]:
    """The n-grams of a text column, a block of texts at a time where it has many bytes.

    Args:
        key: what `count` counts; the catalogue remembers the n-grams of a large column by it.
        count: the n-grams of some texts, by kinds.

    Returns:
        Which products (N,) have a word, and their n-grams, one a kind.
    """
    column = catalog.table.column(field)
    if column.nbytes <= BLOCK_BYTES:
        tokens = words_of(catalog, field, segmentation)
        # of many products they would stay in memory as long as the catalogue
        if len(catalog) > MOST_SHARED:
            return tokens.lengths > 0, count(tokens)
        shared = catalog.memoize(("grams", field, segmentation, key), lambda: count(tokens))
        return tokens.lengths > 0, shared

    def counted() -> tuple[Bools, list[Grams]]:
        has: list[Bools] = []
        parts: list[list[Grams]] = []
        for texts in text_blocks(column, BLOCK_BYTES):
            # the words of all texts would be more than the texts themselves
            tokens = split_words(texts.to_pylist(), segmentation)
            has.append(tokens.lengths > 0)
            parts.append(count(tokens))
        return np.concatenate(has), [Grams.stack(kind) for kind in zip(*parts, strict=True)]

    return catalog.memoize(("block grams", field, segmentation, key), counted)


@dataclass(frozen=True)
class NgramCounts(FieldInputs):
    """The n-grams of N products, for each field and kind.

    Args:
        counted: one a field and kind, of all products that were counted.
        least: one a kind, how many training products an n-gram must occur in where the settings leave it
            open; as all products that were counted say, so that folds and the whole have the same.
        rows: (N,) which of the counted products these are; None: all of them.
    """

    counted: tuple[Grams, ...]
    least: tuple[int, ...]
    rows: Rows | None = None

    @classmethod
    def read(
        cls, catalog: Catalog, fields: Sequence[str], settings: BagSettings, every: bool = False
    ) -> NgramCounts:
        """Count every n-gram of every field.

        Args:
            every: products count as present with a word in each field; otherwise with a word in any field.
        """
        has: list[Bools] = []
        grams: list[Grams] = []
        least: list[int] = []
        for name in fields:
            # members of equal settings share the counts, kept with the catalogue
            key = ("n-grams", settings.words, settings.letters)
            count = partial(count_grams, settings=settings)
            has_word, counted = grams_of(catalog, name, settings.segmentation, key, count)
            has.append(has_word)
            grams += counted
            least += _least_by_kind(counted, settings)
        present = np.all(has, axis=0) if every else np.any(has, axis=0)
        return cls(np.asarray(present), tuple(grams), tuple(least))

    @property
    def grams(self) -> tuple[Grams, ...]:
        """One a field and kind, of the N products alone: a copy, made anew each time, of some of them."""
        if self.rows is None:
            return self.counted
        return tuple(kind.take(self.rows) for kind in self.counted)

    def portions(self) -> Iterator[NgramCounts]:
        """The products in portions that fit in memory: all of them."""
        yield self

    def take(self, rows: Rows) -> NgramCounts:
        """The given rows, in that order."""
        # n-grams are copied where they are read: whoever holds a training part or a fold holds none
        chosen = rows if self.rows is None else self.rows[rows]
        return NgramCounts(self.present[rows], self.counted, self.least, chosen)


def count_grams(tokens: TokenArray, settings: BagSettings) -> list[Grams]:
    """The n-grams of one text column: of its words, then of its letters, where these are counted."""
    ideographs = IDEOGRAPH_RUNS if settings.segmentation == "unicode" else ()
    syllables = SYLLABLE_RUNS if settings.segmentation == "unicode" else ()
    grams: list[Grams] = []
    if settings.words:
        grams.append(word_grams(tokens, settings.words, ideographs))
    if settings.letters:
        grams.append(letter_grams(tokens, settings.letters, syllables))
    return grams


def _least_by_kind(grams: Sequence[Grams], settings: BagSettings) -> list[int]:
    """One a kind of :func:`count_grams`: letters of single products are many, and tell little."""
    least = [MIN_COUNT] * len(grams)
    if settings.words:
        least[0] = least_products(grams[0])
    return least


@dataclass(frozen=True)
class TfidfVocabulary:
    """The n-grams of one kind that are known, and the inverse document frequency of each.

    Args:
        keys: (K,) the n-grams' keys, ascending.
        weights: (K,) float32; 1 everywhere where the weighting is binary.
    """

    keys: Keys
    weights: Floats

    @classmethod
    def fit(cls, grams: Grams, settings: BagSettings) -> Self:
        """The n-grams found in at least ``settings.min_count`` of the training products `grams`."""
        return cls.counted(grams.keys, grams.documents(), len(grams), settings)

    @classmethod
    def counted(
        cls, keys: Keys, documents: NDArray[np.int64], products: int, settings: BagSettings
    ) -> Self:
        """As :meth:`fit`, of n-grams `keys` (F,) that are in `documents` (F,) of so many products.

        Unset, ``min_count`` is that of many products.
        """
        known = documents >= (settings.min_count or MIN_COUNT)
        # smoothed as scikit-learn does it: as if one more product had every n-gram
        weights = 1 + np.log((1 + products) / (1 + documents[known]))
        if settings.weighting == "binary":
            weights = np.ones(len(weights))
        return cls(keys[known], weights.astype(np.float32))

    def inputs(
        self, grams: Grams, settings: BagSettings, unknown_weight: float | None = None
    ) -> sp.csr_array:
        """TF-IDF rows (N, K) of length 1, so that long fields do not drown short ones; 0 if nothing is known.

        Args:
            unknown_weight: inverse document frequency of n-grams that are not known. They then count in a
                row's length, so that the known part alone is shorter than 1. None leaves them out.
        """
        parts = self.input_parts(grams, settings, unknown_weight)
        return sp.csr_array(parts, shape=(len(grams), len(self.keys)))

    def input_parts(
        self, grams: Grams, settings: BagSettings, unknown_weight: float | None = None
    ) -> SparseParts:
        """As :meth:`inputs`, but the parts of the matrix."""
        # n-grams that were not in training have no column
        counts, columns, offsets = grams.aligned(self.keys)
        values = _term_frequency(counts, settings.weighting)
        values = values * self.weights[columns]
        squares = _row_sums(offsets, values**2)
        if unknown_weight is not None:
            # the rarest would weigh as much: they make a row unlike every training row
            unknown, unknown_offsets = grams.unknown(self.keys)
            frequencies = _term_frequency(unknown, settings.weighting)
            unknown_values = frequencies * np.float64(unknown_weight)
            squares = squares + _row_sums(unknown_offsets, unknown_values**2)
        # divided in double precision, rounded once; a row without known n-grams has no values to divide
        scaled = values / np.repeat(np.sqrt(squares), offsets[1:] - offsets[:-1])
        return scaled.astype(np.float32), columns, offsets


def _term_frequency(counts: NDArray[np.float32], weighting: Weighting) -> NDArray[np.float32]:
    if weighting == "binary":
        return np.ones_like(counts)
    # the logarithm, because the tenth time tells less than the first
    return np.asarray(1 + np.log(counts))


def _row_sums(offsets: NDArray[np.integer], values: NDArray[np.floating]) -> Float64Array:
    """(N,) the sum of `values`, one a stored element of sparse rows, by row, which begin at `offsets`."""
    count = len(offsets) - 1
    rows = np.repeat(np.arange(count), offsets[1:] - offsets[:-1])
    return np.asarray(np.bincount(rows, values, count), np.float64)
