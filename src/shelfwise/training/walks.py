"""Vectors of a graph's nodes from random walks: nodes that walks visit close together lie close together.

DeepWalk (Perozzi et al. 2014) trains word2vec on the walks; here the matrix that word2vec factorises without saying so is
built and factorised outright (Levy and Goldberg 2014; Qiu et al. 2018), which takes no step size and no epochs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field
from sklearn.utils.extmath import randomized_svd

from shelfwise.contracts import Floats, PluginSettings, Rows

_PAIRS = 1 << 24
"""Pairs of visits counted at a time: bounds the memory, whatever the number of nodes."""


class WalkSettings(PluginSettings):
    """The defaults are DeepWalk's usual ones."""

    dimensions: int = Field(128, ge=1, description="numbers of a vector; fewer where the graph has fewer nodes")
    length: int = Field(40, ge=2, description="nodes of a walk, the first included")
    walks: int = Field(10, ge=1, description="walks that begin at each node")
    window: int = Field(5, ge=1, description="nodes at most so many steps apart count as close")


def walk(adjacency: sp.csr_array, starts: Rows, length: int, chance: np.random.Generator) -> NDArray[np.int32]:
    """One walk (W, length) from each of the nodes `starts` (W,), each step to any neighbour with equal chance.

    Args:
        adjacency: (V, V); every node that can be reached must have a neighbour.
    """
    degree = np.diff(adjacency.indptr)
    visits = np.empty((len(starts), length), np.int32)
    visits[:, 0] = starts
    for step in range(1, length):
        here = visits[:, step - 1]
        visits[:, step] = adjacency.indices[adjacency.indptr[here] + (chance.random(len(here)) * degree[here]).astype(np.int64)]
    return visits


def closeness(adjacency: sp.csr_array, settings: WalkSettings, seed: int) -> sp.csr_array:
    """How often (V, V) two nodes are visited at most `window` steps apart; symmetric."""
    nodes, chance = adjacency.shape[0], np.random.default_rng(seed)
    starts = np.tile(np.arange(nodes), settings.walks)
    size = max(1, _PAIRS // (settings.length * settings.window))
    counts = sp.csr_array((nodes, nodes), dtype=np.float32)
    for first in range(0, len(starts), size):
        visits = walk(adjacency, starts[first : first + size], settings.length, chance)
        reach = range(1, min(settings.window, settings.length - 1) + 1)
        one = np.concatenate([visits[:, :-step].ravel() for step in reach])
        other = np.concatenate([visits[:, step:].ravel() for step in reach])
        counts = counts + sp.coo_array((np.ones(len(one), np.float32), (one, other)), shape=(nodes, nodes)).tocsr()
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
    counts.data = np.log(np.maximum(counts.data * visits.sum() / (visits[rows] * visits[counts.indices]), 1)).astype(np.float32)
    counts.eliminate_zeros()
    size = min(settings.dimensions, counts.shape[0])
    left, weight, _ = randomized_svd(counts, size, random_state=seed)
    return unit(left * np.sqrt(weight))


def unit(vectors: NDArray[Any]) -> Floats:
    """Every row brought to length 1; rows of 0 stay 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
