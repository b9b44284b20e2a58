"""What classifiers that join all fields read of each product: counted n-grams and ids, and vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shelfwise.core.types import FieldInputs, Floats, Rows
from shelfwise.text.gram_counts import Grams


@dataclass(frozen=True)
class KernelInputs(FieldInputs):
    """N products: sparse counts, one a kind; and vectors (N, D) by name, 0 where a product has none.

    Args:
        least: one a kind, as :class:`~shelfwise.features.tfidf.NgramCounts` has it.
    """

    grams: tuple[Grams, ...]
    least: tuple[int, ...]
    vectors: Mapping[str, Floats]

    def take(self, rows: Rows) -> KernelInputs:
        """The given rows, in that order."""
        grams = tuple(kind.take(rows) for kind in self.grams)
        vectors = {name: values[rows] for name, values in self.vectors.items()}
        return KernelInputs(self.present[rows], grams, self.least, vectors)
