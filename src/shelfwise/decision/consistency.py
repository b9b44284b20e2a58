"""Decisions that never contradict the taxonomy, in one of two ways, or left as they are.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from shelfwise.core.types import Bools, Floats
from shelfwise.decision.thresholds import Thresholds, decide
from shelfwise.taxonomy.hierarchy import Taxonomy

Way = Literal["none", "closure", "most_probable"]


@dataclass(frozen=True)
class Consistency:
    """How scores become decisions under a taxonomy.

    Args:
        way: ``none``, labels are decided one by one; ``closure``, a label brings all labels above it, and scores at least as high as
            its own to them; ``most_probable_consistent``, of all sets of labels without a contradiction the likeliest
            (:meth:`~shelfwise.taxonomy.hierarchy.Taxonomy.most_probable_consistent`).
        taxonomy: of the L labels; None, or one without any edge, changes nothing.

    >>> tree = Taxonomy.of_names(("Pets", "Pets > Birds"))
    >>> scores = np.array([[0.4, 0.9]], np.float32)
    >>> [Consistency(way, tree).decide(scores, 0.5).tolist() for way in ("none", "closure", "most_probable")]
    [[[False, True]], [[True, True]], [[True, True]]]
    """

    way: Way
    taxonomy: Taxonomy | None

    def propagate_to_ancestors(self, scores: Floats) -> Floats:
        """The scores (N, L) that decisions, thresholds and promises rest on: by closure a label's is at least that of all below it."""
        tree = self._tree
        return (
            scores
            if tree is None or self.way != "closure"
            else np.asarray(tree.propagate_to_ancestors(scores), np.float32)
        )

    def decide(self, scores: Floats, by: ArrayLike | Thresholds) -> Bools:
        """Decisions (N, L) by `scores`, raised where :meth:`propagate_to_ancestors` does so, and by thresholds as for :func:`~.thresholds.decide`."""
        tree = self._tree
        if tree is None:
            return decide(scores, by)
        if self.way == "most_probable":
            return tree.most_probable_consistent(scores, by.values if isinstance(by, Thresholds) else by)
        return tree.close_under_ancestors(decide(scores, by))  # thresholds may differ from label to label

    @property
    def _tree(self) -> Taxonomy | None:
        return (
            None
            if self.way == "none" or self.taxonomy is None or not len(self.taxonomy.edges)
            else self.taxonomy
        )
