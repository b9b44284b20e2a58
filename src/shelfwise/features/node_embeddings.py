"""Vectors of a graph's nodes from random walks: nodes that walks visit close together lie close together.

DeepWalk (Perozzi et al. 2014) and node2vec (Grover and Leskovec 2016) train word2vec on the walks; here the matrix that
word2vec factorises without saying so is built and factorised outright (Levy and Goldberg 2014; Qiu et al. 2018), which
takes no step size and no epochs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field

from shelfwise.core.types import Floats, PluginSettings, Rows

_PAIRS = 1 << 24
"""Pairs of visits counted at a time: bounds the memory, whatever the number of nodes."""


class WalkSettings(PluginSettings):
    """The defaults are DeepWalk's usual ones; with `p` or `q` the walks are node2vec's."""

    dimensions: int = Field(
        128, ge=1, description="numbers of a vector; fewer where the graph has fewer nodes"
    )
    length: int = Field(40, ge=2, description="nodes of a walk, the first included")
    walks: int = Field(10, ge=1, description="walks that begin at each node")
    window: int = Field(5, ge=1, description="nodes at most so many steps apart count as close")
    p: float = Field(
        1.0, ge=0.01, le=100, description="above 1 a walk seldom turns back where it came from, below 1 often"
    )
    q: float = Field(
        1.0,
        ge=0.01,
        le=100,
        description="above 1 a walk stays close to where it came from, below 1 it leaves",
    )


def walk(
    adjacency: sp.csr_array, starts: Rows, settings: WalkSettings, chance: np.random.Generator
) -> NDArray[np.int32]:
    """One walk (W, length) from each of the nodes `starts` (W,).

    The first step goes to any neighbour with equal chance. A later one, from v after t, goes to the neighbour x with a
    chance proportional to 1/p where x is t, to 1 where x is a neighbour of t, and to 1/q elsewhere (node2vec).

    Args:
        adjacency: (V, V); every node that can be reached must have a neighbour.
    """
    visits = np.empty((len(starts), settings.length), np.int32)
    visits[:, 0] = starts
    edges = None if settings.p == settings.q == 1 else _edge_keys(adjacency)
    for step in range(1, settings.length):
        here = visits[:, step - 1]
        visits[:, step] = _neighbour(adjacency, here, chance)
        if edges is not None and step > 1:
            _redraw(adjacency, edges, visits[:, step - 2 : step + 1], settings, chance)
    return visits


def closeness(adjacency: sp.csr_array, settings: WalkSettings, seed: int) -> sp.csr_array:
    """How often (V, V) two nodes are visited at most `window` steps apart; symmetric."""
    nodes, chance = adjacency.shape[0], np.random.default_rng(seed)
    starts = np.tile(np.arange(nodes), settings.walks)
    size = max(1, _PAIRS // (settings.length * settings.window))
    counts = sp.csr_array((nodes, nodes), dtype=np.float32)
    for first in range(0, len(starts), size):
        visits = walk(adjacency, starts[first : first + size], settings, chance)
        reach = range(1, min(settings.window, settings.length - 1) + 1)
        one = np.concatenate([visits[:, :-step].ravel() for step in reach])
        other = np.concatenate([visits[:, step:].ravel() for step in reach])
        counts = (
            counts + sp.coo_array((np.ones(len(one), np.float32), (one, other)), shape=(nodes, nodes)).tocsr()
        )
    return sp.csr_array(counts + counts.T)


def node_vectors(adjacency: sp.csr_array, settings: WalkSettings, seed: int) -> Floats:
    """A vector of length 1 for each node, (V, min(V, dimensions)); the same for the same seed.

    The matrix holds ``max(0, log(#(a, b) * total / (#a * #b)))``, how much oftener two nodes meet than by chance.

    Args:
        adjacency: (V, V) symmetric, every node with a neighbour.
    """
    counts = closeness(adjacency, settings, seed)
    visits = counts.sum(axis=0)
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    counts.data = np.log(
        np.maximum(counts.data * visits.sum() / (visits[rows] * visits[counts.indices]), 1)
    ).astype(np.float32)
    counts.eliminate_zeros()
    size = min(settings.dimensions, counts.shape[0])
    from sklearn.utils.extmath import randomized_svd  # a second to import, and only to learn is it needed

    left, weight, _ = randomized_svd(counts, size, random_state=seed)
    return unit(left * np.sqrt(weight))


def unit(vectors: NDArray[Any]) -> Floats:
    """Every row brought to length 1; rows of 0 stay 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def _neighbour(
    adjacency: sp.csr_array, here: NDArray[np.int32], chance: np.random.Generator
) -> NDArray[np.int32]:
    """(W,) any neighbour of each node in `here` (W,), all with equal chance."""
    first = adjacency.indptr[here]
    degree = adjacency.indptr[here + 1] - first
    found: NDArray[np.int32] = adjacency.indices[first + (chance.random(len(here)) * degree).astype(np.int64)]
    return found


def _redraw(
    adjacency: sp.csr_array,
    edges: Rows,
    steps: NDArray[np.int32],
    settings: WalkSettings,
    chance: np.random.Generator,
) -> None:
    """Turn third nodes that were drawn with equal chance into ones with node2vec's, in place, by rejection.

    A draw is kept with its own weight relative to the largest, and drawn anew otherwise, which gives the exact chances
    without a table for every edge (Yang et al. 2019, KnightKing).

    Args:
        edges: see :func:`_edge_keys`.
        steps: (W, 3) the node before, the node here, and the draw.
    """
    weights = np.array([1 / settings.q, 1.0, 1 / settings.p])
    keep = weights / weights.max()
    pending = np.arange(len(steps))
    while len(pending):
        before, drawn = steps[pending, 0], steps[pending, 2]
        kind = np.where(drawn == before, 2, _are_edges(edges, before, drawn, adjacency.shape[0]))
        pending = pending[chance.random(len(pending)) >= keep[kind]]
        steps[pending, 2] = _neighbour(adjacency, steps[pending, 1], chance)


def _edge_keys(adjacency: sp.csr_array) -> Rows:
    """(E,) a number for every edge, rising: row * V + column."""
    rows = np.repeat(np.arange(adjacency.shape[0]), np.diff(adjacency.indptr))
    return np.sort(rows * adjacency.shape[0] + adjacency.indices)


def _are_edges(
    edges: Rows, one: NDArray[np.int32], other: NDArray[np.int32], nodes: int
) -> NDArray[np.bool_]:
    """(W,) whether ``one[i]`` and ``other[i]`` are neighbours."""
    keys = one.astype(np.int64) * nodes + other
    place = np.minimum(np.searchsorted(edges, keys), len(edges) - 1)
    return np.asarray(edges[place] == keys)
