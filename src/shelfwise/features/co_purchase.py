"""Co-purchase graphs from the lists of ids that products carry.

Ids are 64-bit numbers here, so that a saved graph keeps no text. Among ten million ids the chance that any
two share a number is one in 300,000.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.core.arrow_size import one_array
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Rows
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
        return cls(nodes, binary_matrix(rows, columns, (len(nodes), len(nodes))))

    def find(self, keys: Keys) -> Rows:
        """(K,) the node of each of K keys, -1 where there is none."""
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
        return binary_matrix(edge_rows, edge_columns, (len(rows), len(self.nodes))), own_nodes


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


def binary_matrix(rows: Rows, columns: Rows, shape: tuple[int, int]) -> sp.csr_array:
    """1 at the given places, however often they are given."""
    ones = np.ones(len(rows), np.float32)
    matrix = sp.coo_array((ones, (rows, columns)), shape=shape).tocsr()
    # places that were given twice are 2 so far
    matrix.data[:] = 1
    return matrix
