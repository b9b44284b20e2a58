"""Ridge regression from all members' scores to the labels, solved in closed form for every set of present members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import Field, NonNegativeFloat

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import (
    Bools,
    Context,
    Float64Array,
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

GRID: tuple[float, ...] = tuple(float(10.0**power) for power in np.arange(-3, 3.5, 0.5))
THRESHOLDS = np.linspace(0.02, 0.98, 97)
CHUNK = 8192
RANK = 1e-12  # of a Gram matrix, hence 1e-6 of the scores, which are single precision
MOST_MEMBERS = 8


class RidgeSettings(PluginSettings):
    """How strongly the weights are held back."""

    alpha: NonNegativeFloat | Literal["auto"] = Field(
        1.0,
        description="penalty on the squared weights; 0: least squares (authors' scripts); "
        "auto: the best of 1e-3 to 1e3 on validation products",
    )


@dataclass(frozen=True)
class Sums:
    """All that a ridge needs to know of some products; sums of two parts are the sums of the whole.

    Args:
        count: products.
        x, y: (M * L,) and (L,) sums of scores and of targets.
        xx, xy: (M * L, M * L) and (M * L, L) sums of products.
    """

    count: float
    x: Float64Array
    y: Float64Array
    xx: Float64Array
    xy: Float64Array

    @classmethod
    def of(cls, scores: Floats, targets: Floats, rows: Rows, columns: Rows) -> Sums:
        """The sums over some `rows` of scores (N, M * L) and targets (N, L), in double precision, a chunk at a time; 0 beside `columns`."""
        width, labels = scores.shape[1], targets.shape[1]
        x, y, xx, xy = np.zeros(width), np.zeros(labels), np.zeros((width, width)), np.zeros((width, labels))
        square = np.ix_(columns, columns)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            some, wanted = _take(scores, part, columns).astype(np.float64), targets[part].astype(np.float64)
            x[columns] += some.sum(axis=0)
            y += wanted.sum(axis=0)
            xx[square] += some.T @ some
            xy[columns] += some.T @ wanted
        return cls(len(rows), x, y, xx, xy)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.count + other.count,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
        )

    def solve(self, columns: Rows, alpha: float) -> tuple[Floats, Floats]:
        """Weights (C, L) and intercept (L,) of the ridge on `columns` (C,) only; the intercept is not penalised."""
        mean_x, mean_y = self.x[columns] / self.count, self.y / self.count
        xx = self.xx[np.ix_(columns, columns)] - self.count * np.outer(mean_x, mean_x)
        xy = self.xy[columns] - self.count * np.outer(mean_x, mean_y)
        # scores that depend on each other have many least-squares solutions: lstsq takes the smallest
        weights = (
            np.linalg.solve(xx + alpha * np.eye(len(columns)), xy)
            if alpha > 0
            else np.linalg.lstsq(xx, xy, rcond=RANK)[0]
        )
        return weights.astype(np.float32), (mean_y - mean_x @ weights).astype(np.float32)


class Ridge(FusionPolicy):
    """Linear fusion (the paper, section 3, "linear regression with l2"), one ridge for every set of present members.

    Products that lack members are answered by the ridge on the members they have, fitted on all products that
    have those, so that no answer is worse than that of a model made for the purpose. A set that fewer
    products have than the ridge has inputs is fitted on all products that have any of its members, absent
    scores counting as 0.
    """

    Settings = RidgeSettings
    settings: RidgeSettings

    def __init__(self, settings: RidgeSettings) -> None:
        super().__init__(settings)
        self.alpha_: float | None = None
        self.solutions_: dict[int, tuple[Floats, Floats]] = {}

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
        if members > MOST_MEMBERS:
            raise ConfigError(
                f"the policy ridge joins at most {MOST_MEMBERS} members, it was given {members}; use the "
                "policy 'policy'"
            )
        sums = _sums_by_pattern(outputs, targets)
        self.alpha_ = self._choose_alpha(outputs, targets, validation, context.seed)
        self.solutions_ = _solutions(sums, members, range(1, 2**members), self.alpha_)
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L), clipped to [0, 1]; 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        if not self.solutions_:
            raise NotFittedError(
                "this ridge was never fitted; call fit, or restore a saved state, before fuse"
            )
        return _apply(self.solutions_, outputs)

    def state(self) -> State:
        """Weights and intercept by pattern (bit m is set where member m is present), and alpha."""
        weights = {f"weights_{pattern}": w for pattern, (w, _) in self.solutions_.items()}
        intercepts = {f"intercept_{pattern}": b for pattern, (_, b) in self.solutions_.items()}
        return State(weights | intercepts, self.facts())

    def restore(self, state: State) -> Self:
        """Become the ridge that `state` was taken from."""
        patterns = [
            int(name.removeprefix("weights_")) for name in state.arrays if name.startswith("weights_")
        ]
        self.solutions_ = {
            p: (state.arrays[f"weights_{p}"], state.arrays[f"intercept_{p}"]) for p in patterns
        }
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
        from shelfwise.nn.fusion_module import FusionModule, sets_of_members  # torch is only needed here

        if not self.solutions_:
            raise NotFittedError("the policy 'ridge' is not fitted; call fit or restore first")
        numbers = sorted(self.solutions_)
        # all sets are solved for, so the largest number has every member's bit
        n_members = numbers[-1].bit_length()
        n_labels = len(self.solutions_[numbers[0]][1])
        sets = sets_of_members(numbers, n_members)
        # as one matrix a set, with 0 for the members that are not in it
        weights = np.zeros((len(numbers), n_members, n_labels, n_labels), np.float32)
        for place, number in enumerate(numbers):
            weights[place, sets[place]] = self.solutions_[number][0].reshape(-1, n_labels, n_labels)
        intercepts = np.stack([self.solutions_[number][1] for number in numbers])
        flat = weights.reshape(len(numbers), n_members * n_labels, n_labels)
        return FusionModule(
            _ridge_of_own_set, weights=flat, intercepts=intercepts[:, None], sets=sets[:, None]
        )

    def _choose_alpha(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        seed: int,
    ) -> float:
        """The setting, or the alpha that is best on validation (without it, on a fifth of the products), each at its own best threshold."""
        if self.settings.alpha != "auto":
            return self.settings.alpha
        if validation is None or not validation[0].present.any():
            order = np.random.default_rng(seed).permutation(len(outputs))
            asked, learnt = np.split(order, [max(1, len(order) // 5)])
            validation, outputs, targets = (
                (outputs.take(asked), targets[asked]),
                outputs.take(learnt),
                targets[learnt],
            )
        sums, members = _sums_by_pattern(outputs, targets), outputs.present.shape[1]
        seen = [int(pattern) for pattern in np.unique(_patterns(validation[0].present)) if pattern]

        def quality(alpha: float) -> tuple[float, float]:  # the larger alpha wins a tie
            fused = _apply(_solutions(sums, members, seen, alpha), validation[0])
            return best_micro_f1(validation[1], fused, THRESHOLDS), alpha

        return max(GRID, key=quality)


def _ridge_of_own_set(
    scores: Tensor, present: Tensor, weights: Tensor, intercepts: Tensor, sets: Tensor
) -> Tensor:
    """Scores (B, L) by S ridges: weights (S, M * L, L), intercepts (S, 1, L), sets (S, 1, M)."""
    by_set = scores.flatten(1) @ weights + intercepts  # (S, B, L)
    is_own = (present == sets).all(dim=2)  # (S, B)
    return (by_set.clamp(0, 1) * is_own.unsqueeze(2)).sum(dim=0)


def _patterns(present: Bools) -> Rows:
    """Presence (N, M) as numbers (N,): bit m is set where member m is present."""
    return present @ (1 << np.arange(present.shape[1], dtype=np.int64))


def _columns(pattern: int, members: int, labels: int) -> Rows:
    """The inputs of the members that are present in `pattern`."""
    return np.flatnonzero(np.repeat([pattern >> m & 1 for m in range(members)], labels))


def _take(scores: Floats, rows: Rows, columns: Rows) -> Floats:
    """Some rows and columns; of all columns in one step."""
    return scores[rows] if len(columns) == scores.shape[1] else scores[rows][:, columns]


def _sums_by_pattern(outputs: MemberOutputs, targets: Floats) -> dict[int, Sums]:
    """The sums of the products of every pattern that occurs."""
    count, members, labels = outputs.scores.shape
    flat, patterns = outputs.scores.reshape(count, members * labels), _patterns(outputs.present)
    return {
        int(p): Sums.of(flat, targets, np.flatnonzero(patterns == p), _columns(int(p), members, labels))
        for p in np.unique(patterns)
    }


def _solutions(
    sums: Mapping[int, Sums], members: int, patterns: Iterable[int], alpha: float
) -> dict[int, tuple[Floats, Floats]]:
    """The ridges of `patterns`; each learns from all products that have at least its members."""
    labels = len(next(iter(sums.values())).y)
    solutions = {}
    for pattern in patterns:
        columns = _columns(pattern, members, labels)
        able = [s for p, s in sums.items() if p & pattern == pattern]
        if sum(s.count for s in able) < len(columns):
            able = [s for p, s in sums.items() if p & pattern] or list(sums.values())
        total = able[0]
        for more in able[1:]:
            total = total + more
        solutions[pattern] = total.solve(columns, alpha)
    return solutions


def _apply(solutions: Mapping[int, tuple[Floats, Floats]], outputs: MemberOutputs) -> Floats:
    """Every product's scores (N, L) from the ridge of its own pattern."""
    count, members, labels = outputs.scores.shape
    flat, patterns = outputs.scores.reshape(count, members * labels), _patterns(outputs.present)
    fused = np.zeros((count, labels), np.float32)
    for pattern in np.unique(patterns[patterns > 0]):
        rows, columns = np.flatnonzero(patterns == pattern), _columns(int(pattern), members, labels)
        weights, intercept = solutions[int(pattern)]
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            fused[part] = np.clip(_take(flat, part, columns) @ weights + intercept, 0, 1)
    return fused
