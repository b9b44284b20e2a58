"""How labels lie above each other: ancestors, and decisions that never contradict them.

Dimensions: N products, L labels, E edges from a label to a parent of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from shelfwise.catalog.labels import LabelSet, Paths, parents_of
from shelfwise.core.types import Bools, Matrix, Rows, Scores, State
from shelfwise.errors import TaxonomyError
from shelfwise.taxonomy.closed_sets import best_closure, best_in_forest
from shelfwise.taxonomy.sparse_labels import highest_below

MIN_PROBABILITY = 1e-9
"""Probabilities are taken as at least this far from 0 and from 1, so that their odds are finite."""


@dataclass(frozen=True)
class Taxonomy:
    """A directed acyclic graph over L labels, of any depth: whoever has a label has all labels above it too.

    Args:
        names: the labels, in the order of every (N, L) array.
        edges: (E, 2) child and parent, as indices into `names`; a label may have no parent, one, or several.

    Raises:
        TaxonomyError: a label lies above itself.

    >>> tree = Taxonomy.of_names(("Pets", "Pets > Birds", "Toys"))
    >>> tree.close_under_ancestors(np.array([[False, True, False]])).tolist()
    [[True, True, False]]
    """

    names: tuple[str, ...]
    edges: Rows

    def __post_init__(self) -> None:
        # one step up and then any number of steps must not lead back
        strictly_above = _links(self.edges, len(self.names)) @ self.ancestors
        circular = np.flatnonzero(strictly_above.diagonal())
        if len(circular):
            named = ", ".join(repr(self.names[i]) for i in circular[:5])
            fault = f"these categories lie above themselves: {named}"
            raise TaxonomyError(f"a taxonomy must not go in circles, but {fault}")

    @classmethod
    def of(cls, labels: LabelSet, categories: Sequence[Paths | None]) -> Taxonomy:
        """The taxonomy of a model's labels.

        In ``path`` mode it follows from their names, in ``flat`` mode from the category paths of N products.
        In ``leaf`` mode products have no labels above their own, so none implies another.
        """
        if labels.mode == "leaf":
            return cls(labels.names, np.empty((0, 2), np.int64))
        if labels.mode == "path":
            return cls.of_names(labels.names)
        return cls.of_products(labels.names, categories)

    @classmethod
    def of_names(cls, names: Sequence[str]) -> Taxonomy:
        """The tree that path labels ("A > B > C") carry in their names; homonyms are different labels."""
        parents = parents_of(names)
        children = np.flatnonzero(parents >= 0)
        return cls(tuple(names), np.stack([children, parents[children]], axis=1))

    @classmethod
    def of_products(
        cls, names: Sequence[str], categories: Sequence[Paths | None], certainty: float = 1.0
    ) -> Taxonomy:
        """The taxonomy of flat labels, which merge homonyms: what lies above a label wherever it is found.

        A label implies another if the other stands above it, in one path or another, in at least the share
        `certainty` of the products that have the label. So "Accessories", found below "Women" and below
        "Men", implies neither, and the labels of the products contradict nothing (exactly so where
        `certainty` is 1). Should labels imply each other in a circle, each keeps only what stands nearer to
        the root on average (equally near: by name).

        Args:
            names: L labels; other names in the paths are passed over.
            categories: the paths of N products. For a taxonomy file, take each of its paths for a product.
            certainty: above 0, at most 1.
        """
        with_label, together, depth_sum = _count_products(names, categories)
        needed = certainty * with_label
        implied = [pair for pair, products in together.items() if products >= needed[pair[0]]]
        pairs = np.array(implied, np.int64).reshape(-1, 2)
        # labels in the order of their mean depth, then of their names
        mean_depth = np.divide(
            depth_sum, with_label, out=np.zeros(len(names)), where=with_label > 0
        )
        rank = np.argsort(np.lexsort((np.array(names, dtype=object), mean_depth)))
        # labels that imply each other share a strong component
        component = connected_components(_links(pairs, len(names)), connection="strong")[1]
        child, parent = pairs[:, 0], pairs[:, 1]
        is_kept = (component[child] != component[parent]) | (rank[parent] < rank[child])
        return cls.of_pairs(names, pairs[is_kept])

    @classmethod
    def of_pairs(cls, names: Sequence[str], pairs: Rows) -> Taxonomy:
        """The taxonomy with the fewest edges that imply all `pairs` (P, 2) of label and label above."""
        taxonomy = cls(tuple(names), pairs)
        strictly_above = _flags(_links(pairs, len(names)) @ taxonomy.ancestors)
        # an edge is superfluous where another label lies between its two
        through_others = _flags(strictly_above @ strictly_above)
        kept = strictly_above - strictly_above.multiply(through_others)
        kept.eliminate_zeros()
        edges = np.stack(csr_array(kept).nonzero(), axis=1)
        return cls(tuple(names), edges.astype(np.int64))

    @cached_property
    def ancestors(self) -> csr_array:
        """(L, L) sparse: whether the row's label implies the column's; every label implies itself."""
        return _reach(_links(self.edges, len(self.names)))

    @cached_property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """For each of L labels, the names from the root to it; of several parents the first counts.

        >>> Taxonomy(("Birds", "Pets"), np.array([[0, 1]])).paths
        (('Pets', 'Birds'), ('Pets',))
        """
        paths: list[tuple[str, ...]] = [(name,) for name in self.names]
        # the first in the order of the labels, so that a path is always the same
        first_parent: dict[int, int] = {}
        for child, parent in sorted(self.edges.tolist()):
            first_parent.setdefault(child, parent)
        # each label comes after everything above it, so its parent's path is whole
        for index in self.downwards.tolist():
            if index in first_parent:
                paths[index] = (*paths[first_parent[index]], self.names[index])
        return tuple(paths)

    @cached_property
    def downwards(self) -> Rows:
        """All labels (L,), each after everything above it."""
        # an ancestor has fewer ancestors than its descendants
        return np.argsort(np.diff(self.ancestors.indptr), kind="stable")

    @property
    def is_forest(self) -> bool:
        """Whether no label has more than one parent."""
        return len(np.unique(self.edges[:, 0])) == len(self.edges)

    def close_under_ancestors(self, decided: Matrix) -> Matrix:
        """Decisions (N, L), dense or sparse, and all labels above them."""
        closed = (decided.astype(np.float32) @ self.ancestors) > 0
        return closed if sp.issparse(decided) else np.asarray(closed)

    def contradicted(self, decided: Bools) -> Bools:
        """(N,) products that were given a label without all labels above it."""
        return np.asarray((self.close_under_ancestors(decided) != decided).any(axis=1))

    def propagate_to_ancestors(self, scores: Matrix) -> Matrix:
        """Scores (N, L), each at least that of every label below: the maximum over it and its descendants.

        With one threshold for all labels, deciding on these is closing the decisions: they never contradict
        the taxonomy.
        """
        if sp.issparse(scores):
            return highest_below(scores, self.ancestors)
        # a label's scores side by side, for all products at once
        raised = np.array(scores.T, order="C")
        for label in self.downwards[::-1]:
            for parent in self._parents[label]:
                np.maximum(raised[parent], raised[label], out=raised[parent])
        return np.ascontiguousarray(raised.T)

    def most_probable_consistent(self, probabilities: Scores, thresholds: ArrayLike = 0.5) -> Bools:
        """The most probable decisions (N, L) among those that contradict nothing.

        Labels are taken for independent. Of all sets of labels that hold everything above their members, this
        is the one with the largest product of p over its labels and 1 - p over the others; of equally good
        ones the largest. With thresholds other than 0.5, odds are measured against theirs. Without any edge
        the result is ``probabilities >= thresholds``.

        It is exact: dynamic programming over a forest, otherwise a maximum-weight closure (Picard 1976) by
        minimum cut. The weights there are whole numbers, exact to about a millionth of the sum of log-odds.

        Args:
            probabilities: (N, L), calibrated.
            thresholds: one number or one a label (L,), above 0 and below 1.
        """
        limits = np.asarray(thresholds, dtype=np.float64)
        weights = _log_odds(np.asarray(probabilities, dtype=np.float64)) - _log_odds(limits)
        if self.is_forest:
            return best_in_forest(weights, self.downwards, self._parents)
        chosen = weights >= 0
        closed = self.close_under_ancestors(chosen)
        # where nothing is contradicted the labels of positive weight are the best
        for row in np.flatnonzero((closed != chosen).any(axis=1)):
            # a label can only be worth having for itself, or for one of positive weight below it
            labels = np.flatnonzero(closed[row])
            chosen[row, labels] = best_closure(weights[row, labels], labels, self.edges)
        return chosen

    def state(self) -> State:
        """Everything :meth:`from_state` needs besides the names."""
        return State({"edges": self.edges})

    @classmethod
    def from_state(cls, state: State, names: Sequence[str]) -> Taxonomy:
        """The taxonomy that `state` was taken from."""
        return cls(tuple(names), state.arrays["edges"])

    @cached_property
    def _parents(self) -> list[list[int]]:
        """The indices of each label's parents."""
        parents: list[list[int]] = [[] for _ in self.names]
        for child, parent in self.edges.tolist():
            parents[child].append(parent)
        return parents


