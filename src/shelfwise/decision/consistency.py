"""Decisions that never contradict the taxonomy, in one of two ways, or left as they are.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from shelfwise.core.sparse_scores import by_row_blocks
from shelfwise.core.types import Matrix
from shelfwise.decision.thresholds import Thresholds, decide
from shelfwise.taxonomy.hierarchy import Taxonomy

Way = Literal["none", "closure", "most_probable"]


@dataclass(frozen=True)
class Consistency:
    """How scores become decisions under a taxonomy.

    Args:
        way: ``none``, labels are decided one by one. ``closure``, a label brings all labels above it, which
            are scored at least as high as it is. ``most_probable``, of all sets of labels without a
            contradiction the most probable one
            (:meth:`~shelfwise.taxonomy.hierarchy.Taxonomy.most_probable_consistent`).
        taxonomy: of the L labels; None, or one without any edge, changes nothing.

    >>> tree = Taxonomy.of_names(("Pets", "Pets > Birds"))
    >>> scores = np.array([[0.4, 0.9]], np.float32)
    >>> ways = ("none", "closure", "most_probable")
    >>> [Consistency(way, tree).decide(scores, 0.5).tolist() for way in ways]
    [[[False, True]], [[True, True]], [[True, True]]]
    """

    way: Way
    taxonomy: Taxonomy | None

    def propagate_to_ancestors(self, scores: Matrix) -> Matrix:
        """The scores (N, L), dense or sparse, that decisions, thresholds and promises rest on.

        By closure a label's score is at least that of all labels below it.
        """
        tree = self._tree
        if tree is None or self.way != "closure":
            return scores
        return tree.propagate_to_ancestors(scores).astype(np.float32, copy=False)

    def decide(self, scores: Matrix, by: ArrayLike | Thresholds) -> Matrix:
        """Decisions (N, L), dense or sparse as the scores are.

        Args:
            scores: (N, L), as :meth:`propagate_to_ancestors` gives them.
            by: thresholds, as for :func:`~shelfwise.decision.thresholds.decide`.
        """
        tree = self._tree
        if tree is None:
            return decide(scores, by)
        # the whole set is chosen at once, by how far each score is above or below its threshold
        if self.way == "most_probable":
            limits = by.values if isinstance(by, Thresholds) else by
            return by_row_blocks(lambda rows: tree.most_probable_consistent(rows, limits), scores)
        # scores alone are not enough: thresholds may differ from label to label
        return tree.close_under_ancestors(decide(scores, by))

    @property
    def _tree(self) -> Taxonomy | None:
        """The taxonomy, if it changes anything."""
        if self.way == "none" or self.taxonomy is None:
            return None
        return self.taxonomy if len(self.taxonomy.edges) else None
