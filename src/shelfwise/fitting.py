"""From labelled products to a fitted model: members, honest scores for stacking, policies, thresholds."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.split import group_folds
from shelfwise.catalog.store import Catalog
from shelfwise.config import Config
from shelfwise.contracts import Context, Examples, Floats, MemberOutputs, Modality, Prediction, Rows, State
from shelfwise.decision.thresholds import best_threshold, decide
from shelfwise.errors import LabelError, ShelfwiseError
from shelfwise.evaluation.metrics import micro_f1
from shelfwise.model import Model, make_member, make_policy
from shelfwise.neighbours import Neighbours
from shelfwise.training.out_of_fold import fit_present, out_of_fold, predict_present
from shelfwise.training.stages import Stages

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Lesson:
    """What a model learns from.

    Args:
        catalog: N products.
        targets: (N, L) of 0 and 1.
        train: rows that are learnt from.
        validation: rows for early stopping, thresholds and choosing the deciding system.
        groups: (N,) near-copies share a number and stay in one fold.
    """

    catalog: Catalog
    targets: Floats
    train: Rows
    validation: Rows
    groups: Rows


@dataclass(frozen=True)
class Learned:
    """A fitted member with its answers.

    Args:
        member: the fitted modality.
        everywhere: for all N rows, by the member fitted on the training rows; honest for the validation rows.
        honest: for `rows`, by models that had not seen them (or the in-sample answers, where the settings say so).
        rows: what the policies are fitted on.
    """

    member: Modality
    everywhere: Prediction
    honest: Prediction
    rows: Rows


def fit_model(
    lesson: Lesson, labels: LabelSet, config: Config, context: Context, stages: Stages | None = None, tolerant: bool = False
) -> Model:
    """Fit every member and every system of `config`.

    Members whose field hardly any product has, and systems that name them, are left out; ``facts["not_run"]`` says why.

    Args:
        tolerant: what fails is left out likewise; otherwise it is raised.

    Raises:
        LabelError: not one member can be fitted.
    """
    stages = stages or Stages()
    not_run: dict[str, str] = {}
    learned: dict[str, Learned] = {}
    stacked = _stacked(config, tolerant)
    for name in config.members:
        outcome = attempted(partial(_fit_member, name, lesson, config, context, stages, name in stacked), name, tolerant)
        if isinstance(outcome, str):
            not_run[name] = outcome
        else:
            learned[name] = outcome
    if not learned:
        raise LabelError(f"there is nothing to learn from: {'; '.join(not_run.values())}")
    model = Model(config, labels, {name: item.member for name, item in learned.items()})
    fused = {name: item.everywhere.probabilities[lesson.validation] for name, item in learned.items()}
    for name, system in config.systems.items():
        missing = [m for m in system.members if m not in learned]
        fit = partial(_fit_policy, name, model, learned, lesson, context, stages)
        scores = f"its member {missing[0]} was not run: {not_run[missing[0]]}" if missing else attempted(fit, name, tolerant)
        if isinstance(scores, str):
            not_run[name] = scores
        else:
            fused[name] = scores
    _choose(model, fused, lesson.targets[lesson.validation])
    features = {name: learned[name].everywhere.features for name in model.members_of(model.decide_with)}
    model.neighbours = Neighbours.of(features, lesson.catalog.ids, lesson.catalog.column("title"), lesson.targets)
    model.facts = {
        "not_run": not_run,
        "seconds": stages.seconds,
        "widths": {name: item.everywhere.features.shape[1] for name, item in learned.items()},
        "provenance": {name: m.provenance() for name, m in model.members.items()},
        "policies": {name: p.facts() for name, p in model.policies.items()},
    }
    return model


def attempted(compute: Callable[[], T], name: str, tolerant: bool) -> T | str:
    """What `compute` gives; where `tolerant`, the reason in words instead if it fails in any way."""
    try:
        return compute()
    except Exception as error:
        if not tolerant:
            raise
        log.warning("%s was not run", name, exc_info=not isinstance(error, ShelfwiseError))
        return str(error) if isinstance(error, ShelfwiseError) else f"{type(error).__name__}: {error}"


def _fit_member(name: str, lesson: Lesson, config: Config, context: Context, stages: Stages, stacked: bool) -> Learned | str:
    member, count = make_member(config, name), lesson.targets.shape[1]
    context = dataclasses.replace(context, title=name)
    inputs = stages.time(f"prepare.{name}", lambda: member.prepare(lesson.catalog, context))
    present = int(inputs.present[lesson.train].sum())
    if present < 2 * config.stacking.folds:
        return f"only {present} training products have a usable {config.members[name].field}"
    examples = Examples(inputs, lesson.targets)
    train, validation = examples.take(lesson.train), examples.take(lesson.validation)

    def fitted() -> State:
        return fit_present(member, train, validation, context).state()

    def predicted() -> State:
        return _pack(predict_present(member, inputs, count, context))

    member.restore(stages.run(f"member.{name}", fitted))
    everywhere = _unpack(stages.run(f"answers.{name}", predicted))
    if config.stacking.fitted_on == "in_sample" or not stacked:
        return Learned(member, everywhere, everywhere.take(lesson.train), lesson.train)
    folds = group_folds(lesson.targets[lesson.train], lesson.groups[lesson.train], config.stacking.folds, config.seed)
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
    return Learned(member, everywhere, honest.take(rows), lesson.train[rows])


def _stacked(config: Config, tolerant: bool) -> set[str]:
    """The members whose scores some fusion learns from; nobody needs the others' out of fold.

    Also finds settings that a policy refuses before hours of training have gone by.
    """
    stacked: set[str] = set()
    for name, system in config.systems.items():
        try:
            reads = make_policy(config, name).reads
        except ShelfwiseError:
            if not tolerant:
                raise
            continue  # told when its turn comes
        if reads == "scores":
            stacked |= {*system.members} or {*config.members}
    return stacked


def _fit_policy(name: str, model: Model, learned: dict[str, Learned], lesson: Lesson, context: Context, stages: Stages) -> Floats:
    """Fit one system; returns its scores on the validation rows."""
    joined = model.config.systems[name].members or tuple(learned)
    parts = [learned[m] for m in joined]
    policy = make_policy(model.config, name)
    if policy.reads == "features":
        rows, outputs = lesson.train, MemberOutputs.stack([part.everywhere.take(lesson.train) for part in parts])
    else:
        rows, outputs = parts[0].rows, MemberOutputs.stack([part.honest for part in parts])
    watched = MemberOutputs.stack([part.everywhere.take(lesson.validation) for part in parts])
    context = dataclasses.replace(context, title=name, labels=tuple(model.labels.names))

    def fitted() -> State:
        return policy.fit(outputs, lesson.targets[rows], (watched, lesson.targets[lesson.validation]), context).state()

    policy.restore(stages.run(f"system.{name}", fitted))
    scores = policy.fuse(watched)
    model.joins[name], model.policies[name] = joined, policy
    return scores


def _choose(model: Model, fused: dict[str, Floats], targets: Floats) -> None:
    """Tune each system's threshold on validation, and settle which system decides."""
    quality = {}
    for name, scores in fused.items():
        model.thresholds[name] = best_threshold(targets, scores)
        quality[name] = micro_f1(targets > 0, decide(scores, model.thresholds[name]))
    wanted = model.config.decide_with
    model.decide_with = wanted if wanted in fused else max(quality, key=lambda name: quality[name])


def _pack(prediction: Prediction) -> State:
    return State({f.name: getattr(prediction, f.name) for f in dataclasses.fields(prediction)})


def _unpack(state: State) -> Prediction:
    return Prediction(**state.arrays)