def _count_products(
    names: Sequence[str], categories: Sequence[Paths | None]
) -> tuple[NDArray[np.float64], Counter[tuple[int, int]], NDArray[np.float64]]:
    """Products with each label (L,), products with each pair of label and label above, sums of depths (L,).

    A product that has a label at several depths counts with their mean.
    """
    index_of = {name: index for index, name in enumerate(names)}
    with_label = np.zeros(len(names))
    depth_sum = np.zeros(len(names))
    together: Counter[tuple[int, int]] = Counter()
    # most products share their paths with others, so each set of paths is looked at once
    alike = Counter(tuple(map(_stripped, paths or ())) for paths in categories)
    for paths, products in alike.items():
        depths: dict[int, list[int]] = {}
        pairs: set[tuple[int, int]] = set()
        for path in paths:
            # a name that is repeated within a path counts where it comes first
            labels = list(dict.fromkeys(index_of[name] for name in path if name in index_of))
            for level, label in enumerate(labels):
                depths.setdefault(label, []).append(level)
                pairs.update((label, above) for above in labels[:level])
        for label, levels in depths.items():
            with_label[label] += products
            depth_sum[label] += products * sum(levels) / len(levels)
        for pair in pairs:
            together[pair] += products
    return with_label, together, depth_sum


def _stripped(path: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.strip() for name in path if name)


def _links(edges: Rows, count: int) -> csr_array:
    """(L, L) sparse: 1 from each child to its parents."""
    child, parent = edges.T
    ones = np.ones(len(edges), np.int64)
    return csr_array((ones, (child, parent)), (count, count))


def _reach(links: csr_array) -> csr_array:
    """Which labels can be reached from each, itself included."""
    every = np.arange(links.shape[0])
    itself = _links(np.stack([every, every], axis=1), len(every))
    reach = _flags(links + itself)
    # squaring doubles the steps that are covered
    while True:
        further = _flags(reach @ reach)
        if further.nnz == reach.nnz:
            return reach
        reach = further


def _flags(counts: csr_array) -> csr_array:
    """Ones where there is any count; ints, because sparse bools cannot be subtracted."""
    flags = csr_array(counts)
    flags.data = np.ones_like(flags.data)
    return flags


def _log_odds(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    p = np.clip(probabilities, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.asarray(np.log(p) - np.log1p(-p))
