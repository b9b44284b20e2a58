"""Logistic stacking: one logistic regression a label, rare labels drawn towards what holds for all labels.

Dimensions: N products, L labels, M members of the system, K of them in one set of present members, G sets of
labels. A label's own inputs are P = 2K + 1 numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat
from scipy.special import expit

from shelfwise.core.fusion_policy import FusionPolicy, PolicyTask
from shelfwise.core.label_inputs import (
    label_inputs,
    logits_and_shares,
    mean_inputs,
    some_inputs,
)
from shelfwise.core.label_regression import shrunk_weights
from shelfwise.core.label_sets import EPSILON, LabelSets
from shelfwise.core.logit import clipped_logit
from shelfwise.core.types import Bools, Context, Floats, MemberOutputs, PluginSettings, Rows, State
from shelfwise.errors import ConfigError, NotFittedError

if TYPE_CHECKING:
    from torch import nn

MAX_MEMBERS = 6
"""Where any set of members may occur: 63 sets, each with weights of its own."""

MAX_SETS = 1024
"""Sets of members whose weights an exported graph holds; a product meets those of one set only."""

MIN_PRODUCTS = 50
"""Products that have a set of members, for it to be fitted on these alone."""


class LogisticSettings(PluginSettings):
    """How strongly the weights are held back."""

    shrink: PositiveFloat = Field(
        30.0,
        description="pull of each label's weights towards those shared by all labels; "
        "a label with more products is drawn less",
    )
    label_sets: float = Field(
        0.5,
        ge=0,
        le=1,
        description="how much it counts which sets of labels training products have, where this costs no "
        "accuracy; 0: each label is judged alone",
    )


class Logistic(FusionPolicy):
    """Per-label logistic stacking with hierarchical shrinkage, solved for each set of members that can occur.

    A label is judged by its *own* scores: each member's logit, and its logit relative to what the member
    gives all labels together (the logarithm of the label's softmax share). Weights shared by all labels are
    fitted first. Each label's then depart from them as far as its products bear out: ``loss_l(w_l) + shrink /
    2 * |w_l - shared|^2``. Last, labels are judged together, by the sets of them that training products have,
    unless these mislead: see :class:`~shelfwise.core.label_sets.LabelSets`.

    Every set is fitted on all products that have its members. One that hardly any product has is fitted on
    all products that have any of its members; absent ones count 0. A product with a set of members that was
    not solved for gets the scores of the largest solved set within it, the first of several. If there is
    none, it gets the mean of its members' scores.
    """

    Settings = LogisticSettings
    settings: LogisticSettings
    fits_in_threads = True

    def __init__(self, settings: LogisticSettings) -> None:
        super().__init__(settings)
        self.arrays_: dict[str, NDArray[Any]] = {}
        self.label_sets_ = LabelSets.none(0)

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Solve for every set of ``context.patterns``, or for all sets where these are empty.

        Raises:
            ConfigError: any set may occur, and there are more members than sets can be solved for.
        """
        n_members = outputs.present.shape[1]
        patterns = [np.array(pattern) for pattern in context.patterns or _all_sets(n_members)]
        self.arrays_ = {"centre": mean_inputs(outputs)}
        # computed once: sets of members read columns and rows of the same inputs
        inputs = label_inputs(outputs, self.arrays_["centre"])
        for pattern in patterns:
            members = np.flatnonzero(pattern)
            rows = _training_rows(outputs.present[:, members])
            # the constant, and each member's logit and log share
            columns = [0, *1 + members, *1 + n_members + members]
            weights = shrunk_weights(
                some_inputs(inputs, columns, rows), targets[rows], self.settings.shrink
            )
            self.arrays_[f"own_{_set_number(members)}"] = weights
        known = LabelSets.known(targets, self.settings.label_sets)
        self.label_sets_ = LabelSets.none(targets.shape[1])
        self.label_sets_ = known.where_useful(
            targets,
            _rows_of_commonest_set(outputs.present),
            lambda rows: clipped_logit(self.fuse(outputs.take(rows)), EPSILON, 1 - EPSILON),
        )
        return self

    @classmethod
    def fit_each(cls, tasks: Sequence[PolicyTask]) -> None:
        """In threads, also where a GPU trains networks together."""
        from shelfwise.nn.parallel_tasks import run_in_parallel  # torch is only needed here

        def fit(task: PolicyTask) -> None:
            task.policy.fit(task.outputs, task.targets, None, task.context)

        run_in_parallel(fit, tasks, on_processor=True)

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        solved = self._solved_sets()
        fused = np.zeros((len(outputs), outputs.scores.shape[2]), np.float32)
        # products with the same members present are scored together
        patterns, pattern_of = np.unique(outputs.present, axis=0, return_inverse=True)
        for i, pattern in enumerate(patterns):
            rows = np.flatnonzero(pattern_of.ravel() == i)
            present = np.flatnonzero(pattern)
            members = _largest_within(present, solved)
            if len(members):
                fused[rows] = self._scores(outputs, rows, members)
            elif len(present):
                fused[rows] = outputs.scores[np.ix_(rows, present)].mean(axis=1)
        return fused

    def state(self) -> State:
        """What the inputs are centred by, the weights by set of members (bit m of its number: member m is in
        it), and the sets of labels.
        """
        self._solved_sets()
        return State({**self.arrays_, **self.label_sets_.state().arrays})

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        # version 0.1 kept more arrays, for an option that is gone
        self.arrays_ = {
            name: array
            for name, array in state.arrays.items()
            if name == "centre" or name.startswith("own_")
        }
        # models from before sets of labels counted have none
        weights = [array for name, array in self.arrays_.items() if name != "centre"]
        self.label_sets_ = LabelSets.from_state(state, len(weights[0]) if weights else 0)
        return self

    def facts(self) -> dict[str, Any]:
        """How many sets of members have weights of their own, and which part sets of labels have."""
        return {
            "sets": len(self._solved_sets()),
            "label_sets": self.label_sets_.members.shape[0],
            "label_sets_weight": round(self.label_sets_.weight, 4),
        }

    def to_module(self) -> nn.Module:
        """The regressions of all solved sets; each product gets the scores of the largest set within its own.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
            PluginError: more sets than a graph holds.
        """
        # torch is only needed here
        from shelfwise.nn.fusion.fusion_module import sets_of_members
        from shelfwise.nn.fusion.largest_set import LargestSet

        # the sets that count most come last: large before small ones, and of one size the lowest number
        numbers = sorted(self._solved_sets(), key=lambda number: (number.bit_count(), -number))
        centre = self.arrays_["centre"]
        n_members = centre.shape[1]
        sets = sets_of_members(numbers, n_members, MAX_SETS)
        n_labels = len(self.arrays_[f"own_{numbers[0]}"])
        weights = np.zeros((len(numbers), 2, n_members, n_labels), np.float32)
        constants = np.zeros((len(numbers), n_labels), np.float32)
        for place, number in enumerate(numbers):
            own = self.arrays_[f"own_{number}"]  # (L, 2K + 1): of 1, the logits, the log shares
            members = np.flatnonzero(sets[place])
            constants[place] = own[:, 0]
            weights[place, 0, members] = own[:, 1 : 1 + len(members)].T
            weights[place, 1, members] = own[:, 1 + len(members) :].T
        return LargestSet(weights, constants, centre, sets, self.label_sets_)

    def _solved_sets(self) -> list[int]:
        """The numbers of the sets that were solved for, rising."""
        if not self.arrays_:
            raise NotFittedError("the policy 'logistic' is not fitted; call fit or restore first")
        names = [name for name in self.arrays_ if name.startswith("own_")]
        return sorted(int(name.removeprefix("own_")) for name in names)

    def _scores(self, outputs: MemberOutputs, rows: Rows, members: Rows) -> Floats:
        """Scores (R, L) of `rows` by the solution for the `members` (K,), which all of them have."""
        logits, shares = logits_and_shares(outputs.scores[np.ix_(rows, members)])
        own = self.arrays_[f"own_{_set_number(members)}"].T
        # (K, L) each: of the logits, and of the log shares
        by_logit = own[1 : 1 + len(members)]
        by_share = own[1 + len(members) :]
        centre = self.arrays_["centre"][:, members, None]
        # what inputs are centred by goes into the constant, which spares two copies of them
        total = own[0] - (by_logit * centre[0] + by_share * centre[1]).sum(axis=0)
        total = total + np.einsum("rkl,kl->rl", logits, by_logit)
        total += np.einsum("rkl,kl->rl", shares, by_share)
        return np.asarray(expit(self.label_sets_.joined(total)), np.float32)


def _training_rows(present: Bools) -> Rows:
    """The products that have all members of `present` (N, K).

    If too few have, those that have any of them; if there is none, all products.
    """
    for able in (present.all(axis=1), present.any(axis=1)):
        if able.sum() >= MIN_PRODUCTS:
            return np.flatnonzero(able)
    return np.flatnonzero(able) if able.any() else np.arange(len(present))


def _rows_of_commonest_set(present: Bools) -> Rows:
    """The products whose set of members of `present` (N, M) most products have; it is solved for."""
    _, sets, counts = np.unique(present, axis=0, return_inverse=True, return_counts=True)
    # without products there is no set
    if not len(counts):
        return np.array([], int)
    return np.flatnonzero(sets.ravel() == np.argmax(counts))


def _all_sets(members: int) -> Iterable[tuple[bool, ...]]:
    """Every set of members but the empty one."""
    if members > MAX_MEMBERS:
        raise ConfigError(
            "the policy logistic solves for every set of members that can be present, and here any can: it "
            f"then fuses at most {MAX_MEMBERS} members, it was given {members}; "
            "fuse fewer, or use the policy 'policy'"
        )
    return itertools.islice(itertools.product((False, True), repeat=members), 1, None)


def _set_number(members: Iterable[int]) -> int:
    """One number for a set of members: bit m is set where member m is in it."""
    return sum(1 << int(member) for member in members)


def _largest_within(present: Rows, solved: list[int]) -> Rows:
    """The members of the largest set of `solved` that are all `present`.

    Of several it is the lowest number; where there is none, the set is empty.
    """
    absent = ~_set_number(present)
    within = [number for number in solved if not number & absent]
    best = max(within, key=int.bit_count, default=0)
    chosen = [bool(best >> int(member) & 1) for member in present]
    return present[chosen]
