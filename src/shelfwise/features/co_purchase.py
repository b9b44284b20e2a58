"""Who is related to whom, and what labels the related ones have: graphs from the lists of ids that products carry.

Ids are 64-bit numbers here, so that a saved graph keeps no text; among ten million ids the chance that any two share a number is
one in 300,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Floats, Rows
from shelfwise.errors import ConfigError

Keys = NDArray[np.uint64]

_LISTS = pa.list_(pa.struct([("relation", pa.string()), ("ids", pa.list_(pa.string()))]))


@dataclass(frozen=True)
class RelationLists:
    """What each of C products lists, every id as a number.

    Args:
        keys: (C,) the products.
        starts: (C + 1,) where each product's list begins.
        listed: (E,) the lists, end to end.
    """

    keys: Keys
    starts: Rows
    listed: Keys

    @classmethod
    def read(cls, catalog: Catalog, field: str, relations: tuple[str, ...]) -> Self:
        """Pack the lists of `field`, a map from relation to ids.

        Raises:
            ConfigError: the catalogue's `field` is no such map.
        """
        column = catalog.table.column(field) if field in catalog else None
        if column is None or not pa.types.is_map(column.type):
            found = "is not there" if column is None else f"holds {column.type}"
            raise ConfigError(
                f"a graph needs a field that maps relations to lists of ids; {field!r} {found}; set field to 'related'"
            )
        lists = column.combine_chunks().cast(_LISTS)
        owners, relation = pc.list_parent_indices(lists), pc.list_flatten(lists)
        wanted = pc.is_in(pc.struct_field(relation, "relation"), pa.array(relations)) if relations else None
        ids = pc.struct_field(relation, "ids")
        owners, ids = (owners, ids) if wanted is None else (owners.filter(wanted), ids.filter(wanted))
        owners, ids = owners.take(pc.list_parent_indices(ids)), pc.list_flatten(ids)
        named = pc.is_valid(ids)
        owners, ids = owners.filter(named).to_numpy(), ids.filter(named).dictionary_encode()
        listed = id_keys(ids.dictionary.to_pylist())[ids.indices.to_numpy()]
        return cls(id_keys(catalog.ids), np.searchsorted(owners, np.arange(len(catalog) + 1)), listed)

    def pairs(self, rows: Rows) -> tuple[Rows, Keys]:
        """Of the given rows each listed id, with its place among the rows: two arrays of one length."""
        counts = self.starts[rows + 1] - self.starts[rows]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(np.arange(len(rows)), counts), self.listed[
            np.repeat(self.starts[rows], counts) + within
        ]

    @cached_property
    def graph(self) -> Graph:
        """The graph of all these products; shared by every fold."""
        rows, listed = self.pairs(np.arange(len(self.keys)))
        return Graph.build(self.keys[rows], listed)


def id_keys(ids: list[str]) -> Keys:
    """A 64-bit number for each id, the same in every process, so that no graph has to keep its ids as text."""
    return np.frombuffer(
        b"".join(blake2b(i.encode("utf-8", "surrogatepass"), digest_size=8).digest() for i in ids), "<u8"
    )


@dataclass(frozen=True)
class Graph:
    """Who is related to whom, in either direction.

    Args:
        nodes: (V,) ids as numbers, rising: products and what they list, all that have a neighbour.
        adjacency: (V, V) symmetric, 1 between neighbours, nobody being a neighbour of itself.
    """

    nodes: Keys
    adjacency: sp.csr_array

    @classmethod
    def build(cls, one: Keys, other: Keys) -> Self:
        """The graph with an edge between ``one[i]`` and ``other[i]``, for each i."""
        apart = one != other
        nodes, places = np.unique(np.concatenate([one[apart], other[apart]]), return_inverse=True)
        left, right = places[: apart.sum()], places[apart.sum() :]
        return cls(
            nodes,
            _binary(np.concatenate([left, right]), np.concatenate([right, left]), (len(nodes), len(nodes))),
        )

    def find(self, keys: Keys) -> Rows:
        """The node of each key, -1 where there is none."""
        if not len(self.nodes):
            return np.full(len(keys), -1)
        place = np.minimum(np.searchsorted(self.nodes, keys), len(self.nodes) - 1)
        return np.where(self.nodes[place] == keys, place, -1)

    def neighbours(self, listing: RelationLists, rows: Rows) -> tuple[sp.csr_array, Rows]:
        """Edges (N, V) between the products in `rows` and this graph, listed by either side; and their own nodes (N,) or -1."""
        own = self.find(listing.keys[rows])
        owner, listed = listing.pairs(rows)
        node = self.find(listed)
        known = (node >= 0) & (node != own[owner])
        inside = np.flatnonzero(own >= 0)
        other = self.adjacency[own[inside]].tocoo()
        places = np.concatenate([owner[known], inside[other.row]]), np.concatenate([node[known], other.col])
        return _binary(*places, (len(rows), len(self.nodes))), own


@dataclass(frozen=True)
class NeighbourLabels:
    """A graph in which some nodes' labels are known.

    Args:
        known: (V,) whose labels are known: the training products, and nobody else.
        labels: (V, L) their labels, 0 for everybody else.
    """

    graph: Graph
    known: Bools
    labels: sp.csr_array

    @classmethod
    def of(cls, graph: Graph, keys: Keys, targets: Floats | None = None) -> Self:
        """The products `keys` (N,) are known, and have the labels `targets` (N, L); without targets it is only told who is known."""
        keys, first = np.unique(keys, return_index=True)
        nodes = graph.find(keys)
        inside = np.flatnonzero(nodes >= 0)
        known = np.zeros(len(graph.nodes), np.bool_)
        known[nodes[inside]] = True
        row, label = np.nonzero(np.zeros((len(inside), 0)) if targets is None else targets[first[inside]])
        width = 0 if targets is None else targets.shape[1]
        return cls(graph, known, _binary(nodes[inside][row], label, (len(graph.nodes), width)))

    @cached_property
    def _around(self) -> tuple[Floats, sp.csr_array]:
        """Of every node the number of known neighbours (V,), and their labels summed (V, L)."""
        return self.graph.adjacency @ self.known.astype(np.float32), sp.csr_array(
            self.graph.adjacency @ self.labels
        )

    def _ways(self, edges: sp.csr_array, own: Rows) -> tuple[sp.csr_array, sp.csr_array]:
        """For every edge (N, V): the number of known products beyond it, oneself left out; and 1 where one would meet oneself."""
        itself = np.flatnonzero((own >= 0) & self.known[own])
        around_me = self.graph.adjacency[own[itself]].tocoo()
        back = sp.csr_array(edges.multiply(_binary(itself[around_me.row], around_me.col, edges.shape)))
        beyond = edges.copy()
        beyond.data = self._around[0][edges.indices]
        return sp.csr_array(beyond - back), back  # a difference keeps no zeros

    def usable(self, listing: RelationLists, rows: Rows, hops: int) -> Bools:
        """(N,) whether a known product is within `hops` steps, oneself not counted."""
        if not len(self.graph.nodes):
            return np.zeros(len(rows), np.bool_)
        edges, own = self.graph.neighbours(listing, rows)
        found = edges @ self.known.astype(np.float32) > 0
        return np.asarray(found if hops == 1 else found | (self._ways(edges, own)[0].sum(axis=1) > 0))

    def shares(self, listing: RelationLists, rows: Rows, hops: int) -> sp.csr_array:
        """What share of the known products around has each label: (N, hops * (L + 1)).

        First the share (L) among direct neighbours, and the logarithm of 1 + their number. Then the same a step further: the mean, over
        all neighbours, of the shares among their own neighbours. A product's own labels never count, not even two steps and back.
        """
        edges, own = self.graph.neighbours(listing, rows)
        degree = edges @ self.known.astype(np.float32)
        parts = [_scaled(edges @ self.labels, _inverse(degree)), _column(np.log1p(degree))]
        if hops == 2:
            ways, back = self._ways(edges, own)
            through = ways.copy()
            through.data = 1 / ways.data
            myself = _scaled(self.labels[np.maximum(own, 0)], through.multiply(back).sum(axis=1))
            further = _scaled(through @ self._around[1] - myself, _inverse(np.diff(ways.indptr)))
            parts += [further.maximum(0), _column(np.log1p(ways.sum(axis=1)))]  # below 0 is rounding
        return sp.csr_array(sp.hstack(parts, format="csr", dtype=np.float32))


def _binary(rows: Rows, columns: Rows, shape: tuple[int, int]) -> sp.csr_array:
    """1 at the given places, however often they are given."""
    matrix = sp.coo_array((np.ones(len(rows), np.float32), (rows, columns)), shape=shape).tocsr()
    matrix.data[:] = 1
    return matrix


def _scaled(matrix: sp.csr_array, factors: NDArray[Any]) -> sp.csr_array:
    """Row i of `matrix` times ``factors[i]``."""
    return sp.csr_array(matrix.multiply(factors[:, None]))


def _inverse(counts: NDArray[Any]) -> Floats:
    """1 / counts, and 0 for 0."""
    return np.asarray((counts > 0) / np.maximum(counts, 1), np.float32)


def _column(values: NDArray[Any]) -> sp.csr_array:
    return sp.csr_array(values[:, None].astype(np.float32))
