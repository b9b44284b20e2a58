"""The answers of a fitted model under a changed set of labels, without training again.

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
    """Every label of now takes the maximum over labels of before.

    The maximum is what closing under ancestors does too, it keeps "at least one of them passes the threshold" true, and it
    assumes nothing about how labels of before occur together, which 1 - prod(1 - p) does.

    Args:
        before: the L labels that members, policies and thresholds are about.
        names: the K labels of now, sorted.
        pairs: (E, 2) place before, place now; sorted by the latter, and each of the K occurs.

    >>> both = LabelMapping.of(("Cups", "Mugs", "Pans"), {"Cups": ["Drinkware"], "Mugs": ["Drinkware"], "Pans": ["Pans"]})
    >>> both.names, both.apply(np.array([[0.25, 0.75, 0.5]])).tolist()
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
        names = sorted({name for label in before for name in became[label]})
        if not names:
            raise TaxonomyError(
                f"none of the {len(before)} labels is left after these changes; keep at least one"
            )
        place = {name: index for index, name in enumerate(names)}
        pairs = sorted({(place[name], index) for index, label in enumerate(before) for name in became[label]})
        return cls(tuple(before), tuple(names), np.array(pairs, np.int64)[:, ::-1].copy())

    def apply(self, values: NDArray[Any]) -> NDArray[Any]:
        """Scores or decisions (N, L) as (N, K): the maximum, so of decisions "any"."""
        if not len(values):
            return np.zeros((0, len(self.names)), values.dtype)
        return np.asarray(np.maximum.reduceat(values[:, self.pairs[:, 0]], self._starts, axis=1))

    def apply_sparse(self, rows: Rows, columns: Rows) -> tuple[Rows, Rows]:
        """Targets as the places of their ones: rows (E,), ascending, and columns (E,) of L, as those of K."""
        matrix = csc_array(
            (np.ones(len(self.pairs), np.int8), (self.pairs[:, 0], self.pairs[:, 1])),
            (len(self.before), len(self.names)),
        )
        ones = csc_array(
            (np.ones(len(rows), np.int64), (rows, columns)), (int(rows.max(initial=-1)) + 1, len(self.before))
        )
        found = (ones @ matrix).tocsr().nonzero()
        order = np.lexsort((found[1], found[0]))
        return found[0][order].astype(np.int64), found[1][order].astype(np.int64)

    def then(self, later: LabelMapping) -> LabelMapping:
        """This and then `later`, whose labels of before are the ones of now here."""
        after = [
            [later.names[k] for k in later.pairs[later.pairs[:, 0] == j, 1]] for j in range(len(self.names))
        ]
        became: dict[str, list[str]] = {name: [] for name in self.before}
        for old, new in self.pairs.tolist():
            became[self.before[old]] += after[new]
        return LabelMapping.of(self.before, became)

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        return State({"pairs": self.pairs}, {"before": list(self.before), "names": list(self.names)})

    @classmethod
    def from_state(cls, state: State) -> LabelMapping:
        """The relabelling that `state` was taken from."""
        return cls(tuple(state.facts["before"]), tuple(state.facts["names"]), state.arrays["pairs"])

    @cached_property
    def _starts(self) -> Rows:
        return np.searchsorted(self.pairs[:, 1], np.arange(len(self.names)))
