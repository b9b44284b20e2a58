"""Co-purchase graphs from the lists of ids that products carry, and the labels of a product's neighbours.

Ids are 64-bit numbers here, so that a saved graph keeps no text. Among ten million ids the chance that any
two share a number is one in 300,000.
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

from shelfwise.core.arrow_size import one_array
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

        Args:
            relations: those that count; none named means all.

        Raises:
            ConfigError: the catalogue's `field` is no such map.
        """
        column = _map_column(catalog, field)
        # most products of a request list nothing
        if column.null_count == len(column):
            nobody = np.zeros(len(catalog) + 1, np.int64)
            return cls(id_keys(catalog.ids), nobody, np.zeros(0, np.uint64))
        lists = one_array(column.cast(_LISTS))
        # one entry a product and relation
        owners = pc.list_parent_indices(lists)
        entries = pc.list_flatten(lists)
        ids = pc.struct_field(entries, "ids")
        if relations:
            named = pc.struct_field(entries, "relation")
            wanted = pc.is_in(named, value_set=pa.array(relations, named.type))
            owners = owners.filter(wanted)
            ids = ids.filter(wanted)
        # one entry a product and listed id
        owners = owners.take(pc.list_parent_indices(ids))
        ids = pc.list_flatten(ids)
        given = pc.is_valid(ids)
        owners = owners.filter(given).to_numpy()
        # an id that many products list is hashed once
        encoded = ids.filter(given).dictionary_encode()
        listed = id_keys(encoded.dictionary.to_pylist())[encoded.indices.to_numpy()]
        starts = np.searchsorted(owners, np.arange(len(catalog) + 1))
        return cls(id_keys(catalog.ids), starts, listed)

    def pairs(self, rows: Rows) -> tuple[Rows, Keys]:
        """Each id that the given rows list, with its row's place among `rows`: two arrays of one length."""
        counts = self.starts[rows + 1] - self.starts[rows]
        # 0, 1, 2 ... within each list
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        owners = np.repeat(np.arange(len(rows)), counts)
        places = np.repeat(self.starts[rows], counts) + within
        return owners, self.listed[places]

    @cached_property
    def graph(self) -> Graph:
        """The graph of all these products; shared by every fold."""
        rows, listed = self.pairs(np.arange(len(self.keys)))
        return Graph.build(self.keys[rows], listed)


def relation_lists(catalog: Catalog, field: str, relations: tuple[str, ...]) -> RelationLists:
    """As :meth:`RelationLists.read`; a catalogue's lists are packed once for all who read them alike."""
    return catalog.memoize(
        ("relation lists", field, relations), lambda: RelationLists.read(catalog, field, relations)
    )


def id_keys(ids: list[str]) -> Keys:
    """A 64-bit number for each id, the same in every process."""
    digests = [blake2b(i.encode("utf-8", "surrogatepass"), digest_size=8).digest() for i in ids]
    return np.frombuffer(b"".join(digests), "<u8")


@dataclass(frozen=True)
class Graph:
    """Who is related to whom, in either direction.

    Args:
        nodes: (V,) ids as numbers, rising: products and what they list, all that have a neighbour.
        adjacency: (V, V) symmetric, 1 between neighbours; no node is its own neighbour.
    """

    nodes: Keys
    adjacency: sp.csr_array

    @classmethod
    def build(cls, one: Keys, other: Keys) -> Self:
        """The graph with an edge between ``one[i]`` and ``other[i]``, for each i."""
        apart = one != other
        both = np.concatenate([one[apart], other[apart]])
        nodes, places = np.unique(both, return_inverse=True)
        edges = apart.sum()
        left = places[:edges]
        right = places[edges:]
        # every edge in both directions
        rows = np.concatenate([left, right])
        columns = np.concatenate([right, left])
        return cls(nodes, _binary(rows, columns, (len(nodes), len(nodes))))

    def find(self, keys: Keys) -> Rows:
        """The node of each key, -1 where there is none."""
        if not len(self.nodes):
            return np.full(len(keys), -1)
        # searchsorted gives V for keys above the last one; any node does, it is not theirs
        place = np.minimum(np.searchsorted(self.nodes, keys), len(self.nodes) - 1)
        return np.where(self.nodes[place] == keys, place, -1)

    def neighbours(self, lists: RelationLists, rows: Rows) -> tuple[sp.csr_array, Rows]:
        """Edges (N, V) between the products in `rows` and this graph, listed by either side.

        Returns:
            The edges, and the products' own nodes (N,), -1 where there is none.
        """
        own_nodes = self.find(lists.keys[rows])
        # what the products list themselves, perhaps after the graph was made
        owners, listed = lists.pairs(rows)
        listed_nodes = self.find(listed)
        is_edge = (listed_nodes >= 0) & (listed_nodes != own_nodes[owners])
        # what the graph knows of those that are nodes
        inside = np.flatnonzero(own_nodes >= 0)
        if not len(inside) and not len(listed):
            return sp.csr_array((len(rows), len(self.nodes)), dtype=np.float32), own_nodes
        known = self.adjacency[own_nodes[inside]].tocoo()
        edge_rows = np.concatenate([owners[is_edge], inside[known.row]])
        edge_columns = np.concatenate([listed_nodes[is_edge], known.col])
        return _binary(edge_rows, edge_columns, (len(rows), len(self.nodes))), own_nodes


