"""The labels of a catalogue that is read batch by batch: counted in one pass, with a few numbers a product.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from shelfwise.catalog.labels import LabelSet, Mode, Paths, flatten
from shelfwise.config import LabelSettings


class CollectedLabels:
    """Every label name of N products, and which product has which: four bytes a product and label.

    Args:
        mode: how category paths become names, see :func:`~shelfwise.catalog.labels.flatten`.
    """

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._ids: dict[str, int] = {}
        self._columns = array("i")
        self._lengths = array("i")

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, categories: Sequence[Paths | None]) -> None:
        """Take note of further products."""
        for paths in categories:
            names = flatten(paths, self._mode)
            # a new name gets the next free number
            self._columns.extend([self._ids.setdefault(name, len(self._ids)) for name in names])
            self._lengths.append(len(names))

    def label_set(self, settings: LabelSettings) -> LabelSet:
        """As :meth:`~shelfwise.catalog.labels.LabelSet.fit` on all products.

        Raises:
            LabelError: no product has a category, or no label is frequent enough.
        """
        numbers = np.bincount(np.asarray(self._columns, np.int64), minlength=len(self._ids))
        counts = dict(zip(self._ids, numbers.tolist(), strict=True))
        return LabelSet.of_counts(counts, len(self), settings)

    def encode(self, labels: LabelSet) -> csr_array:
        """As :meth:`~shelfwise.catalog.labels.LabelSet.encode_sparse` of all products: (N, L)."""
        place = {name: index for index, name in enumerate(labels.names)}
        # -1: a name that is no label
        label_of_name = np.array([place.get(name, -1) for name in self._ids] or [-1], np.int64)
        columns = label_of_name[np.asarray(self._columns, np.int64)]
        products = np.repeat(np.arange(len(self)), np.asarray(self._lengths, np.int64))
        kept = columns >= 0
        ones = np.ones(int(kept.sum()), np.float32)
        shape = (len(self), len(labels))
        return csr_array((ones, (products[kept], columns[kept])), shape=shape)
