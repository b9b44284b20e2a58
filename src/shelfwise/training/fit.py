"""From labelled products to a fitted model: members, out-of-fold scores, policies, thresholds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from shelfwise.catalog.labels import LabelSet
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.sparse_scores import in_row_order
from shelfwise.core.types import Context, Matrix, Rows
from shelfwise.decision.decision_rule import DecisionRule
from shelfwise.decision.thresholds import best_threshold
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.model.model import Model
from shelfwise.model.nearest_neighbours import Neighbours
from shelfwise.model.out_of_fold import OutOfFold
from shelfwise.nn.device import device_facts
from shelfwise.novelty.detector import NoveltyDetector
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.dataset import TrainingSet, split_catalog
from shelfwise.training.fit_members import FittedMembers, fit_members, try_or_reason
from shelfwise.training.member_selection import adapt_to_catalog, check_fields
from shelfwise.training.product_draw import draw_products, taken
from shelfwise.training.stacking import Stack, system_members
from shelfwise.training.stage_titles import tell_stage
from shelfwise.training.time_budget import Budget
from shelfwise.training.training_run import TrainingRun

MEMBERS_SHARE = 0.7
"""The share of a time budget that members may take; fusions and their cross-fitting take the rest."""


@dataclass(frozen=True)
class TuningScores:
    """Scores of one system on products it was not fitted on.

    Args:
        rows: (C,) of the training set, rising.
        scores: (C, L), dense or sparse.
    """

    rows: Rows
    scores: Matrix


def fit_catalog(catalog: Catalog, config: Config, context: Context) -> Model:
    """A model fitted on the labelled products in memory; none is kept for a test."""
    split = split_catalog(catalog, config, context, has_test_catalog=True)
    return fit_model(split.training_set, split.labels, config, context)


def fit_model(
    training_set: TrainingSet,
    labels: LabelSet,
    config: Config,
    context: Context,
    checkpoints: Checkpoints | None = None,
    skip_failures: bool = False,
) -> Model:
    """Fit every member and every system of `config`.

    Left out are members whose field hardly any product has, or that the budget is too small for; systems that
    name them; and, once the time is over, all systems but the final one. ``facts["not_run"]`` says why.

    Args:
        skip_failures: leave out what fails, too; otherwise the error is raised.

    Raises:
        ConfigError: a member reads a field that the catalogue does not have.
        LabelError: not one member can be fitted.
    """
    if not skip_failures:
        check_fields(config, training_set.catalog)
    checkpoints = checkpoints or Checkpoints()
    context = replace(context, loops=checkpoints.loops)
    # What the catalogue lacks is dropped before anything is fitted: every part sees the same settings.
    config = adapt_to_catalog(config, training_set.catalog)
    run = TrainingRun(training_set, config, context, checkpoints, skip_failures)
    # The clock starts here: reading and splitting are not part of the budget.
    budget = Budget.from_seconds(config.budget, context)
    fitted = fit_members(run, budget.part(MEMBERS_SHARE))
    taxonomy = Taxonomy.of(labels, training_set.catalog.lazy_column("categories"))
    members = {name: item.member for name, item in fitted.members.items()}
    model = Model(config, labels, members, taxonomy=taxonomy)
    # Members are systems too: each alone is a row of the results, and may be the final system.
    scores = _member_scores(fitted, training_set)
    scores |= _fit_systems(run, model, fitted, budget)
    _choose_final_system(model, scores, training_set.targets[run.tuning_rows], context)
    widths = {name: item.predictions.features.shape[1] for name, item in fitted.members.items()}
    model.nearest_neighbours = _neighbours(model, fitted, training_set)
    fitted.forget_features()
    tell_stage(context, "fitting thresholds")
    # Calibration and limits are fitted for the final system only: nobody decides by the others.
    final_scores = scores[model.decide_with]
    tuning = _all_tuning_scores(run, model, fitted, final_scores)
    _fit_decision_rule(run, model, tuning)
    folds = config.stacking.folds_of(len(training_set.train))
    model.facts = _facts(model, fitted, widths, len(tuning.rows), folds)
    model.seconds = checkpoints.seconds
    # several members may read one image, and each refuses it
    model.training_refused = tuple(dict.fromkeys(fitted.refused))
    return model


def _member_scores(fitted: FittedMembers, training_set: TrainingSet) -> dict[str, Matrix]:
    """Each member's own scores on the rows that thresholds are tuned on, by models that had not seen them."""
    if not len(training_set.validation):
        return {name: item.out_of_fold.probabilities for name, item in fitted.members.items()}
    rows = training_set.validation
    return {name: item.predictions.probabilities[rows] for name, item in fitted.members.items()}


def _fit_systems(
    run: TrainingRun, model: Model, fitted: FittedMembers, budget: Budget
) -> dict[str, Matrix]:
    """Fit all systems; their scores on the rows that thresholds are tuned on. Adds to ``fitted.not_run``."""
    config = model.config
    scores: dict[str, Matrix] = {}
    # The final system comes first and knows no limit: a model without it could not decide.
    final_first = sorted(config.systems, key=lambda name: name != config.decide_with)
    for name in final_first:
        # A fusion of fewer members than it names would be another system under the same name.
        missing = [
            member for member in config.systems[name].members if member not in fitted.members
        ]
        if missing:
            reason = fitted.not_run[missing[0]]
            fitted.not_run[name] = f"its member {missing[0]} was not run: {reason}"
            continue
        limit = Budget.from_seconds(None, run.context) if name == config.decide_with else budget
        fit = partial(_fit_system, run.within(limit), name, model, fitted)
        outcome = try_or_reason(partial(limit.spend, name, fit), name, run.skip_failures)
        if isinstance(outcome, str):
            fitted.not_run[name] = outcome
        else:
            scores[name] = outcome
    return scores