@dataclass(frozen=True)
class NeighbourLabels:
    """A graph in which some nodes' labels are known.

    Args:
        known: (V,) whose labels are known: the training products.
        labels: (V, L) their labels, 0 for all other nodes.
    """

    graph: Graph
    known: Bools
    labels: sp.csr_array

    @classmethod
    def of(cls, graph: Graph, keys: Keys, targets: Floats | None = None) -> Self:
        """The products `keys` (N,) are known, and have the labels `targets` (N, L).

        Without targets there are no labels, and only :meth:`usable` can be called.
        """
        if targets is None:
            targets = np.zeros((len(keys), 0), np.float32)
        # a product that is given twice counts once
        keys, first = np.unique(keys, return_index=True)
        nodes = graph.find(keys)
        inside = np.flatnonzero(nodes >= 0)
        known = np.zeros(len(graph.nodes), np.bool_)
        known[nodes[inside]] = True
        row, label = np.nonzero(targets[first[inside]])
        shape = (len(graph.nodes), targets.shape[1])
        return cls(graph, known, _binary(nodes[inside][row], label, shape))

    def usable(self, lists: RelationLists, rows: Rows, hops: int) -> Bools:
        """(N,) whether a known product is within `hops` steps, the product itself not counted."""
        if not len(self.graph.nodes):
            return np.zeros(len(rows), np.bool_)
        edges, own_nodes = self.graph.neighbours(lists, rows)
        # no step leads anywhere
        if not edges.nnz:
            return np.zeros(len(rows), np.bool_)
        found = edges @ self.known.astype(np.float32) > 0
        if hops == 2:
            beyond, _ = self._known_beyond(edges, own_nodes)
            found = found | (beyond.sum(axis=1) > 0)
        return np.asarray(found)

    def shares(self, lists: RelationLists, rows: Rows, hops: int) -> sp.csr_array:
        """What share of the known products around has each label: (N, hops * (L + 1)).

        First the share (L) among direct neighbours, and the logarithm of 1 + their number. Then the same a
        step
        further: the mean, over all neighbours, of the shares among their own neighbours. A product's own
            labels never count, not even two steps and back.
        """
        edges, own_nodes = self.graph.neighbours(lists, rows)
        degree = edges @ self.known.astype(np.float32)
        near = _scaled(edges @ self.labels, _inverse(degree))
        parts = [near, _column(np.log1p(degree))]
        if hops == 2:
            parts += self._shares_beyond(edges, own_nodes)
        return sp.csr_array(sp.hstack(parts, format="csr", dtype=np.float32))

    def _shares_beyond(self, edges: sp.csr_array, own_nodes: Rows) -> list[sp.csr_array]:
        """The second step of :meth:`shares`: (N, L) and (N, 1)."""
        beyond, back = self._known_beyond(edges, own_nodes)
        # every neighbour counts once, however many known products lie beyond it
        through = beyond.copy()
        through.data = 1 / beyond.data
        # what the neighbours' sums hold of the product itself
        weight_of_own = through.multiply(back).sum(axis=1)
        own_labels = _scaled(self.labels[np.maximum(own_nodes, 0)], weight_of_own)
        sums = through @ self._neighbour_sums[1] - own_labels
        means = _scaled(sums, _inverse(np.diff(beyond.indptr)))
        # a share below 0 is rounding
        return [means.maximum(0), _column(np.log1p(beyond.sum(axis=1)))]

    @cached_property
    def _neighbour_sums(self) -> tuple[Floats, sp.csr_array]:
        """Of every node the number of known neighbours (V,), and their labels summed (V, L)."""
        adjacency = self.graph.adjacency
        counts = adjacency @ self.known.astype(np.float32)
        return counts, sp.csr_array(adjacency @ self.labels)

    def _known_beyond(
        self, edges: sp.csr_array, own_nodes: Rows
    ) -> tuple[sp.csr_array, sp.csr_array]:
        """For every edge (N, V): the number of known products beyond it, the product itself left out.

        Returns:
            These numbers, and 1 for every edge beyond which the product would meet itself.
        """
        is_known_node = (own_nodes >= 0) & self.known[own_nodes]
        itself = np.flatnonzero(is_known_node)
        around = self.graph.adjacency[own_nodes[itself]].tocoo()
        returns = _binary(itself[around.row], around.col, edges.shape)
        back = sp.csr_array(edges.multiply(returns))
        beyond = edges.copy()
        beyond.data = self._neighbour_sums[0][edges.indices]
        # a difference of sparse matrices keeps no zeros, so edges that lead nowhere are gone
        return sp.csr_array(beyond - back), back


def _map_column(catalog: Catalog, field: str) -> pa.ChunkedArray:
    """The column `field`, if it maps relations to lists of ids."""
    if field not in catalog:
        found = "is not there"
    else:
        column: pa.ChunkedArray = catalog.table.column(field)
        if pa.types.is_map(column.type):
            return column
        found = f"holds {column.type}"
    raise ConfigError(
        f"a graph needs a field that maps relations to lists of ids; {field!r} {found}; "
        "set field to 'related'"
    )


def _binary(rows: Rows, columns: Rows, shape: tuple[int, int]) -> sp.csr_array:
    """1 at the given places, however often they are given."""
    ones = np.ones(len(rows), np.float32)
    matrix = sp.coo_array((ones, (rows, columns)), shape=shape).tocsr()
    # places that were given twice are 2 so far
    matrix.data[:] = 1
    return matrix


def _scaled(matrix: sp.csr_array, factors: NDArray[Any]) -> sp.csr_array:
    """Row i of `matrix` times ``factors[i]``."""
    return sp.csr_array(matrix.multiply(factors[:, None]))


def _inverse(counts: NDArray[Any]) -> Floats:
    """1 / counts, and 0 for 0."""
    return np.asarray((counts > 0) / np.maximum(counts, 1), np.float32)


def _column(values: NDArray[Any]) -> sp.csr_array:
    """Values (N,) as a sparse matrix (N, 1)."""
    return sp.csr_array(values[:, None].astype(np.float32))
