"""Fusion policies fitted on the members' scores, and cross-fitted: their own scores are out of fold too."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from shelfwise.config import Config
from shelfwise.core.fusion_policy import FusionPolicy, PolicyTask
from shelfwise.core.modality import Modality, presence_patterns
from shelfwise.core.plugin_calls import fit_each_policy, fit_policy, fused_predictions
from shelfwise.core.registry import make_policy
from shelfwise.core.sparse_scores import dense, in_row_order
from shelfwise.core.types import (
    Bools,
    Context,
    Floats,
    Matrix,
    MemberOutputs,
    Prediction,
    Rows,
    State,
)
from shelfwise.errors import ConfigError
from shelfwise.model.model import Model
from shelfwise.nn.device import device
from shelfwise.nn.parallel_tasks import run_in_parallel
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.kept_predictions import matrix_arrays, matrix_from
from shelfwise.training.policy_variants import CrossedPolicy, kept_variant
from shelfwise.training.product_draw import draw_products

Fold = TypeVar("Fold")

MAX_SCORES_AT_ONCE = 1 << 25
"""Of products, members and labels (128 MiB): up to so many, policies of several folds are fitted at once."""


@dataclass(frozen=True)
class FittedMember:
    """A fitted member with its predictions for the training set.

    Args:
        member: the fitted modality.
        predictions: for all N rows of the training set, by the member fitted on the training rows. Those of
            the validation rows are out of sample.
        rows: what the policies are fitted on.
        folds: (len(rows),) the fold of each of `rows`.
        held_out: for `rows`, by models that had not seen them, without features; None where there are none.
    """

    member: Modality
    predictions: Prediction
    rows: Rows
    folds: Rows
    held_out: Prediction | None = None

    @property
    def out_of_fold(self) -> Prediction:
        """For `rows`, by models that had not seen them, or else in-sample; without features."""
        if self.held_out is not None:
            return self.held_out
        # taken when it is asked for, which may be never: the copy is as large as all scores
        return self.predictions.without_features().take(self.rows)

    def forget_features(self) -> FittedMember:
        """The same without the features, which are the largest of what it holds."""
        return dataclasses.replace(self, predictions=self.predictions.without_features())


@dataclass(frozen=True)
class Stack:
    """One system's members with all their predictions.

    Args:
        name: of the system.
        parts: the members, in the policy's order.
        targets: (N, L) of all rows of the training set, dense or sparse.
        validation: rows for early stopping, thresholds and choosing the final system; may be none.
    """

    name: str
    parts: tuple[FittedMember, ...]
    targets: Matrix
    validation: Rows
    # policies without a fold that were fitted beside the one of all products, until they are asked for
    _crossed: list[CrossedPolicy] = field(default_factory=list, init=False)

    @classmethod
    def from_members(
        cls,
        name: str,
        model: Model,
        members: Mapping[str, FittedMember],
        targets: Matrix,
        validation: Rows,
    ) -> Stack:
        """The stack of system `name` over those of its members that were fitted."""
        parts = tuple(members[member] for member in system_members(model, name, members))
        return cls(name, parts, targets, validation)

    def fit(self, model: Model, context: Context, checkpoints: Checkpoints) -> None:
        """Fit the policy and give it to `model`.

        Raises:
            ConfigError: as :func:`tunable_policy`.
        """
        policy = tunable_policy(model.config, self.name, cross_fitted=not len(self.validation))
        if policy.reads == "features":
            # Features of different folds are not comparable, so those of the final member are used.
            rows = np.setdiff1d(np.arange(self.targets.shape[0]), self.validation)
            predictions = [part.predictions.take(rows) for part in self.parts]
        else:
            rows = self.parts[0].rows
            predictions = self._out_of_fold()
        outputs, targets = self._drawn(predictions, self.targets[rows], model, context)
        validation = None
        if len(self.validation):
            stacked = MemberOutputs.stack(self._validation())
            validation = (stacked, dense(self.targets[self.validation]))
        patterns = presence_patterns([part.member for part in self.parts])
        own_context = self._context(model, context, patterns)

        def fitted() -> State:
            if validation is not None or not self._fits_at_once(policy, model):
                return fit_policy(policy, outputs, targets, validation, own_context).state()
            # Cross-fitting comes next. Six at once leave cores idle for less long than one and then five.
            alone = PolicyTask(policy, outputs, targets, self._part(own_context, "all"))

            def task_of(fold: int | None) -> PolicyTask:
                return alone if fold is None else self._task_without(fold, model, context)

            _, *without = _fitted_at_once(task_of, [None, *self._each_fold()])
            self._crossed.extend(self._crossing(without))
            return policy.state()

        # Restored even where it was just fitted: a resumed run then goes exactly the same way.
        policy.restore(checkpoints.run(f"system.{self.name}", fitted))
        model.policies[self.name] = policy

    def tuning_scores(self, model: Model, context: Context, checkpoints: Checkpoints) -> Matrix:
        """Scores (rows, L) to tune thresholds on: of the validation rows, or else cross-fitted ones."""
        if not len(self.validation):
            return self.cross_fitted(model, context, checkpoints)
        return fused_predictions(model.policies[self.name], self._validation())

    def cross_fitted(self, model: Model, context: Context, checkpoints: Checkpoints) -> Matrix:
        """Scores (rows, L) of what policies are fitted on, each by a policy fitted on the other folds.

        Without validation rows, they choose which of its variants the policy of `model` becomes.
        """
        predictions = self._out_of_fold()
        targets = self.targets[self.parts[0].rows]

        def computed() -> State:
            crossed = self._crossed or self._fitted_without_each_fold(model, context)
            # Thresholds rest on the validation scores of the policy as it is.
            chosen = 0 if len(self.validation) else kept_variant(crossed, predictions, targets)
            # (rows, L): every row is filled by exactly one fold.
            scores: list[tuple[Rows, Matrix]] = []
            for part in crossed:
                asked = [one.take(part.rows) for one in predictions]
                scores.append((part.rows, fused_predictions(part.variants[chosen], asked)))
            by_row = matrix_arrays("scores", in_row_order(scores, targets.shape))
            return State(by_row, {"variant": chosen})

        state = checkpoints.run(f"cross.{self.name}", computed)
        self._crossed.clear()
        variants = model.policies[self.name].variants()
        model.policies[self.name] = variants[state.facts["variant"]]
        return matrix_from(state.arrays, "scores")

    def _fitted_without_each_fold(self, model: Model, context: Context) -> list[CrossedPolicy]:
        def task_of(fold: int) -> PolicyTask:
            return self._task_without(fold, model, context)

        if self._fits_at_once(model.policies[self.name], model):
            return self._crossing(_fitted_at_once(task_of, self._each_fold()))
        # only one fold's scores are copied at a time
        return self._crossing([_fitted(task_of(fold)) for fold in self._each_fold()])

    def _crossing(self, policies: Sequence[FusionPolicy]) -> list[CrossedPolicy]:
        """The policies fitted without each fold, with the rows that they are to score."""
        folds = zip(self._each_fold(), policies, strict=True)
        return [
            CrossedPolicy(np.flatnonzero(self.parts[0].folds == fold), policy.variants())
            for fold, policy in folds
        ]

    def _task_without(self, fold: int, model: Model, context: Context) -> PolicyTask:
        """A new policy, to be fitted on the products of all other folds."""
        folds = self.parts[0].folds
        predictions = self._out_of_fold()
        targets = self.targets[self.parts[0].rows]
        held_out = np.flatnonzero(folds == fold)
        others = np.flatnonzero(folds != fold)
        # The fold's policy need only solve for the presence patterns that it will meet.
        present = np.stack([one.present[held_out] for one in predictions], axis=1)
        own_context = self._context(model, context, _patterns_in(present))
        own_context = self._part(own_context, f"without{fold}")
        policy = make_policy(model.config, self.name)
        known = [one.take(others) for one in predictions]
        outputs, known_targets = self._drawn(known, targets[others], model, context)
        # No early stopping: validation products stay out of cross-fitting.
        return PolicyTask(policy, outputs, known_targets, own_context)

    def _each_fold(self) -> list[int]:
        folds: list[int] = np.unique(self.parts[0].folds).tolist()
        return folds

    def _drawn(
        self, predictions: Sequence[Prediction], targets: Matrix, model: Model, context: Context
    ) -> tuple[MemberOutputs, Floats]:
        """What a policy learns from: everything, or a draw of so many products as the settings allow."""
        rows = draw_products(targets, model.config.stacking.max_products, context.seed)
        # taking all rows would copy them for nothing
        if len(rows) < targets.shape[0]:
            predictions = [one.take(rows) for one in predictions]
            targets = targets[rows]
        return MemberOutputs.stack(predictions), dense(targets)

    def _fits_at_once(self, policy: FusionPolicy, model: Model) -> bool:
        """Whether several policies such as `policy` are fitted at the same time."""
        products = min(len(self.parts[0].rows), model.config.stacking.max_products)
        scores = products * len(self.parts) * self.targets.shape[1]
        # each has a copy of the scores that it learns from
        return policy.fits_in_threads and scores <= MAX_SCORES_AT_ONCE

    def _out_of_fold(self) -> list[Prediction]:
        return [part.out_of_fold for part in self.parts]

    def _validation(self) -> list[Prediction]:
        return [part.predictions.take(self.validation) for part in self.parts]

    def _part(self, context: Context, name: str) -> Context:
        """For one of several fits of a stage, which keep what they have learnt side by side."""
        return dataclasses.replace(context, loops=context.loops.part(name))

    def _context(
        self, model: Model, context: Context, patterns: tuple[tuple[bool, ...], ...]
    ) -> Context:
        labels = tuple(model.labels.names)
        return dataclasses.replace(context, title=self.name, labels=labels, patterns=patterns)


def _fitted(task: PolicyTask) -> FusionPolicy:
    return fit_policy(task.policy, task.outputs, task.targets, None, task.context)


def _fitted_at_once(
    task_of: Callable[[Fold], PolicyTask], folds: Sequence[Fold]
) -> list[FusionPolicy]:
    """The policies of all folds, fitted: in threads on a processor, and together on a GPU."""
    if device().type == "cpu":
        return run_in_parallel(lambda fold: _fitted(task_of(fold)), folds)
    tasks = [task_of(fold) for fold in folds]
    fit_each_policy(tasks)
    return [task.policy for task in tasks]


def tunable_policy(config: Config, name: str, cross_fitted: bool) -> FusionPolicy:
    """The unfitted policy of system `name`.

    Raises:
        ConfigError: its settings are refused; or thresholds rest on cross-fitted scores, and the policy reads
            features, which are never out of fold.
    """
    policy = make_policy(config, name)
    if cross_fitted and policy.reads == "features":
        raise ConfigError(
            f"systems.{name}: the policy {config.systems[name].policy} reads features, so its threshold "
            "needs products that no member was trained on; set validation_fraction under [split], e.g. 0.1"
        )
    return policy


def system_members(model: Model, name: str, fitted: Mapping[str, object]) -> tuple[str, ...]:
    """The members that system `name` fuses: those it names, or all that could be fitted."""
    return model.config.systems[name].members or tuple(fitted)


def _patterns_in(present: Bools) -> tuple[tuple[bool, ...], ...]:
    """The presence patterns of products (N, M); that of all members where no product has any."""
    rows = np.unique(present, axis=0).tolist()
    patterns = [tuple(row) for row in rows if any(row)]
    return tuple(patterns) or ((True,) * present.shape[1],)
