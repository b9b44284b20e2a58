"""Weighted n-grams and ids of several kinds side by side: what linear classifiers read.

Dimensions: N products, F n-grams and ids of all kinds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.sparse_rows import one_below_another, side_by_side, stack_columns
from shelfwise.core.types import Bools, Floats
from shelfwise.features.tfidf import BagSettings, TfidfVocabulary
from shelfwise.features.tfidf_state import restored_vocabularies, vocabulary_arrays
from shelfwise.text.gram_counts import Grams, SparseParts

ID_COUNTING = BagSettings(words=(1,), letters=(), min_count=2)
"""How ids of related products are weighed: each is a word of its own."""

_PRODUCTS_AT_A_TIME = 8192
"""Products whose n-grams are weighed at a time: on the way to its weight an n-gram takes 60 bytes."""

MIN_KNOWN_LETTERS = 1 / 3
"""Share of a text's n-grams of letters of which more must be known, where none of its words is."""


@dataclass(frozen=True)
class NgramRows:
    """The known n-grams of each kind, and how they are weighed.

    Args:
        vocabularies: one a kind.
        counting: of the n-grams of texts.
        id_scale: factor of the weights of ids, which are the last kind; None where there are no ids.
    """

    vocabularies: tuple[TfidfVocabulary, ...]
    counting: BagSettings
    id_scale: float | None = None

    @classmethod
    def fit(
        cls,
        grams: Sequence[Grams],
        least: Sequence[int],
        counting: BagSettings,
        id_scale: float | None = None,
    ) -> Self:
        """Learn the n-grams of training products, and their weights.

        Args:
            least: one a kind, how many products an n-gram must occur in where `counting` leaves it open.
        """
        counted = _countings(len(grams), counting, id_scale)
        vocabularies = []
        for kind, fewest, how in zip(grams, least, counted, strict=True):
            settled = how.model_copy(update={"min_count": how.min_count or fewest})
            vocabularies.append(TfidfVocabulary.fit(kind, settled))
        return cls(tuple(vocabularies), counting, id_scale)

    def rows(self, grams: Sequence[Grams]) -> sp.csr_array:
        """All kinds side by side (N, F), float32; N-grams that training did not have are left out."""
        count = len(grams[0])
        if count <= _PRODUCTS_AT_A_TIME:
            return self._some_rows(grams)
        blocks = (
            slice(start, start + _PRODUCTS_AT_A_TIME)
            for start in range(0, count, _PRODUCTS_AT_A_TIME)
        )
        parts = (self._some_rows([kind.block(rows) for kind in grams]) for rows in blocks)
        return one_below_another(parts, self.width)

    @property
    def width(self) -> int:
        """F, the n-grams of all kinds."""
        return sum(len(one.keys) for one in self.vocabularies)

    def _some_rows(self, grams: Sequence[Grams]) -> sp.csr_array:
        return stack_columns(self._parts(grams), self._widths)

    @property
    def _widths(self) -> list[int]:
        return [len(one.keys) for one in self.vocabularies]

    def _parts(self, grams: Sequence[Grams]) -> list[SparseParts]:
        """The rows of each kind."""
        counted = _countings(len(grams), self.counting, self.id_scale)
        parts = []
        for vocabulary, kind, how in zip(self.vocabularies, grams, counted, strict=True):
            values, columns, offsets = vocabulary.input_parts(kind, how)
            if how is ID_COUNTING:
                # how much related products count beside words is a setting of its own
                values = values * np.float32(self.id_scale or 0)
            parts.append((values, columns, offsets))
        return parts

    def rows_and_known(self, grams: Sequence[Grams]) -> tuple[SparseParts, Bools]:
        """What :meth:`rows` and :meth:`knows` give, at once and without a matrix: for single products."""
        if len(grams[0]) > _PRODUCTS_AT_A_TIME:
            rows = self.rows(grams)
            return (rows.data, rows.indices, rows.indptr), self.knows(grams)
        parts = self._parts(grams)
        shares = [
            _known_share(kind, offsets) for kind, (_, _, offsets) in zip(grams, parts, strict=True)
        ]
        return side_by_side(parts, self._widths), self._enough(shares)

    def knows(self, grams: Sequence[Grams]) -> Bools:
        """Which of N products have a known word or id, or enough known letters: (N,).

        Any word shares a few letters with some other. They tell something only where many of a text's n-grams
        of letters are known, as with another form of a known word: "mugs" has 3 of its 7 from "mug".
        """
        kinds = zip(self.vocabularies, grams, strict=True)
        return self._enough([_known_share(kind, kind.aligned(one.keys)[2]) for one, kind in kinds])

    def _enough(self, shares: Sequence[Floats]) -> Bools:
        """Whether the known shares (N,) of each kind are knowledge."""
        known = np.zeros(len(shares[0]), np.bool_)
        counted = _countings(len(shares), self.counting, self.id_scale)
        for place, (share, how) in enumerate(zip(shares, counted, strict=True)):
            known |= share > (MIN_KNOWN_LETTERS if _counts_letters(place, how) else 0.0)
        return known

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The n-grams and their weights; :meth:`restored` wants the same settings beside them."""
        return vocabulary_arrays(self.vocabularies)

    @classmethod
    def restored(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        counting: BagSettings,
        id_scale: float | None = None,
    ) -> Self:
        """The rows that `arrays` were taken from."""
        return cls(restored_vocabularies(arrays), counting, id_scale)


def _known_share(grams: Grams, offsets: NDArray[np.integer]) -> Floats:
    """(N,) the share of each product's distinct n-grams that are known; 0 where it has none.

    Args:
        offsets: (N + 1,) where the known n-grams of each product begin, and those of the last end.
    """
    known = offsets[1:] - offsets[:-1]
    return np.asarray(known / np.maximum(grams.distinct, 1), np.float32)


def _countings(kinds: int, counting: BagSettings, id_scale: float | None) -> list[BagSettings]:
    """How each kind is weighed."""
    if id_scale is None:
        return [counting] * kinds
    return [*[counting] * (kinds - 1), ID_COUNTING]


def _counts_letters(place: int, counting: BagSettings) -> bool:
    """Whether the kind at that place is of letters: of a field come words, then letters."""
    if not counting.letters:
        return False
    return not counting.words or place % 2 == 1
