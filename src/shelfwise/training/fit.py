"""From labelled products to a fitted model: members, honest scores for stacking, policies, thresholds."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.split import group_folds
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.presence import fit_present, predict_present
from shelfwise.core.registry import make_member
from shelfwise.core.types import Context, Examples, Floats, Prediction, State
from shelfwise.decision.decision_rule import DecisionRule
from shelfwise.decision.thresholds import best_threshold
from shelfwise.errors import LabelError, ShelfwiseError
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.model.model import Model
from shelfwise.model.nearest_neighbours import Neighbours
from shelfwise.model.out_of_fold import OutOfFold
from shelfwise.novelty.detector import NoveltyDetector
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.cross_fitting import out_of_fold
from shelfwise.training.dataset import TrainingSet, _lesson
from shelfwise.training.member_selection import adapt_to_catalog
from shelfwise.training.stacking import FittedMember, Stack, system_members, tunable_policy
from shelfwise.training.time_budget import Budget

log = logging.getLogger(__name__)

T = TypeVar("T")

MEMBERS_SHARE = 0.7
"""Of a budget, what members may take; joining them, and asking the joint answer out of fold, takes the rest."""


def fit_model(
    lesson: TrainingSet,
    labels: LabelSet,
    config: Config,
    context: Context,
    stages: Checkpoints | None = None,
    tolerant: bool = False,
) -> Model:
    """Fit every member and every system of `config`.

    Members whose field hardly any product has, or for which the budget is too small, and systems that name them, are left
    out; so are systems that do not decide, when the time is over. ``facts["not_run"]`` says why.

    Args:
        tolerant: what fails is left out likewise; otherwise it is raised.

    Raises:
        LabelError: not one member can be fitted.
    """
    stages = stages or Checkpoints()
    config = adapt_to_catalog(config, lesson.catalog)
    budget = Budget.of(config.budget, context)
    learned, not_run = _fit_members(lesson, config, budget.part(MEMBERS_SHARE), stages, tolerant)
    taxonomy = Taxonomy.of(labels, lesson.catalog.column("categories"))
    model = Model(config, labels, {name: item.member for name, item in learned.items()}, taxonomy=taxonomy)
    crossing = not len(lesson.validation)
    checked = lesson.train if crossing else lesson.validation
    fused = {
        name: (item.out_of_fold if crossing else item.predictions.take(checked)).probabilities
        for name, item in learned.items()
    }
    for name in sorted(
        config.systems, key=lambda name: name != config.decide_with
    ):  # what decides must be ready in time
        missing = [m for m in config.systems[name].members if m not in learned]
        limit = Budget.of(None, context) if name == config.decide_with else budget
        fit = partial(
            limit.spend, name, partial(_fit_system, name, model, learned, lesson, limit.context, stages)
        )
        scores = (
            f"its member {missing[0]} was not run: {not_run[missing[0]]}"
            if missing
            else try_or_reason(fit, name, tolerant)
        )
        if isinstance(scores, str):
            not_run[name] = scores
        else:
            fused[name] = scores
    _choose(model, fused, lesson.targets[checked])
    _fit_decision_rule(model, learned, lesson, fused[model.decide_with], context, stages)
    features = {name: learned[name].predictions.features for name in model.members_of(model.decide_with)}
    model.nearest_neighbours = Neighbours.of(
        features, lesson.catalog.ids, lesson.catalog.column("title"), lesson.targets
    )
    model.facts = {
        "not_run": not_run,
        "seconds": stages.seconds,
        "widths": {name: item.predictions.features.shape[1] for name, item in learned.items()},
        "provenance": {name: m.provenance() for name, m in model.members.items()},
        "policies": {name: p.facts() for name, p in model.policies.items()},
        "decision_rule": None if model.decision_rule is None else model.decision_rule.facts(),
    }
    return model


def try_or_reason(compute: Callable[[], T], name: str, tolerant: bool) -> T | str:
    """What `compute` gives; where `tolerant`, the reason in words instead if it fails in any way."""
    try:
        return compute()
    except Exception as error:
        if not tolerant:
            raise
        log.warning("%s was not run", name, exc_info=not isinstance(error, ShelfwiseError))
        return str(error) if isinstance(error, ShelfwiseError) else f"{type(error).__name__}: {error}"


def _fit_members(
    lesson: TrainingSet, config: Config, budget: Budget, stages: Checkpoints, tolerant: bool
) -> tuple[dict[str, FittedMember], dict[str, str]]:
    """All members that can be fitted, in the configured order; and why the others were not."""
    not_run: dict[str, str] = {}
    learned: dict[str, FittedMember] = {}
    stacked = _stacked(config, not len(lesson.validation), tolerant)
    for name in config.members:
        fit = partial(_fit_member, name, lesson, config, budget, stages, name in stacked)
        outcome = try_or_reason(partial(budget.spend, name, fit), name, tolerant)
        if isinstance(outcome, str):
            not_run[name] = outcome
        else:
            learned[name] = outcome
    if not learned:
        raise LabelError(f"there is nothing to learn from: {'; '.join(not_run.values())}")
    return learned, not_run


def _fit_member(
    name: str, lesson: TrainingSet, config: Config, budget: Budget, stages: Checkpoints, stacked: bool
) -> FittedMember | str:
    member, count = make_member(config, name), lesson.targets.shape[1]
    context = dataclasses.replace(budget.context, title=name)
    inputs = stages.time(f"prepare.{name}", lambda: member.prepare(lesson.catalog, context))
    present = int(inputs.present[lesson.train].sum())
    if present < 2 * config.stacking.folds:
        return f"only {present} training products have a usable {config.members[name].field}"
    examples = Examples(inputs, lesson.targets)
    train = examples.take(lesson.train)
    validation = examples.take(lesson.validation) if len(lesson.validation) else None
    folds = group_folds(
        lesson.targets[lesson.train], lesson.groups[lesson.train], config.stacking.folds, config.seed
    )

    def fitted() -> State:
        return fit_present(member, train, validation, context).state()

    def predicted() -> State:
        return _pack(predict_present(member, inputs, count, context))

    runs = 1 + config.stacking.folds * (config.stacking.fitted_on == "oof" and stacked)
    member.restore(budget.first_of(runs, lambda: stages.run(f"member.{name}", fitted)))
    everywhere = _unpack(stages.run(f"answers.{name}", predicted))
    if config.stacking.fitted_on == "in_sample" or not stacked:
        return FittedMember(member, everywhere, everywhere.take(lesson.train), lesson.train, folds)
    if config.stacking.fitted_on == "holdout":  # one fold is held out, the others are never predicted
        folds = np.where(folds == 0, 0, -1)
    honest = out_of_fold(
        lambda: make_member(config, name),
        train,
        folds,
        validation,
        context,
        keep=lambda fold, compute: _unpack(stages.run(f"fold.{name}.{fold}", lambda: _pack(compute()))),
    )
    rows = np.flatnonzero(folds >= 0)
    return FittedMember(member, everywhere, honest.take(rows), lesson.train[rows], folds[rows])


def _stacked(config: Config, crossing: bool, tolerant: bool) -> set[str]:
    """The members whose scores some fusion learns from or, if `crossing`, all; nobody needs the others' out of fold.

    Also finds settings that a policy refuses before hours of training have gone by.
    """
    stacked = set(config.members) if crossing else set()
    for name, system in config.systems.items():
        try:
            reads = tunable_policy(config, name, crossing).reads
        except ShelfwiseError:
            if not tolerant:
                raise
            continue  # told when its turn comes
        if reads == "scores":
            stacked |= {*system.members} or {*config.members}
    return stacked


def _fit_system(
    name: str,
    model: Model,
    learned: dict[str, FittedMember],
    lesson: TrainingSet,
    context: Context,
    stages: Checkpoints,
) -> Floats:
    """Fit one system; returns its scores on the rows that thresholds are tuned on."""
    stack = Stack.of(name, model, learned, lesson.targets, lesson.validation)
    stack.fit(model, context, stages)
    model.system_members[name] = system_members(model, name, learned)
    return stack.checked(model, context, stages)


def _choose(model: Model, fused: dict[str, Floats], targets: Floats) -> None:
    """Tune each system's threshold, and settle which system decides, on honest scores."""
    quality = {}
    for name, said in fused.items():
        scores = model.consistency.propagate_to_ancestors(said)
        model.thresholds[name] = best_threshold(targets, scores)
        quality[name] = micro_f1(targets > 0, model.decide(scores, name, model.thresholds[name]))
    wanted = model.config.decide_with
    model.decide_with = wanted if wanted in fused else max(quality, key=lambda name: quality[name])


