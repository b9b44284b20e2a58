"""Category paths become labels: flattened, the rare ones dropped, and multi-hot (N, L).

A product's categories are a list of paths, each a list of names from the root down, or None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from shelfwise.config import LabelSettings
from shelfwise.core.types import Bools, Floats, Int64Array
from shelfwise.errors import LabelError

Paths = Sequence[Sequence[str]]
Mode = Literal["flat", "path", "leaf"]
SEPARATOR = " > "
_PAPER_MIN_COUNT = 400
_PAPER_PRODUCTS = 119_073


def flatten(paths: Paths | None, mode: Mode) -> set[str]:
    """The labels of one product; a name that occurs twice, even within one path, counts once.

    Args:
        paths: the product's category paths; names are stripped and empty names skipped.
        mode: ``flat`` takes every name of every path (the paper, section 3), so homonyms become one label;
            ``path`` takes every path from the root ("A", "A > B"), so ancestors are labels too; ``leaf``
            takes each path's last name.

    >>> sorted(flatten([["Pets", "Birds", "Feeding"], ["Pets"]], "flat"))
    ['Birds', 'Feeding', 'Pets']
    >>> sorted(flatten([["Pets", "Birds"]], "path"))
    ['Pets', 'Pets > Birds']
    >>> flatten([["Pets", "Birds"]], "leaf")
    {'Birds'}
    """
    stripped = stripped_paths(paths)
    if mode == "flat":
        return {name for path in stripped for name in path}
    if mode == "leaf":
        return {path[-1] for path in stripped if path}
    return {prefix for path in stripped for prefix in accumulate(path, _below)}


def stripped_paths(paths: Paths | None) -> list[list[str]]:
    """The paths with their names stripped, and without empty names; a path of none is empty."""
    stripped = []
    for path in paths or ():
        # names that a source leaves out are None, and others may be blank
        names = [name.strip() for name in path if name]
        stripped.append([name for name in names if name])
    return stripped


def begins_another(path: Sequence[str], paths: Iterable[Sequence[str]]) -> bool:
    """Whether one of the `paths` is `path` and goes on from there, so that it says the same and more.

    >>> begins_another(["Pets"], [["Pets"], ["Pets", "Birds"]])
    True
    """
    return any(path == other[: len(path)] != other for other in paths)


def _below(above: str, name: str) -> str:
    """The path label of a name under a path label."""
    return above + SEPARATOR + name


def parents_of(labels: Sequence[str]) -> Int64Array:
    """The index (L,) of every path label's nearest ancestor among the labels, -1 for those that have none.

    >>> parents_of(["Pets", "Pets > Birds > Feeding", "Toys"]).tolist()
    [-1, 0, -1]
    """
    place = _index_of(labels)

    def nearest(name: str) -> int:
        # one level up at a time, until one of the labels is met
        while SEPARATOR in name:
            name = name.rpartition(SEPARATOR)[0]
            if name in place:
                return place[name]
        return -1

    return np.array([nearest(name) for name in labels], np.int64)


def default_min_count(products: int) -> int:
    """The paper's 400 of 119,073 products, scaled to a catalogue of `products`; never below 2.

    >>> default_min_count(119_073), default_min_count(4_387), default_min_count(10)
    (400, 15, 2)
    """
    # with one product of a label there is nothing to test on
    return max(2, round(_PAPER_MIN_COUNT / _PAPER_PRODUCTS * products))


def _index_of(names: Iterable[str]) -> dict[str, int]:
    """Where each name stands."""
    return {name: index for index, name in enumerate(names)}


@dataclass(frozen=True)
class LabelSet:
    """The L labels a model knows.

    Args:
        names: sorted; the order of every array's label axis.
        mode: how paths become names, see :func:`flatten`.
    """

    names: tuple[str, ...]
    mode: Mode = "flat"

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def fit(
        cls,
        categories: Sequence[Paths | None],
        settings: LabelSettings,
    ) -> LabelSet:
        """The labels that enough of the N products have.

        Enough is ``settings.min_count``, or :func:`default_min_count` where that is not set.

        Raises:
            LabelError: no product has a category, or no label is frequent enough.
        """
        # one long count: a small one for each product would take longer
        every_name = (name for paths in categories for name in flatten(paths, settings.mode))
        return cls.of_counts(Counter(every_name), len(categories), settings)

    @classmethod
    def of_counts(
        cls, counts: Mapping[str, int], products: int, settings: LabelSettings
    ) -> LabelSet:
        """As :meth:`fit`, where it is known how many of the products have each name.

        Raises:
            LabelError: no product has a category, or no label is frequent enough.
        """
        if not counts:
            found = f"none of the {products} products has a category, so there is nothing to learn"
            raise LabelError(f"{found}; check which column of the source holds the categories")
        min_count = settings.min_count or default_min_count(products)
        frequent = [name for name, count in counts.items() if count >= min_count]
        # the most frequent one shows how far the setting is off
        if not frequent:
            name = max(counts, key=lambda name: counts[name])
            found = f"the most frequent, {name!r}, has {counts[name]}"
            fix = "lower --min-count, labels.min_count in settings"
            raise LabelError(f"no label has {min_count} products; {found}; {fix}")
        return cls(tuple(sorted(frequent)), settings.mode)

    def encode(self, categories: Sequence[Paths | None]) -> Floats:
        """Multi-hot targets (N, L) of 0 and 1; unknown names and products without categories give zeros."""
        dense: Floats = self.encode_sparse(categories).toarray()
        return dense

    def encode_sparse(self, categories: Sequence[Paths | None]) -> csr_array:
        """As :meth:`encode`, as sparse rows (N, L), float32, their columns rising."""
        column = _index_of(self.names)
        columns: list[int] = []
        ends = [0]
        for paths in categories:
            names = flatten(paths, self.mode)
            # the names of a product come in any order
            columns += sorted(column[name] for name in names if name in column)
            ends.append(len(columns))
        ones = np.ones(len(columns), np.float32)
        parts = (ones, np.array(columns, np.int64), np.array(ends, np.int64))
        return csr_array(parts, shape=(len(ends) - 1, len(self)))

    def count_unknown(self, categories: Iterable[Paths | None]) -> tuple[Counter[str], int]:
        """The labels of products that are not among these: how many products have each.

        Returns:
            These counts, and how many labels the products have in all, each counted once a product.
        """
        known = set(self.names)
        unknown = Counter[str]()
        total = 0
        for paths in categories:
            names = flatten(paths, self.mode)
            total += len(names)
            unknown.update(names - known)
        return unknown, total

    def decode(self, decided: Bools) -> list[list[str]]:
        """The names behind decisions (N, L), sorted within each product.

        >>> LabelSet(("Birds", "Pets")).decode(np.array([[True, True], [False, False]]))
        [['Birds', 'Pets'], []]
        """
        # the columns of all products, one product after the other, and where each product's end
        columns = np.nonzero(decided)[1].tolist()
        counts = np.count_nonzero(decided, axis=1)
        ends = np.cumsum(counts).tolist()
        decoded = []
        begin = 0
        for end in ends:
            names = [self.names[column] for column in columns[begin:end]]
            decoded.append(names)
            begin = end
        return decoded


def stable_labels(
    categories: Sequence[Paths | None],
    settings: LabelSettings,
) -> tuple[LabelSet, Int64Array]:
    """The paper's filter (section 3): drop rare labels, then products left without one.

    One round is stable already: a product that is dropped carries no kept label, so no kept label loses a
    product (the minimum count itself is fixed by the N products that came in).

    Returns:
        The labels, and the rows of the products that keep at least one, ascending.

    Raises:
        LabelError: as :meth:`LabelSet.fit`.
    """
    labels = LabelSet.fit(categories, settings)
    targets = labels.encode_sparse(categories)
    return labels, np.flatnonzero(np.diff(targets.indptr))
