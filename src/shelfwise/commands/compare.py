"""``shelfwise compare``: many systems on one split of one catalogue, and what each is worth and costs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shelfwise.commands.output_places import check_no_model
from shelfwise.commands.train import write_quarantines, write_refused
from shelfwise.config import Config
from shelfwise.core.sparse_scores import dense
from shelfwise.core.types import Bools, Context, Prediction, RejectedField, State
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import sha256_of_json
from shelfwise.errors import ConfigError
from shelfwise.evaluation.evaluate import refused_fields, score_system, similar_figures, stages_of
from shelfwise.evaluation.ranking import ranked
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions
from shelfwise.reports.leaderboard import write_leaderboard
from shelfwise.reports.pretrained_parts import pretrained_parts
from shelfwise.training.dataset import PreparedData, prepare_data
from shelfwise.training.fit import fit_model
from shelfwise.training.fit_members import try_or_reason
from shelfwise.training.profiling import ProfiledCheckpoints
from shelfwise.training.run_record import describe_run

WORK_FOLDER = "work"
"""Where a comparison keeps its stages and its cache."""

NOTES = (
    "Time to fit counts all that a system needs: its members, their out-of-fold scores where they are fused, "
    "and the fusion. Systems share this work, so the sum over all rows is more than was spent. Members that "
    "read the same texts or images share the cleaning and encoding, which counts for the first of them. Each "
    "member reads the test products anew, so its speed is its own.",
    "Memory is the largest growth of the process during a system's costliest stage.",
    "The best is the first row. A difference from it counts as real where its 95 % interval (paired "
    "bootstrap) leaves out 0.",
)


def compare(
    catalog: Path,
    out: Path,
    config: Config,
    test: Path | None = None,
    context: Context | None = None,
) -> dict[str, Any]:
    """Fit every member and system of `config`, score each on the same test products, and rank them.

    Leaves the leaderboard in `out`. What fails is a row with its reason. Finished work is kept in
    ``out/work``, encoded images too, so that no time is measured on another run's cache. The same call
    resumes an interrupted run. It does only what is new when the settings of some systems have changed.

    Returns:
        The results, as in ``out/results.json``.

    Raises:
        ConfigError: `out` holds something else.
        StorageError: another run is writing to `out`.
        ShelfwiseError: there are no products to train on, or none to test on.
    """
    # before any work: a folder that holds something else is never written to
    check_no_model(out)
    _check_folder(out, out / WORK_FOLDER)
    # resumable work is under the same claim: two runs would mix their stages
    with claimed(out):
        return _compare(catalog, out, config, test, context)


def _compare(
    catalog: Path, out: Path, config: Config, test: Path | None, context: Context | None
) -> dict[str, Any]:
    """As :func:`compare`, for the holder of the claim on `out`."""
    started = time.perf_counter()
    work = out / WORK_FOLDER
    context = dataclasses.replace(context or Context(seed=config.seed), cache=work / "cache")
    data = prepare_data(catalog, config, test, context)
    config = data.with_reading(config)
    stages = ProfiledCheckpoints(work / "stages", _run_key(config, data), _system_keys(config))
    # a member that fails costs its own row only
    model = fit_model(data.training_set, data.labels, config, context, stages, skip_failures=True)
    answers, not_run = _test_members(model, data, context, stages)
    systems, order = _score_systems(model, answers, not_run, data, stages)
    # without the final system's predictions nothing can be said of its similar products
    similar = None
    if model.decide_with in order:
        similar = similar_figures(model, answers, data.test_targets > 0)
    results = describe_run(data, config, stages)
    results |= {
        "systems": systems,
        "leaderboard": order,
        "decide_with": model.decide_with,
        "notes": list(NOTES),
        "similar": similar,
        "refused": refused_fields(model, answers),
    }
    results["seconds"] = time.perf_counter() - started
    write_leaderboard(results, out)
    write_quarantines(data, out)
    write_refused(results["refused"], out)
    return results


def _check_folder(out: Path, work: Path) -> None:
    """Refuse a folder that holds something else than a comparison.

    Raises:
        ConfigError: it does.
    """
    if not out.exists() or work.is_dir():
        return
    if not out.is_dir() or any(out.iterdir()):
        raise ConfigError(
            f"{out} exists and is not a comparison; choose another folder or remove it"
        )


def _test_members(
    model: Model, data: PreparedData, context: Context, stages: ProfiledCheckpoints
) -> tuple[MemberPredictions, dict[str, str]]:
    """What the members predict for the test products, and why others were not run."""
    predictions: dict[str, Prediction] = {}
    refused: list[RejectedField] = []
    # what failed in fitting has its reason already
    not_run = dict(model.facts["not_run"])
    for name in model.members:
        predict = partial(_predict_test_products, model, name, data, context, stages)
        outcome = try_or_reason(predict, name, skip_failures=True)
        if isinstance(outcome, str):
            not_run[name] = outcome
        else:
            predictions |= outcome.predictions
            refused += outcome.refused
    seconds = {name: stages.seconds[f"test.{name}"] for name in predictions}
    # several members may read one image, and each rejects it
    refused_once = tuple(dict.fromkeys(refused))
    return MemberPredictions(predictions, refused_once, seconds), not_run


def _predict_test_products(
    model: Model, name: str, data: PreparedData, context: Context, stages: ProfiledCheckpoints
) -> MemberPredictions:
    """What one member predicts for the test products. The stage measures its speed, so no cache may help."""
    context = dataclasses.replace(context, title=name, cache=None)
    # a new object, which no member has read yet: a catalogue keeps what was cleaned of it
    test = dataclasses.replace(data.test)

    def predicted() -> State:
        answers = model.predict_members(test, context, [name])
        refused = [vars(one) for one in answers.refused]
        return State(vars(answers.predictions[name]), {"refused": refused})

    state = stages.run(f"test.{name}", predicted)
    refused = tuple(RejectedField(**one) for one in state.facts["refused"])
    return MemberPredictions({name: Prediction(**state.arrays)}, refused)


def _score_systems(
    model: Model,
    answers: MemberPredictions,
    not_run: dict[str, str],
    data: PreparedData,
    stages: ProfiledCheckpoints,
) -> tuple[dict[str, Any], list[str]]:
    """Every system's entry, those that were not run last, and the names of the others, best first."""
    systems: dict[str, Any] = {}
    decided: dict[str, Bools] = {}
    # members are compared by dense predictions
    truth = dense(data.test_targets) > 0
    for name in model.systems:
        missing = [member for member in model.members_of(name) if member not in answers.predictions]
        # one absent member is enough, and its reason is the system's
        if missing:
            not_run[name] = not_run[missing[0]]
            continue
        outcome = try_or_reason(
            partial(_entry, model, name, answers, truth), name, skip_failures=True
        )
        if isinstance(outcome, str):
            not_run[name] = outcome
            continue
        # decided by the threshold: a rule of the final system alone would favour it
        decided[name] = model.decide(model.scores(answers, name), name, model.thresholds[name])
        costs = _costs(model, name, outcome, len(truth), stages)
        systems[name] = {**outcome, **costs}
    order = ranked(systems, decided, truth, model.config.evaluation.bootstrap, model.config.seed)
    entries = {name: systems[name] for name in order}
    entries |= {name: {"not_run": reason} for name, reason in not_run.items()}
    return entries, order


