"""The scores of a fitted model under a changed set of labels, without training again.

Dimensions: N products, L labels as the model was fitted, K labels as they are now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from shelfwise.core.types import Rows, State
from shelfwise.errors import TaxonomyError


@dataclass(frozen=True)
class LabelMapping:
    """Every new label takes the maximum over the old labels that became it.

    The maximum is what closing under ancestors does too. It keeps "at least one of them passes the threshold"
    true, and assumes nothing about how old labels occur together, which 1 - prod(1 - p) does.

    Args:
        before: the L labels that members, policies and thresholds are about.
        names: the K labels of now, sorted.
        pairs: (E, 2) index into `before`, index into `names`; sorted by the latter, and each of the K occurs.

    >>> became = {"Cups": ["Drinkware"], "Mugs": ["Drinkware"], "Pans": ["Pans"]}
    >>> mapping = LabelMapping.of(("Cups", "Mugs", "Pans"), became)
    >>> mapping.names, mapping.apply(np.array([[0.25, 0.75, 0.5]])).tolist()
    (('Drinkware', 'Pans'), [[0.75, 0.5]])
    """

    before: tuple[str, ...]
    names: tuple[str, ...]
    pairs: Rows

    @classmethod
    def of(cls, before: Sequence[str], became: Mapping[str, Iterable[str]]) -> LabelMapping:
        """From what each label became: one label, several, or none.

        Raises:
            TaxonomyError: no label is left.
        """
        # sorted, as the labels of a trained model are
        names = sorted({name for label in before for name in became[label]})
        if not names:
            fault = f"none of the {len(before)} labels is left after these changes"
            raise TaxonomyError(f"{fault}; keep at least one")
        index_of = {name: index for index, name in enumerate(names)}
        # a set, because a label may become another in more than one way
        pairs: set[tuple[int, int]] = set()
        for old, label in enumerate(before):
            pairs.update((index_of[name], old) for name in became[label])
        # sorted by the new label, then turned round
        by_new_label = np.array(sorted(pairs), np.int64)
        return cls(tuple(before), tuple(names), by_new_label[:, ::-1].copy())

    def apply(self, values: NDArray[Any]) -> NDArray[Any]:
        """Scores or decisions (N, L) as (N, K): the maximum, so of decisions "any"."""
        # reduceat refuses arrays without rows
        if not len(values):
            return np.zeros((0, len(self.names)), values.dtype)
        by_new_label = values[:, self.pairs[:, 0]]
        return np.asarray(np.maximum.reduceat(by_new_label, self._starts, axis=1))

    def apply_sparse(self, rows: Rows, columns: Rows) -> tuple[Rows, Rows]:
        """The ones of targets: rows (E,), ascending, and columns (E,) of L, as those of K."""
        old, new = self.pairs.T
        n_old = len(self.before)
        ones = np.ones(len(self.pairs), np.int8)
        mapping = csc_array((ones, (old, new)), (n_old, len(self.names)))
        # products behind the last one with a label do not matter
        n_products = int(rows.max(initial=-1)) + 1
        ones = np.ones(len(rows), np.int64)
        targets = csc_array((ones, (rows, columns)), (n_products, n_old))
        # a product of counts: not 0 wherever any old label of a new one is set
        new_rows, new_columns = (targets @ mapping).tocsr().nonzero()
        order = np.lexsort((new_columns, new_rows))
        return new_rows[order].astype(np.int64), new_columns[order].astype(np.int64)

    def then(self, later: LabelMapping) -> LabelMapping:
        """This and then `later`, whose `before` are the names here."""
        became_later: list[list[str]] = [[] for _ in self.names]
        for old, new in later.pairs.tolist():
            became_later[old].append(later.names[new])
        became: dict[str, list[str]] = {name: [] for name in self.before}
        for old, new in self.pairs.tolist():
            became[self.before[old]] += became_later[new]
        return LabelMapping.of(self.before, became)

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        return State(
            {"pairs": self.pairs}, {"before": list(self.before), "names": list(self.names)}
        )

    @classmethod
    def from_state(cls, state: State) -> LabelMapping:
        """The mapping that `state` was taken from."""
        before = tuple(state.facts["before"])
        names = tuple(state.facts["names"])
        return cls(before, names, state.arrays["pairs"])

    @cached_property
    def _starts(self) -> Rows:
        """(K,) where each new label's pairs begin."""
        return np.searchsorted(self.pairs[:, 1], np.arange(len(self.names)))
