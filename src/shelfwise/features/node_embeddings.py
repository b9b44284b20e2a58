"""Vectors of a graph's nodes from random walks: nodes that walks visit close together lie close together.

DeepWalk (Perozzi et al. 2014) and node2vec (Grover and Leskovec 2016) train word2vec on the walks. Word2vec
factorises a matrix implicitly; here that matrix is built and factorised directly (Levy and Goldberg 2014;
Qiu et al. 2018), which takes no step size and no epochs.

Dimensions: V nodes, E edges, W walks.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field

from shelfwise.core.loop_checkpoints import Arrays
from shelfwise.core.types import Bools, Context, Floats, PluginSettings, Rows
from shelfwise.features.vector_math import unit

Nodes = NDArray[np.int32]

_PAIRS_PER_BLOCK = 1 << 24
"""Pairs of visits counted at a time: bounds the memory, whatever the number of nodes."""


class WalkSettings(PluginSettings):
    """The defaults are DeepWalk's usual ones; with `p` or `q` the walks are node2vec's."""

    dimensions: int = Field(
        128, ge=1, description="how many numbers a product's vector has; fewer in a smaller graph"
    )
    length: int = Field(
        40, ge=2, description="how many products one walk visits, its first included"
    )
    walks: int = Field(10, ge=1, description="how many walks begin at each product")
    window: int = Field(
        5,
        ge=1,
        description="products at most so many steps apart on a walk count as close to each other",
    )
    p: float = Field(
        1.0,
        ge=0.01,
        le=100,
        description="node2vec's p: above 1 a walk seldom turns back to where it came from, below 1 often",
    )
    q: float = Field(
        1.0,
        ge=0.01,
        le=100,
        description="node2vec's q: above 1 a walk stays close to where it came from, below 1 it moves away",
    )


def walk(
    adjacency: sp.csr_array, starts: Rows, settings: WalkSettings, rng: np.random.Generator
) -> Nodes:
    """One walk (W, length) from each of the nodes `starts` (W,).

    The first step goes to any neighbour with equal chance. A later one, from v after t, goes to the
    neighbour x with a chance proportional to 1/p where x is t, to 1 where x is a neighbour of t, and to 1/q
    elsewhere (node2vec).

    Args:
        adjacency: (V, V); every node that can be reached must have a neighbour.
    """
    visits = np.empty((len(starts), settings.length), np.int32)
    visits[:, 0] = starts
    biased = not settings.p == settings.q == 1
    edges = _edge_keys(adjacency) if biased else None
    for step in range(1, settings.length):
        visits[:, step] = _random_neighbours(adjacency, visits[:, step - 1], rng)
        # the first step has no node before it
        if edges is not None and step > 1:
            _redraw(adjacency, edges, visits[:, step - 2 : step + 1], settings, rng)
    return visits


def closeness(adjacency: sp.csr_array, settings: WalkSettings, context: Context) -> sp.csr_array:
    """How often (V, V) two nodes are visited at most `window` steps apart; symmetric."""
    nodes = adjacency.shape[0]
    rng = np.random.default_rng(context.seed)
    starts = np.tile(np.arange(nodes), settings.walks)
    # each visit is paired with all within the window
    block_size = max(1, _PAIRS_PER_BLOCK // (settings.length * settings.window))
    furthest = min(settings.window, settings.length - 1)
    counts = sp.csr_array((nodes, nodes), dtype=np.float32)
    begun = 0
    marks = {
        "edges": [nodes, adjacency.nnz],
        "settings": settings.model_dump(mode="json"),
        "seed": context.seed,
    }
    checkpoint = context.loops.next(marks)
    kept = checkpoint.load_steps(rng)
    if kept is not None:
        arrays, begun = kept
        parts = (arrays["counts"], arrays["columns"], arrays["rows"])
        counts = sp.csr_array(parts, shape=counts.shape)

    def counted() -> Arrays:
        return {"counts": counts.data, "columns": counts.indices, "rows": counts.indptr}

    for first in range(begun, len(starts), block_size):
        visits = walk(adjacency, starts[first : first + block_size], settings, rng)
        # each visit with the one so many steps later; the other direction is added at the end
        earlier = np.concatenate([visits[:, :-gap].ravel() for gap in range(1, furthest + 1)])
        later = np.concatenate([visits[:, gap:].ravel() for gap in range(1, furthest + 1)])
        ones = np.ones(len(earlier), np.float32)
        counts = counts + sp.coo_array((ones, (earlier, later)), shape=(nodes, nodes)).tocsr()
        checkpoint.keep_steps(first + block_size, rng, counted)
    return sp.csr_array(counts + counts.T)


def node_vectors(adjacency: sp.csr_array, settings: WalkSettings, context: Context) -> Floats:
    """A vector of length 1 for each node, (V, min(V, dimensions)); the same for the same seed.

    The matrix holds ``max(0, log(#(a, b) * total / (#a * #b)))``: how much oftener two nodes meet than by
    chance (positive pointwise mutual information).

    Args:
        adjacency: (V, V) symmetric, every node with a neighbour.
    """
    # a second to import, and needed only here
    from sklearn.utils.extmath import randomized_svd

    counts = closeness(adjacency, settings, context)
    visits = counts.sum(axis=0)
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    by_chance = visits[rows] * visits[counts.indices]
    ratios = counts.data * visits.sum() / by_chance
    counts.data = np.log(np.maximum(ratios, 1)).astype(np.float32)
    counts.eliminate_zeros()
    size = min(settings.dimensions, counts.shape[0])
    left, weight, _ = randomized_svd(counts, size, random_state=context.seed)
    # the square root shares each singular value between both sides, as word2vec's two matrices do
    return np.asarray(unit(left * np.sqrt(weight)), np.float32)


def _random_neighbours(adjacency: sp.csr_array, here: Nodes, rng: np.random.Generator) -> Nodes:
    """(W,) any neighbour of each node in `here` (W,), all with equal chance."""
    first = adjacency.indptr[here]
    degree = adjacency.indptr[here + 1] - first
    drawn = (rng.random(len(here)) * degree).astype(np.int64)
    neighbours: Nodes = adjacency.indices[first + drawn]
    return neighbours


def _redraw(
    adjacency: sp.csr_array,
    edges: Rows,
    steps: Nodes,
    settings: WalkSettings,
    rng: np.random.Generator,
) -> None:
    """Turn third nodes that were drawn with equal chance into ones with node2vec's, in place, by rejection.

    A draw is kept with its own weight relative to the largest, and drawn anew otherwise. That gives the exact
    chances without a table for every edge (Yang et al. 2019, KnightKing).

    Args:
        edges: see :func:`_edge_keys`.
        steps: (W, 3) the node before, the node here, and the draw.
    """
    # by kind: further away, a neighbour of the node before, the node before itself
    weights = np.array([1 / settings.q, 1.0, 1 / settings.p])
    # rejection sampling: the heaviest kind of step is always kept, others in proportion
    keep_chances = weights / weights.max()
    pending = np.arange(len(steps))
    while len(pending):
        before = steps[pending, 0]
        drawn = steps[pending, 2]
        is_near = _are_edges(edges, before, drawn, adjacency.shape[0])
        # 2 goes back, 1 to a neighbour of the node before, 0 further away
        kind = np.where(drawn == before, 2, is_near)
        is_rejected = rng.random(len(pending)) >= keep_chances[kind]
        pending = pending[is_rejected]
        steps[pending, 2] = _random_neighbours(adjacency, steps[pending, 1], rng)


def _edge_keys(adjacency: sp.csr_array) -> Rows:
    """(E,) a number for every edge, rising: row * V + column."""
    rows = np.repeat(np.arange(adjacency.shape[0]), np.diff(adjacency.indptr))
    return np.sort(rows * adjacency.shape[0] + adjacency.indices)


def _are_edges(edges: Rows, one: Nodes, other: Nodes, nodes: int) -> Bools:
    """(W,) whether ``one[i]`` and ``other[i]`` are neighbours; `nodes` is V."""
    keys = one.astype(np.int64) * nodes + other
    # searchsorted gives E for keys above the last one; any edge does, it is not theirs
    place = np.minimum(np.searchsorted(edges, keys), len(edges) - 1)
    return np.asarray(edges[place] == keys)
