"""How labels hang together: ancestors, and decisions that never contradict them.

Dimensions: N products, L labels, E edges from a label to a parent of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, maximum_flow

from shelfwise.catalog.labels import LabelSet, Paths, parents_of
from shelfwise.core.types import Bools, Rows, Scores, State
from shelfwise.errors import TaxonomyError

SMALLEST = 1e-9
"""Probabilities are taken as at least this far from 0 and from 1, so that their odds are finite."""


@dataclass(frozen=True)
class Taxonomy:
    """A directed acyclic graph over L labels, of any depth: whoever has a label has all labels above it too.

    Args:
        names: the labels, in the order of every (N, L) array.
        edges: (E, 2) child and parent, as places in `names`; a label may have no parent, one, or several.

    Raises:
        TaxonomyError: a label lies above itself.

    >>> tree = Taxonomy.of_names(("Pets", "Pets > Birds", "Toys"))
    >>> tree.close_under_ancestors(np.array([[False, True, False]])).tolist()
    [[True, True, False]]
    """

    names: tuple[str, ...]
    edges: Rows

    def __post_init__(self) -> None:
        circular = np.flatnonzero((_links(self.edges, len(self.names)) @ self.ancestors).diagonal())
        if len(circular):
            named = ", ".join(repr(self.names[i]) for i in circular[:5])
            raise TaxonomyError(
                f"a taxonomy must not go in circles, but these categories lie above themselves: {named}"
            )

    @classmethod
    def of(cls, labels: LabelSet, categories: Sequence[Paths | None]) -> Taxonomy:
        """The taxonomy of a model's labels: from their own names in ``path`` mode, from the category paths of N products in ``flat`` mode.

        In ``leaf`` mode products have no labels above their own, so none implies another.
        """
        if labels.mode == "leaf":
            return cls(labels.names, np.empty((0, 2), np.int64))
        return (
            cls.of_names(labels.names) if labels.mode == "path" else cls.of_products(labels.names, categories)
        )

    @classmethod
    def of_names(cls, names: Sequence[str]) -> Taxonomy:
        """The tree that path labels ("A > B > C") carry in their names; a homonym elsewhere is another label."""
        parents = parents_of(names)
        children = np.flatnonzero(parents >= 0)
        return cls(tuple(names), np.stack([children, parents[children]], axis=1))

    @classmethod
    def of_products(
        cls, names: Sequence[str], categories: Sequence[Paths | None], certainty: float = 1.0
    ) -> Taxonomy:
        """The taxonomy of flat labels, which merge homonyms: what lies above a label wherever it is found.

        A label implies another if the other stands above it, in one path or another, in at least the share `certainty` of
        the products that have the label. So "Accessories", found below "Women" and below "Men", implies neither, and the
        labels of the products contradict nothing (exactly so where `certainty` is 1). Should labels imply each other
        in a circle, each keeps only what stands nearer to the root on average (equally near: by name).

        Args:
            names: L labels; other names in the paths are passed over.
            categories: the paths of N products. For a taxonomy file, take each of its paths for a product.
            certainty: above 0, at most 1.
        """
        carried, above, depth = _counted(names, categories)
        pairs = np.array(
            [pair for pair, n in above.items() if n >= certainty * carried[pair[0]]], np.int64
        ).reshape(-1, 2)
        mean_depth = np.divide(depth, carried, out=np.zeros(len(names)), where=carried > 0)
        rank = np.argsort(np.lexsort((np.array(names, dtype=object), mean_depth)))
        circle = connected_components(_links(pairs, len(names)), connection="strong")[1]
        child, parent = pairs[:, 0], pairs[:, 1]
        return cls.of_pairs(names, pairs[(circle[child] != circle[parent]) | (rank[parent] < rank[child])])

    @classmethod
    def of_pairs(cls, names: Sequence[str], pairs: Rows) -> Taxonomy:
        """The taxonomy with the fewest edges that imply what the `pairs` (P, 2) of label and label above imply."""
        taxonomy = cls(tuple(names), pairs)
        strict = _flags(_links(pairs, len(names)) @ taxonomy.ancestors)
        kept = strict - strict.multiply(_flags(strict @ strict))
        kept.eliminate_zeros()
        return cls(tuple(names), np.stack(csr_array(kept).nonzero(), axis=1).astype(np.int64))

    @cached_property
    def ancestors(self) -> csr_array:
        """(L, L) sparse: whether the row's label implies the column's; every label implies itself."""
        return _reach(_links(self.edges, len(self.names)))

    @cached_property
    def downwards(self) -> Rows:
        """All labels, each after everything above it."""
        return np.argsort(np.diff(self.ancestors.indptr), kind="stable")

    @property
    def is_forest(self) -> bool:
        """Whether no label has more than one parent."""
        return len(np.unique(self.edges[:, 0])) == len(self.edges)

    def close_under_ancestors(self, decided: Bools) -> Bools:
        """Decisions (N, L), and all labels above them."""
        return np.asarray((np.asarray(decided, np.float32) @ self.ancestors) > 0)

    def contradicted(self, decided: Bools) -> Bools:
        """(N,) products that were given a label without all labels above it."""
        return np.asarray((self.close_under_ancestors(decided) != decided).any(axis=1))

    def propagate_to_ancestors(self, scores: Scores) -> Scores:
        """Scores (N, L), each at least that of every label below: the maximum over the label and its descendants.

        With one threshold for all labels, deciding on these is closing the decisions: they never contradict the taxonomy.
        """
        raised = np.array(scores.T, order="C")
        for label in self.downwards[::-1]:
            for parent in self._parents[label]:
                np.maximum(raised[parent], raised[label], out=raised[parent])
        return np.ascontiguousarray(raised.T)

    def most_probable_consistent(self, probabilities: Scores, thresholds: ArrayLike = 0.5) -> Bools:
        """The likeliest decisions (N, L) among those that contradict nothing.

        Taking labels for independent, of all sets of labels that hold everything above their members, this is the one
        with the largest product of p over its labels and 1 - p over the others; of equally good ones the largest.
        With thresholds other than 0.5, odds are measured against theirs; without any edge the answer is
        ``probabilities >= thresholds``. Exact: dynamic programming over a forest; otherwise a maximum-weight closure (Picard
        1976) by minimum cut, whose weights are whole numbers (exact to about a millionth of the sum of log-odds).

        Args:
            probabilities: (N, L), calibrated.
            thresholds: one number or one a label (L,), above 0 and below 1.
        """
        limits = np.asarray(thresholds, dtype=np.float64)
        weights = _log_odds(np.asarray(probabilities, dtype=np.float64)) - _log_odds(limits)
        if self.is_forest:
            return self._best_in_forest(weights)
        chosen = weights >= 0
        wanted = self.close_under_ancestors(chosen)
        for row in np.flatnonzero((wanted != chosen).any(axis=1)):
            labels = np.flatnonzero(wanted[row])  # nothing else can be worth having
            chosen[row, labels] = self._best_closure(weights[row, labels], labels)
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
        parents: list[list[int]] = [[] for _ in self.names]
        for child, parent in self.edges.tolist():
            parents[child].append(parent)
        return parents

    def _best_in_forest(self, weights: NDArray[np.float64]) -> Bools:
        """What each label gains with the best of everything below it, bottom up; then taken from the top down."""
        gains = np.array(weights.T, order="C")
        for label in self.downwards[::-1]:
            for parent in self._parents[label]:
                gains[parent] += np.maximum(gains[label], 0)
        chosen = gains >= 0
        for label in self.downwards:
            for parent in self._parents[label]:
                chosen[label] &= chosen[parent]
        return np.ascontiguousarray(chosen.T)

    def _best_closure(self, weights: NDArray[np.float64], labels: Rows) -> Bools:
        """(K,) which of K `labels`, whose ancestors are among them, make the heaviest set closed under ancestors."""
        count = len(labels)
        source, sink = count, count + 1
        edges = np.searchsorted(labels, self.edges[np.isin(self.edges[:, 0], labels)])
        worth = np.rint(weights * ((1 << 29) / np.abs(weights).sum())).astype(np.int32)
        good, bad = np.flatnonzero(worth > 0), np.flatnonzero(worth < 0)
        tails = np.concatenate([np.full(len(good), source), bad, edges[:, 0]])
        heads = np.concatenate([good, np.full(len(bad), sink), edges[:, 1]])
        room = np.concatenate([worth[good], -worth[bad], np.full(len(edges), 1 << 30, np.int32)])
        network = csr_array((room, (tails, heads)), (count + 2, count + 2))
        left = network - maximum_flow(network, source, sink).flow
        left.eliminate_zeros()
        dropped = breadth_first_order(
            csr_array(left.T), sink, return_predecessors=False
        )  # on the sink's side of the cut
        return np.asarray(~np.isin(np.arange(count), dropped))


def _counted(
    names: Sequence[str], categories: Sequence[Paths | None]
) -> tuple[NDArray[np.float64], Counter[tuple[int, int]], NDArray[np.float64]]:
    """Products with each label (L,); products in which one label stands below another; depths, summed over products (L,)."""
    place = {name: index for index, name in enumerate(names)}
    alike = Counter(
        tuple(tuple(name.strip() for name in path if name) for path in paths or ()) for paths in categories
    )
    carried, depth = np.zeros(len(names)), np.zeros(len(names))
    above: Counter[tuple[int, int]] = Counter()
    for paths, products in alike.items():
        known = [list(dict.fromkeys(place[name] for name in path if name in place)) for path in paths]
        depths: dict[int, list[int]] = {}
        for path in known:
            for level, label in enumerate(path):
                depths.setdefault(label, []).append(level)
        for label, levels in depths.items():
            carried[label] += products
            depth[label] += products * sum(levels) / len(levels)
        for pair in {
            (child, parent) for path in known for level, child in enumerate(path) for parent in path[:level]
        }:
            above[pair] += products
    return carried, above, depth


def _links(edges: Rows, count: int) -> csr_array:
    return csr_array((np.ones(len(edges), np.int64), (edges[:, 0], edges[:, 1])), (count, count))


def _reach(links: csr_array) -> csr_array:
    """Which labels can be reached from each, itself included; squared until nothing is new."""
    reach = _flags(
        links + csr_array((np.ones(links.shape[0], np.int64), (np.arange(links.shape[0]),) * 2), links.shape)
    )
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
    p = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(p) - np.log1p(-p))