def _fit_system(run: TrainingRun, name: str, model: Model, fitted: FittedMembers) -> Matrix:
    """Fit one system; its scores on the rows that thresholds are tuned on."""
    targets = run.training_set.targets
    validation = run.training_set.validation
    stack = Stack.from_members(name, model, fitted.members, targets, validation)
    stack.fit(model, run.context, run.checkpoints)
    model.system_members[name] = system_members(model, name, fitted.members)
    return stack.tuning_scores(model, run.context, run.checkpoints)


def _neighbours(model: Model, fitted: FittedMembers, training_set: TrainingSet) -> Neighbours:
    """The index of the training products, by the features of the final system."""
    features = {
        name: fitted.members[name].predictions.features
        for name in model.members_of(model.decide_with)
    }
    catalog = training_set.catalog
    return Neighbours.of(features, catalog.ids, catalog.column("title"), training_set.targets)


def _choose_final_system(
    model: Model, scores: dict[str, Matrix], targets: Matrix, context: Context
) -> None:
    """Tune each system's threshold, and choose the final system: the configured one, or the best."""
    quality: dict[str, float] = {}
    drawn = draw_products(targets, model.config.stacking.max_products, context.seed)
    scores = {name: taken(raw, drawn) for name, raw in scores.items()}
    targets = taken(targets, drawn)
    for name, raw in scores.items():
        # Thresholds are tuned on scores as they will be decided on, raised to agree with the taxonomy.
        consistent = model.consistency.propagate_to_ancestors(raw)
        model.thresholds[name] = best_threshold(targets, consistent)
        decided = model.decide(consistent, name, model.thresholds[name])
        quality[name] = micro_f1(targets > 0, decided)
    # A configured final system that could not be fitted gives way to the best one that could.
    wanted = model.config.decide_with
    model.decide_with = wanted if wanted in scores else max(quality, key=lambda name: quality[name])


def _all_tuning_scores(
    run: TrainingRun, model: Model, fitted: FittedMembers, scores: Matrix
) -> TuningScores:
    """All scores of the final system that are not in-sample: on the validation rows, and cross-fitted ones.

    Args:
        scores: of the final system on the rows that thresholds are tuned on.
    """
    final = model.decide_with
    rows = run.tuning_rows
    validation = run.training_set.validation
    policy = model.policies.get(final)
    out_of_fold = model.config.stacking.fitted_on == "oof"
    if len(validation) and out_of_fold and policy is not None and policy.reads == "scores":
        # Validation products are few: cross-fitted scores of the training products are added to them.
        targets = run.training_set.targets
        stack = Stack.from_members(final, model, fitted.members, targets, validation)
        crossed = stack.cross_fitted(model, run.context, run.checkpoints)
        fitted_on = stack.parts[0].rows
        # Rows in catalogue order: what is fitted on them must not depend on how they were collected.
        rows = np.union1d(fitted_on, validation)
        parts = [(fitted_on, crossed), (validation, scores)]
        placed = [(np.searchsorted(rows, own), values) for own, values in parts]
        return TuningScores(rows, in_row_order(placed, (len(rows), scores.shape[1])))
    order = np.argsort(rows)
    return TuningScores(rows[order], scores[order])


def _fit_decision_rule(run: TrainingRun, model: Model, tuning: TuningScores) -> None:
    """Fit calibration, thresholds, limits of acceptance and the novelty detector.

    The scores are kept in the model if they are out of fold: an audit of the training catalogue reads them.
    """
    training_set = run.training_set
    context = run.context
    catalog = training_set.catalog
    # once, not for each row: the list is made anew whenever it is asked for
    all_ids = catalog.ids
    ids = [all_ids[row] for row in tuning.rows]
    targets = training_set.targets[tuning.rows]
    drawn = draw_products(targets, model.config.stacking.max_products, context.seed)
    # The probabilities are cross-calibrated: thresholds and limits rest on no curve that saw their product.
    model.decision_rule, probabilities = DecisionRule.fit(
        taken(tuning.scores, drawn), taken(targets, drawn), model.config, model.consistency
    )
    model.thresholds[model.decide_with] = best_threshold(taken(targets, drawn), probabilities)
    if len(drawn) < targets.shape[0]:
        # no curve has seen the others
        others = np.setdiff1d(np.arange(targets.shape[0]), drawn)
        likely = model.decision_rule.probabilities(tuning.scores[others])
        likely = model.consistency.propagate_to_ancestors(likely)
        parts = [(drawn, probabilities), (others, likely)]
        probabilities = in_row_order(parts, targets.shape)
    if model.config.stacking.fitted_on == "oof":
        model.out_of_fold = OutOfFold.of(ids, probabilities, targets)
    members = [model.members[name] for name in model.members_of(model.decide_with)]
    known = (tuning.rows, probabilities)
    model.novelty = NoveltyDetector.fit(
        catalog, training_set.groups, training_set.train, known, members, context
    )


def _facts(
    model: Model, fitted: FittedMembers, widths: dict[str, int], scored: int, folds: int
) -> dict[str, object]:
    """What the model records of its training.

    Args:
        widths: of each member's features.
        scored: products with scores of models that had not seen them.
        folds: in which these were scored.
    """
    most = model.config.stacking.max_products
    return {
        "not_run": fitted.not_run,
        "folds": folds,
        # None: from all of them
        "learnt_from": {"drawn": most, "of": scored} if scored > most else None,
        "device": device_facts()["kind"],
        "widths": widths,
        "provenance": {name: member.provenance() for name, member in model.members.items()},
        "policies": {name: policy.facts() for name, policy in model.policies.items()},
        "decision_rule": None if model.decision_rule is None else model.decision_rule.facts(),
    }
