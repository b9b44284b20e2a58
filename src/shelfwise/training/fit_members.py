"""Fitting the members: each on all training products and, where a fusion needs it, once more a fold."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp

from shelfwise.catalog.split import group_folds
from shelfwise.config import Config
from shelfwise.core.modality import Modality
from shelfwise.core.presence import fit_present, predict_present
from shelfwise.core.registry import make_member
from shelfwise.core.types import (
    Context,
    Examples,
    Prediction,
    RejectedField,
    Rows,
    State,
)
from shelfwise.errors import LabelError, ShelfwiseError, StorageError
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.cross_fitting import Compute, out_of_fold
from shelfwise.training.dataset import TrainingSet
from shelfwise.training.kept_predictions import prediction_from, prediction_state
from shelfwise.training.stacking import FittedMember, tunable_policy
from shelfwise.training.target_memory import check_target_memory
from shelfwise.training.time_budget import Budget
from shelfwise.training.training_run import TrainingRun

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class FittedMembers:
    """The members that could be fitted, in the configured order; and of the others, why not.

    Args:
        members: by name.
        not_run: by name, why not.
        refused: fields of training products that were there but could not be used.
    """

    members: dict[str, FittedMember]
    not_run: dict[str, str]
    refused: list[RejectedField] = field(default_factory=list)

    def forget_features(self) -> None:
        """Let go of all features: of many products they take more memory than anything else."""
        for name, item in self.members.items():
            self.members[name] = item.forget_features()


def fit_members(run: TrainingRun, budget: Budget) -> FittedMembers:
    """Fit all members.

    Raises:
        LabelError: not one can be fitted.
    """
    fitted = FittedMembers({}, {})
    stacked = stacked_members(run.config, not len(run.training_set.validation), run.skip_failures)
    # All before the first is fitted: what one of them lacks is then known at once.
    for name in run.config.members:
        reason = try_or_reason(partial(_check_memory, run, name), name, run.skip_failures)
        if reason is not None:
            fitted.not_run[name] = reason
    # In the configured order: under a budget the first members are the ones that are kept.
    for name in run.config.members:
        if name in fitted.not_run:
            continue
        fit = partial(fit_member, run, name, budget, name in stacked, fitted.refused)
        outcome = try_or_reason(partial(budget.spend, name, fit), name, run.skip_failures)
        if isinstance(outcome, str):
            fitted.not_run[name] = outcome
        else:
            fitted.members[name] = outcome
    if not fitted.members:
        fix = "; allow more time (budget), or set none" if budget.is_spent() else ""
        reasons = "; ".join(fitted.not_run.values())
        raise LabelError(f"there is nothing to learn from: {reasons}{fix}")
    return fitted


def _check_memory(run: TrainingRun, name: str) -> None:
    """Refuse a member whose targets do not fit; errors also as :func:`make_member`."""
    check_target_memory(name, make_member(run.config, name), run.training_set)


def fit_member(
    run: TrainingRun, name: str, budget: Budget, stacked: bool, refused: list[RejectedField]
) -> FittedMember | str:
    """Fit one member and predict the training set with it.

    Args:
        stacked: whether out-of-fold predictions are needed.
        refused: gets the fields that are there but cannot be used.

    Returns:
        The fitted member, or in words why too few products have its field.
    """
    training_set = run.training_set
    stacking = run.config.stacking
    work = _MemberWork.begin(run, name, budget)
    refused += work.inputs.refused
    present = int(work.inputs.present[training_set.train].sum())
    # Fewer would leave a fold without enough products to fit on or to predict.
    folds_in_all = stacking.folds_of(len(training_set.train))
    if present < 2 * folds_in_all:
        some = f"only {present} training products have" if present else "no training product has"
        return f"{some} a usable value in {run.config.members[name].field}"
    # The first run tells how long the others will take; a member that cannot finish all is left out at once.
    cross_fitted = stacking.fitted_on == "oof" and stacked
    work.fit(runs=1 + folds_in_all * cross_fitted)
    predictions = work.predicted()
    folds = _folds(training_set, folds_in_all, run.config.seed)
    # The paper fits its policies on the predictions for products that the members were trained on.
    if stacking.fitted_on == "in_sample" or not stacked:
        return FittedMember(work.member, predictions, training_set.train, folds)
    if stacking.fitted_on == "holdout":
        # Fold 0 is held out; the products of the others are fitted on and never predicted.
        folds = np.where(folds == 0, 0, -1)
    held_out = work.held_out(folds)
    rows = np.flatnonzero(folds >= 0)
    return FittedMember(
        work.member, predictions, training_set.train[rows], folds[rows], held_out.take(rows)
    )


@dataclass(frozen=True)
class _MemberWork:
    """One member with its prepared field, which it is fitted on and predicts, each as a stage of its own.

    Args:
        inputs: the member's field of all products. Preparing looks at no label, so one preparation serves the
            whole fit and every fold.
        context: the budget's, which interrupts work that would end too late.
    """

    run: TrainingRun
    name: str
    budget: Budget
    member: Modality
    inputs: Any
    context: Context

    @classmethod
    def begin(cls, run: TrainingRun, name: str, budget: Budget) -> _MemberWork:
        """Prepare the field."""
        member = make_member(run.config, name)
        context = dataclasses.replace(budget.context, title=name)
        catalog = run.training_set.catalog
        inputs = run.checkpoints.time(f"prepare.{name}", lambda: member.prepare(catalog, context))
        return cls(run, name, budget, member, inputs, context)

    def fit(self, runs: int) -> None:
        """Fit the member on all training products.

        Args:
            runs: how often it will be fitted in all, for the budget.
        """

        def fitted() -> State:
            train, validation = self._examples
            return fit_present(self.member, train, validation, self.context).state()

        stage = f"member.{self.name}"
        state = self.budget.first_of(runs, lambda: self.run.checkpoints.run(stage, fitted))
        self.member.restore(state)

    def predicted(self) -> Prediction:
        """What the fitted member predicts for all products."""

        def predicted() -> State:
            targets = self.run.training_set.targets
            labels = targets.shape[1]
            # scores of as many labels are sparse as well
            highest_only = sp.issparse(targets)
            return prediction_state(
                predict_present(self.member, self.inputs, labels, self.context, highest_only)
            )

        return prediction_from(self.run.checkpoints.run(f"answers.{self.name}", predicted))

    def held_out(self, folds: Rows) -> Prediction:
        """The predictions for the training products, each by a model that did not see its fold."""
        train, validation = self._examples
        return out_of_fold(
            partial(make_member, self.run.config, self.name),
            train,
            folds,
            validation,
            self.context,
            partial(_checkpointed_fold, self.run.checkpoints, self.budget, self.name),
            at_once=self.member.fits_in_threads,
        )

    @cached_property
    def _examples(self) -> tuple[Examples, Examples | None]:
        """The training products, and those that early stopping watches; taken once, as taking copies them."""
        training_set = self.run.training_set
        examples = Examples(self.inputs, training_set.targets)
        if not len(training_set.validation):
            return examples.take(training_set.train), None
        return examples.take(training_set.train), examples.take(training_set.validation)


def stacked_members(config: Config, cross_fitted: bool, skip_failures: bool) -> set[str]:
    """The members whose out-of-fold scores are needed: by a fusion or, if `cross_fitted`, by thresholds.

    Also finds settings that a policy refuses before hours of training have gone by.
    """
    stacked = set(config.members) if cross_fitted else set()
    for name, system in config.systems.items():
        try:
            reads = tunable_policy(config, name, cross_fitted).reads
        except ShelfwiseError:
            if not skip_failures:
                raise
            continue  # the reason is noted when the system's turn comes
        # Policies that read features take those of the fitted member, which need no folds.
        if reads == "scores":
            stacked |= set(system.members) or set(config.members)
    return stacked


def try_or_reason(compute: Callable[[], T], name: str, skip_failures: bool) -> T | str:
    """What `compute` gives; with `skip_failures`, the reason in words instead if it fails in any way."""
    try:
        return compute()
    except StorageError:
        # a disk that is full is no fault of a member's
        raise
    except Exception as error:
        if not skip_failures:
            raise
        # An error raised on purpose explains itself; any other needs its traceback in the log.
        expected = isinstance(error, ShelfwiseError)
        log.warning("%s was not run", name, exc_info=not expected)
        return str(error) if expected else f"{type(error).__name__}: {error}"


def _folds(training_set: TrainingSet, count: int, seed: int) -> Rows:
    """Which of `count` folds every training row is in; near-copies share one."""
    rows = training_set.train
    return group_folds(training_set.targets[rows], training_set.groups[rows], count, seed)


def _checkpointed_fold(
    checkpoints: Checkpoints, budget: Budget, name: str, fold: int, compute: Compute
) -> Prediction:
    """The prediction of one fold, from disk where an interrupted run has left it."""

    def predicted() -> State:
        # a plug-in that reports no progress is stopped between two folds, and not before
        budget.check()
        # every fold has a space of its own, so features of folds are of no use
        return prediction_state(compute().without_features())

    return prediction_from(checkpoints.run(f"fold.{name}.{fold}", predicted))
