"""The contract of a modality: a classifier of one field, or of several together.

Dimensions: N products, L labels, D features, M members.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import (
    Bools,
    Context,
    Examples,
    Floats,
    Matrix,
    PluginSettings,
    State,
)

MAX_FIELDS = 10
"""Fields of which every subset is examined, to know which members can be present together: 1,023 subsets."""


@dataclass(frozen=True)
class ModalityTask:
    """A modality that is to be fitted on `train`, present rows, without validation products."""

    modality: Modality
    train: Examples
    context: Context


class Modality(ABC):
    """A classifier of one field: prepare, fit, predict.

    A plug-in file defines one subclass and its ``Settings``. `field` names the catalogue column it reads, or
    several as in ``title+description``. `present_via_others` says that a product may be present without any
    field of its own, because other products name it. With `takes_sparse_targets`, targets that are too large
    for a dense array come as scipy's sparse rows. Several modalities with `fits_in_threads` may be fitted at
    once, as :class:`~shelfwise.core.fusion_policy.FusionPolicy` says.
    """

    Settings: ClassVar[type[PluginSettings]]
    present_via_others: ClassVar[bool] = False
    takes_sparse_targets: ClassVar[bool] = False
    fits_in_threads: bool = False

    def __init__(self, settings: Any, field: str) -> None:
        self.settings = settings
        self.field = field

    def is_present(self, fields: frozenset[str]) -> bool:
        """Whether a product with just these fields is present here; by default with any that it reads."""
        return not fields.isdisjoint(self.field.split("+"))

    @abstractmethod
    def prepare(self, catalog: Catalog, context: Context) -> Any:
        """Turn the field into a :class:`~shelfwise.core.types.FieldInputs`.

        It reads no label, so every fold may share it.
        """

    @abstractmethod
    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn from present rows; `validation` is for early stopping only."""

    @classmethod
    def fit_each(cls, tasks: Sequence[ModalityTask]) -> None:
        """Fit several modalities of this kind, of equal settings, field and labels, as :meth:`fit` would.

        By default one after the other. A GPU may train networks together in little more than the time of one.
        """
        for task in tasks:
            task.modality.fit(task.train, None, task.context)

    @abstractmethod
    def predict(self, inputs: Any, context: Context) -> tuple[Matrix, Floats]:
        """Probabilities (N, L) and features (N, D) of present rows.

        Where :attr:`predicts_sparse` says so, probabilities are scipy's sparse rows.
        """

    @property
    def predicts_sparse(self) -> bool:
        """Whether nearly all probabilities of the fitted modality are 0, and it gives the others alone."""
        return False

    def knows(self, inputs: Any) -> Bools | None:
        """Which of N products (N,) have anything that was in the training; by default all present ones.

        None where it cannot be told, as an encoder gives a vector to any text.
        """
        present: Bools = inputs.present
        return present

    def can_tell(self, inputs: Any) -> Bools:
        """Of which of N products (N,) :meth:`knows` tells; by default of all present ones.

        Nothing is told of one that has just a number: every number lies in some range.
        """
        present: Bools = inputs.present
        return present

    @abstractmethod
    def state(self) -> State:
        """Everything :meth:`restore` needs."""

    @abstractmethod
    def restore(self, state: State) -> Self:
        """Become the modality that `state` was taken from."""

    def provenance(self) -> dict[str, Any]:
        """JSON-ready facts for the report: pre-trained weights that were used, and what they stand in for."""
        return {}


def presence_patterns(members: Sequence[Modality]) -> tuple[tuple[bool, ...], ...]:
    """The sets of `members` that can be present together in some product: each M bools, sorted.

    Empty, which stands for any set, where the members read more than :data:`MAX_FIELDS` fields between them.
    """
    fields = sorted({name for member in members for name in member.field.split("+")})
    if len(fields) > MAX_FIELDS:
        return ()
    patterns: set[tuple[bool, ...]] = set()
    for count in range(1, len(fields) + 1):
        for fields_of_product in itertools.combinations(fields, count):
            patterns |= _patterns_with(frozenset(fields_of_product), members)
    # a product without any member is predicted nothing, so there is no pattern to solve for
    return tuple(sorted(pattern for pattern in patterns if any(pattern)))


def _patterns_with(fields: frozenset[str], members: Sequence[Modality]) -> set[tuple[bool, ...]]:
    """The sets of members of products that have just these `fields`."""
    choices: list[set[bool]] = []
    for member in members:
        present = member.is_present(fields)
        # another product may name this one, or none does: both can happen
        choices.append({present, present or member.present_via_others})
    return set(itertools.product(*choices))
