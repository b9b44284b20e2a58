"""Similar products: the training products nearest in the space of the deciding system's features.

A product's vector is its members' features, each scaled to length 1 (0 where the member is absent), side by side, so that
the inner product of two products is the sum of their cosines over the fields that both have. Kept are at most
:data:`WIDTH` numbers a product: each member's features are turned onto the directions in which they vary most and
scaled to length 1 again, which leaves every product its own nearest.

Dimensions: N products of the index, Q queries, M members, D features of one member, W numbers kept of a product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.types import Floats, Rows, State
from shelfwise.errors import CatalogError, PluginError
from shelfwise.features.vector_math import unit

WIDTH = 256
"""Most numbers kept of a product, shared out evenly among the members."""

OBSERVED = 20_000
"""Most products from which the directions are learnt."""


@dataclass(frozen=True)
class Neighbours:
    """An exact inner-product index over N products.

    Args:
        vectors: (N, W), half precision.
        turns: by member, in the vectors' order, the directions (D, W_m) that are kept.
        ids, titles: of the N products; a title may be None.
        label_rows, label_columns: the places of the ones in the targets (N, L), row by row.
    """

    vectors: NDArray[np.float16]
    turns: Mapping[str, Floats]
    ids: Sequence[str]
    titles: Sequence[str | None]
    label_rows: Rows
    label_columns: Rows

    @classmethod
    def of(
        cls, features: Mapping[str, Floats], ids: Sequence[str], titles: Sequence[str | None], targets: Floats
    ) -> Neighbours:
        """The index over products with these features, (N, D) by member."""
        turns = {name: _directions(unit(part), WIDTH // len(features)) for name, part in features.items()}
        rows, columns = np.nonzero(targets)
        return cls(_turned(features, turns).astype(np.float16), turns, ids, titles, rows, columns)

    def nearest(self, features: Mapping[str, Floats], k: int) -> tuple[Floats, Rows]:
        """The k nearest of each of Q products, nearest first; fewer where the index holds fewer.

        Returns:
            Similarities (Q, k): the mean cosine over the query's fields, in [-1, 1]; rows of the index (Q, k), -1 for a
            query that has no field.

        Raises:
            PluginError: faiss is not installed.
        """
        return self._search(_turned(features, self.turns), k)

    def nearest_to(self, name: str, k: int) -> tuple[Floats, Rows]:
        """The k nearest (1, k) of the indexed product with the id `name`, itself left out.

        Raises:
            CatalogError: the index has no such product.
        """
        if name not in self._places:
            raise CatalogError(
                f"the model was not trained on a product with the id {name!r}; describe it with --title, --description or --image"
            )
        return self.nearest_others([name], k)

    def nearest_others(self, names: Sequence[str], k: int) -> tuple[Floats, Rows]:
        """The k nearest (Q, k) of each of Q indexed products, named by their ids, itself left out; else as :meth:`nearest`."""
        own = np.array([self._places[name] for name in names], np.int64)
        similarities, rows = self._search(self.vectors[own].astype(np.float32), k + 1)
        others = np.argsort(rows == own[:, None], axis=1, kind="stable")[
            :, : max(min(k, len(self.ids) - 1), 0)
        ]
        return np.take_along_axis(similarities, others, axis=1), np.take_along_axis(rows, others, axis=1)

    def labels_of(self, row: int) -> Rows:
        """The columns of the labels of one product."""
        first, last = np.searchsorted(self.label_rows, [row, row + 1])
        return self.label_columns[first:last]

    def targets(self, labels: int) -> NDArray[np.bool_]:
        """(N, L) the labels of all products."""
        whole = np.zeros((len(self.ids), labels), np.bool_)
        whole[self.label_rows, self.label_columns] = True
        return whole

    def state(self) -> State:
        """Plain arrays; the index is built from them when it is first asked."""
        arrays: dict[str, NDArray[Any]] = {
            "vectors": self.vectors,
            "label_rows": self.label_rows,
            "label_columns": self.label_columns,
        }
        arrays |= {f"turn.{name}": turn for name, turn in self.turns.items()}
        return State(
            arrays, {"members": list(self.turns), "ids": list(self.ids), "titles": list(self.titles)}
        )

    @classmethod
    def from_state(cls, state: State) -> Neighbours:
        """The index that `state` was taken from."""
        turns = {name: state.arrays[f"turn.{name}"] for name in state.facts["members"]}
        places = state.arrays["label_rows"], state.arrays["label_columns"]
        return cls(state.arrays["vectors"], turns, state.facts["ids"], state.facts["titles"], *places)

    @cached_property
    def _index(self) -> Any:
        try:
            import faiss
        except ModuleNotFoundError:
            raise PluginError(
                "finding similar products needs the library 'faiss'; install it with: pip install 'shelfwise[similar]'"
            ) from None
        index = faiss.IndexFlatIP(self.vectors.shape[1])
        index.add(self.vectors.astype(np.float32))
        return index

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids)}

    def _search(self, queries: Floats, k: int) -> tuple[Floats, Rows]:
        similarities, rows = self._index.search(np.ascontiguousarray(queries), min(k, len(self.ids)))
        fields = np.square(queries).sum(axis=1, keepdims=True)  # every field that is there has length 1
        known = fields > 0.5
        similarities = np.where(known, np.clip(similarities / np.maximum(fields, 1), -1, 1), 0).astype(
            np.float32
        )
        return similarities, np.where(known, rows, -1)


def _directions(vectors: Floats, width: int) -> Floats:
    """(D, W) the directions in which unit vectors (N, D) are longest on average, not centred: cosines are what is kept."""
    if vectors.shape[1] <= width:
        return np.eye(vectors.shape[1], dtype=np.float32)
    seen = vectors[:: -(-len(vectors) // OBSERVED) or 1].astype(np.float64)
    return np.linalg.eigh(seen.T @ seen)[1][:, ::-1][:, :width].astype(np.float32)


def _turned(features: Mapping[str, Floats], turns: Mapping[str, Floats]) -> Floats:
    return np.concatenate([unit(unit(features[name]) @ turn) for name, turn in turns.items()], axis=1)
