"""Ridge regression from all members' scores to the labels, in closed form for each set of present members.

Dimensions: N products, M members, L labels, C inputs of one ridge: L scores of each member in its set. A set
of members is a number, of which bit m is set where member m is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import Field, NonNegativeFloat

from shelfwise.core import ridge_statistics
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.ridge_statistics import RidgeStatistics, Solution, take_block
from shelfwise.core.types import (
    Bools,
    Context,
    Floats,
    MemberOutputs,
    PluginSettings,
    Rows,
    State,
)
from shelfwise.errors import ConfigError, NotFittedError
from shelfwise.metrics.threshold_search import best_micro_f1

if TYPE_CHECKING:
    from torch import Tensor, nn

ALPHAS: tuple[float, ...] = tuple(float(10.0**power) for power in np.arange(-3, 3.5, 0.5))
"""The penalties that ``alpha = "auto"`` tries: two a power of ten, from 0.001 to 1,000."""

THRESHOLDS = np.linspace(0.02, 0.98, 97)
"""At which they are compared."""

MAX_MEMBERS = 8
"""255 sets, each with a ridge of its own."""


class RidgeSettings(PluginSettings):
    """How strongly the weights are held back."""

    alpha: NonNegativeFloat | Literal["auto"] = Field(
        1.0,
        description="penalty on the squared weights; 0: least squares (authors' scripts); "
        "auto: the best of 1e-3 to 1e3 on validation products",
    )


class Ridge(FusionPolicy):
    """Linear fusion (the paper, section 3, "linear regression with l2"), one ridge for each set of members.

    Products that lack members get the scores of the ridge on the members they have. It is fitted on all
    products that have those, so it is as good as a model made for the purpose. A set that fewer products have
    than the ridge has inputs is fitted on all products that have any of its members; absent scores count as
    0.
    """

    Settings = RidgeSettings
    settings: RidgeSettings

    def __init__(self, settings: RidgeSettings) -> None:
        super().__init__(settings)
        self.alpha_: float | None = None
        self.solutions_: dict[int, Solution] = {}

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Solve for every set of members.

        Raises:
            ConfigError: more members than sets can be solved for.
        """
        members = outputs.present.shape[1]
        if members > MAX_MEMBERS:
            raise ConfigError(
                f"the policy ridge fuses at most {MAX_MEMBERS} members, it was given {members}; "
                f"use the policy 'policy'"
            )
        # sums of products in one pass: every set is solved from these alone
        statistics = _statistics_by_set(outputs, targets)
        self.alpha_ = self._choose_alpha(outputs, targets, validation, context.seed)
        self.solutions_ = _solutions(statistics, members, range(1, 2**members), self.alpha_)
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L), clipped to [0, 1]; 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        return _apply(self._solved(), outputs)

    def state(self) -> State:
        """Weights and intercept by the number of the set, and alpha."""
        weights = {f"weights_{number}": solution[0] for number, solution in self.solutions_.items()}
        intercepts = {
            f"intercept_{number}": solution[1] for number, solution in self.solutions_.items()
        }
        return State(weights | intercepts, self.facts())

    def restore(self, state: State) -> Self:
        """Become the ridge that `state` was taken from."""
        arrays = state.arrays
        self.solutions_ = {}
        for name in arrays:
            kind, _, number = name.partition("_")
            if kind == "weights":
                intercept = arrays[f"intercept_{number}"]
                self.solutions_[int(number)] = (arrays[name], intercept)
        self.alpha_ = state.facts["alpha"]
        return self

    def facts(self) -> dict[str, Any]:
        """The alpha that was used."""
        return {"alpha": self.alpha_}

    def to_module(self) -> nn.Module:
        """The ridges of all sets of members; each product gets the scores of its own set.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
            PluginError: more sets than a graph holds.
        """
        # torch is only needed here
        from shelfwise.nn.fusion.fusion_module import FusionModule, sets_of_members

        solutions = self._solved()
        numbers = sorted(solutions)
        # all sets are solved for, so the largest number has every member's bit
        n_members = numbers[-1].bit_length()
        n_labels = len(solutions[numbers[0]][1])
        sets = sets_of_members(numbers, n_members)
        # as one matrix a set, with 0 for the members that are not in it
        weights = np.zeros((len(numbers), n_members, n_labels, n_labels), np.float32)
        for place, number in enumerate(numbers):
            weights[place, sets[place]] = solutions[number][0].reshape(-1, n_labels, n_labels)
        intercepts = np.stack([solutions[number][1] for number in numbers])
        flat = weights.reshape(len(numbers), n_members * n_labels, n_labels)
        return FusionModule(
            _ridge_of_own_set, weights=flat, intercepts=intercepts[:, None], sets=sets[:, None]
        )

    def _solved(self) -> dict[int, Solution]:
        if not self.solutions_:
            raise NotFittedError("the policy 'ridge' is not fitted; call fit or restore first")
        return self.solutions_

    def _choose_alpha(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        seed: int,
    ) -> float:
        """The setting, or the alpha that is best on validation products, each at its own best threshold.

        Without a validation part a fifth of the products takes its place.
        """
        if self.settings.alpha != "auto":
            return self.settings.alpha
        if validation is None or not validation[0].present.any():
            order = np.random.default_rng(seed).permutation(len(outputs))
            held_out, rest = np.split(order, [max(1, len(order) // 5)])
            validation = (outputs.take(held_out), targets[held_out])
            outputs = outputs.take(rest)
            targets = targets[rest]
        statistics = _statistics_by_set(outputs, targets)
        members = outputs.present.shape[1]
        # only the sets that validation products have are compared
        sets = [int(number) for number in np.unique(_set_numbers(validation[0].present)) if number]

        def quality(alpha: float) -> tuple[float, float]:
            fused = _apply(_solutions(statistics, members, sets, alpha), validation[0])
            # the larger alpha wins a tie
            return best_micro_f1(validation[1], fused, THRESHOLDS), alpha

        return max(ALPHAS, key=quality)


def _ridge_of_own_set(
    scores: Tensor, present: Tensor, weights: Tensor, intercepts: Tensor, sets: Tensor
) -> Tensor:
    """Scores (B, L) by S ridges: weights (S, M * L, L), intercepts (S, 1, L), sets (S, 1, M)."""
    by_set = scores.flatten(1) @ weights + intercepts  # (S, B, L)
    is_own = (present == sets).all(dim=2)  # (S, B)
    return (by_set.clamp(0, 1) * is_own.unsqueeze(2)).sum(dim=0)


def _set_numbers(present: Bools) -> Rows:
    """Presence (N, M) as the numbers (N,) of sets."""
    return present @ (1 << np.arange(present.shape[1], dtype=np.int64))


def _columns(number: int, members: int, labels: int) -> Rows:
    """The inputs of the members that are in a set."""
    is_in = [number >> member & 1 for member in range(members)]
    return np.flatnonzero(np.repeat(is_in, labels))


def _statistics_by_set(outputs: MemberOutputs, targets: Floats) -> dict[int, RidgeStatistics]:
    """Those of the products of every set that occurs."""
    count, members, labels = outputs.scores.shape
    flat = outputs.scores.reshape(count, members * labels)
    numbers = _set_numbers(outputs.present)
    statistics = {}
    for number in map(int, np.unique(numbers)):
        rows = np.flatnonzero(numbers == number)
        columns = _columns(number, members, labels)
        statistics[number] = RidgeStatistics.of(flat, targets, rows, columns)
    return statistics


def _solutions(
    statistics: Mapping[int, RidgeStatistics], members: int, sets: Iterable[int], alpha: float
) -> dict[int, Solution]:
    """The ridges of `sets`; each is fitted on all products that have at least its members."""
    labels = len(next(iter(statistics.values())).y)
    solutions = {}
    for number in sets:
        columns = _columns(number, members, labels)
        parts = [part for other, part in statistics.items() if other & number == number]
        if sum(part.count for part in parts) < len(columns):
            # too few products for so many inputs: all that have any of the members, or else all there are
            parts = [part for other, part in statistics.items() if other & number]
            parts = parts or list(statistics.values())
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        solutions[number] = total.solve(columns, alpha)
    return solutions


def _apply(solutions: Mapping[int, Solution], outputs: MemberOutputs) -> Floats:
    """Every product's scores (N, L) from the ridge of its own set."""
    count, members, labels = outputs.scores.shape
    flat = outputs.scores.reshape(count, members * labels)
    numbers = _set_numbers(outputs.present)
    fused = np.zeros((count, labels), np.float32)
    for number in np.unique(numbers[numbers > 0]):
        rows = np.flatnonzero(numbers == number)
        columns = _columns(int(number), members, labels)
        weights, intercept = solutions[int(number)]
        # a chunk at a time: the block of a set's scores is a copy
        for start in range(0, len(rows), ridge_statistics.CHUNK_ROWS):
            chunk = rows[start : start + ridge_statistics.CHUNK_ROWS]
            fused[chunk] = np.clip(take_block(flat, chunk, columns) @ weights + intercept, 0, 1)
    return fused