def _fit_decision_rule(
    model: Model,
    learned: dict[str, FittedMember],
    lesson: TrainingSet,
    checked: Floats,
    context: Context,
    stages: Checkpoints,
) -> None:
    """Calibrate the deciding system and fit its rule of decision on all honest scores there are; keep these where they are out of fold."""
    deciding, crossing = model.decide_with, not len(lesson.validation)
    out_of_fold = model.config.stacking.fitted_on == "oof"
    rows, scores = (lesson.train, checked) if crossing else (lesson.validation, checked)
    if (
        out_of_fold
        and not crossing
        and deciding in model.policies
        and model.policies[deciding].reads == "scores"
    ):
        stack = Stack.of(deciding, model, learned, lesson.targets, lesson.validation)
        rows = np.concatenate([stack.parts[0].rows, lesson.validation])
        scores = np.concatenate([stack.crossed(model, context, stages), checked])
    order = np.argsort(rows)
    ids, targets = [lesson.catalog.ids[row] for row in rows[order]], lesson.targets[rows[order]]
    model.decision_rule, likely = DecisionRule.fit(scores[order], targets, model.config, model.consistency)
    model.thresholds[deciding] = best_threshold(targets, likely)
    model.out_of_fold = OutOfFold.of(ids, likely, targets) if out_of_fold else None
    heard = [model.members[name] for name in model.members_of(deciding)]
    model.novelty = NoveltyDetector.fit(
        lesson.catalog, lesson.groups, lesson.train, (rows[order], likely), heard, context
    )


def _pack(prediction: Prediction) -> State:
    return State({f.name: getattr(prediction, f.name) for f in dataclasses.fields(prediction)})


def _unpack(state: State) -> Prediction:
    return Prediction(**state.arrays)


def learn(catalog: Catalog, config: Config, context: Context) -> Model:
    """A model from the labelled products in memory; nothing is kept back for a test."""
    labels, (lesson, _, _), _ = _lesson(catalog, config, tested_elsewhere=True)
    return fit_model(lesson, labels, config, context)
