"""The contract of a modality: a classifier of one field."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples, Floats, PluginSettings, State

MOST_FIELDS = 10
"""Fields of which every subset is looked at, to know which members can be present together: 1,023 subsets."""


class Modality(ABC):
    """A classifier of one field: prepare, fit, predict.

    A plug-in file defines one subclass and its ``Settings``. `field` names the catalogue column it reads. `present_via_others` says that
    a product may be present without any field of its own, because others name it.
    """

    Settings: ClassVar[type[PluginSettings]]
    present_via_others: ClassVar[bool] = False

    def __init__(self, settings: Any, field: str) -> None:
        self.settings = settings
        self.field = field

    def is_present(self, fields: frozenset[str]) -> bool:
        """Whether a product that has just these fields is present here; by default with any of those it reads."""
        return not fields.isdisjoint(self.field.split("+"))

    @abstractmethod
    def prepare(self, catalog: Catalog, context: Context) -> Any:
        """Turn the field into a :class:`FieldInputs`; looks at no label, so every fold may share it."""

    @abstractmethod
    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn from present rows; `validation` is for early stopping only."""

    @abstractmethod
    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, D) of present rows."""

    @abstractmethod
    def state(self) -> State:
        """Everything :meth:`restore` needs."""

    @abstractmethod
    def restore(self, state: State) -> Self:
        """Become the modality that `state` was taken from."""

    def provenance(self) -> dict[str, Any]:
        """JSON-ready facts for the report: which pre-trained weights were used, and what was fallen back to."""
        return {}


def presence_patterns(members: Sequence[Modality]) -> tuple[tuple[bool, ...], ...]:
    """The sets of `members` that some product can be present in, whatever fields it has: each as M bools, sorted.

    Empty, which stands for any set, where the members read more than :data:`MOST_FIELDS` fields between them.
    """
    fields = sorted({name for member in members for name in member.field.split("+")})
    if len(fields) > MOST_FIELDS:
        return ()
    had = itertools.chain.from_iterable(
        itertools.combinations(fields, count) for count in range(1, len(fields) + 1)
    )
    sets: set[tuple[bool, ...]] = set()
    for known in map(frozenset, had):
        heard = [member.is_present(known) for member in members]
        sets.update(
            itertools.product(
                *(
                    (there, there or member.present_via_others)
                    for there, member in zip(heard, members, strict=True)
                )
            )
        )
    return tuple(sorted(heard for heard in sets if any(heard)))