def _entry(model: Model, name: str, answers: MemberPredictions, truth: Bools) -> dict[str, Any]:
    """One system's figures on the test products."""
    return score_system(model, name, answers, truth)[0]


def _costs(
    model: Model, name: str, entry: Mapping[str, Any], products: int, stages: ProfiledCheckpoints
) -> dict[str, Any]:
    """What a system costs: speed, memory, size on disk, and the pre-trained parts it needs."""
    members = model.members_of(name)
    needed = [*stages_of(model, name), *(f"test.{member}" for member in members)]
    # stages run one after the other, so the largest counts and not the sum
    peaks = [stages.peaks.get(stage) for stage in needed]
    measured = [peak for peak in peaks if peak is not None]
    # on disk a system is its members, and what its policy has fitted
    states = [f"member.{member}" for member in members]
    if name in model.policies:
        states.append(f"system.{name}")
    # two members may share an encoder, which is listed once
    parts: dict[str, None] = {}
    stand_ins: dict[str, None] = {}
    for member in members:
        facts = model.facts["provenance"][member]
        parts |= dict.fromkeys(pretrained_parts(facts))
        if facts.get("note"):
            stand_ins[facts["note"]] = None
    return {
        "products_per_second": products / entry["seconds_predict"],
        "peak_memory": max(measured, default=None),
        "size": sum(stages.size(state) for state in states),
        "weights": list(parts),
        "stand_ins": list(stand_ins),
    }


def _run_key(config: Config, data: PreparedData) -> str:
    """Everything that every stage depends on; the members and systems have keys of their own."""
    settings = config.dump()
    common = {name: settings[name] for name in ("seed", "catalog", "labels", "split", "stacking")}
    # the test products count too: their predictions are kept as well
    fingerprints = [data.training_set.catalog.fingerprint(), data.test.fingerprint()]
    return sha256_of_json([version("shelfwise"), common, *fingerprints])


def _system_keys(config: Config) -> dict[str, str]:
    """What identifies the settings of each member, and of each system with its members."""
    settings = config.dump()
    members = settings["members"]
    parts: dict[str, Any] = dict(members)
    for name, system in settings["systems"].items():
        fused = system["members"] or list(config.members)
        parts[name] = [system, {member: members[member] for member in fused}]
    return {name: sha256_of_json(value) for name, value in parts.items()}
