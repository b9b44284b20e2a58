"""Many systems on one split of one catalogue: what each is worth, and what it costs."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.reader import write_quarantine
from shelfwise.config import Config, MemberSettings
from shelfwise.core.types import Bools, Context, Prediction, State
from shelfwise.errors import ConfigError
from shelfwise.evaluation.evaluate import score_system, similar_figures, stages_of
from shelfwise.evaluation.ranking import ranked
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions
from shelfwise.reports.leaderboard import write_leaderboard
from shelfwise.training.dataset import PreparedData, prepare_data
from shelfwise.training.fit import fit_model
from shelfwise.training.fit_members import try_or_reason
from shelfwise.training.profiling import ProfiledCheckpoints
from shelfwise.training.run_record import describe_run

WORK = "work"
SOURCES = ("weights", "vectors", "encoder")
"""Under which names plug-ins tell what pre-trained parts they use."""

NOTES = (
    "Seconds to fit count all that a system needs: its members, out of fold too where they are joined, and the joining. Systems share "
    "this work, so the sum over all rows is more than was spent. Texts and pictures that members read alike are cleaned and encoded "
    "once, for the first of them; of the test products every member reads its own, so that its speed is its own.",
    "Memory is by how much the process grew at most during the costliest stage of a system, above what the process held before.",
    "The best is the first of this table; a difference from it counts as real where its 95 % interval (paired bootstrap) leaves out 0.",
)


def compare(
    catalog: Path, out: Path, config: Config, test: Path | None = None, context: Context | None = None
) -> dict[str, Any]:
    """Fit every member and system of `config`, score each on the same test products, and leave the leaderboard in `out`.

    What fails is a row with its reason. Finished work is kept in ``out/work`` (encoded pictures too, so that no time is
    measured on another run's cache): the same call goes on where it was broken off, and does only what is new when the
    settings of some systems have changed.

    Returns:
        The results, as in ``out/results.json``.

    Raises:
        ConfigError: `out` holds something else.
        ShelfwiseError: there is nothing to learn from, or nothing to test on.
    """
    started = time.perf_counter()
    if out.exists() and not (out / WORK).is_dir() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists and is not a comparison; choose another folder or remove it")
    context = dataclasses.replace(context or Context(seed=config.seed), cache=out / WORK / "cache")
    task = prepare_data(catalog, config, test, context)
    stages = ProfiledCheckpoints(out / WORK / "stages", _key(config, task), _marks(config))
    model = fit_model(task.training_set, task.labels, config, context, stages, skip_failures=True)
    answers, not_run = _asked(model, task, context, stages)
    systems, order = _scored(model, answers, not_run, task, stages)
    results = describe_run(task, config, stages)
    results |= {
        "systems": systems,
        "leaderboard": order,
        "decide_with": model.decide_with,
        "notes": list(NOTES),
    }
    results["similar"] = (
        similar_figures(model, answers, task.test_targets > 0) if model.decide_with in order else None
    )
    results["seconds"] = time.perf_counter() - started
    write_leaderboard(results, out)
    for name, reading in task.readings.items():
        write_quarantine(
            reading.quarantine,
            out / ("quarantine.jsonl" if name == "catalog" else f"quarantine.{name}.jsonl"),
        )
    return results


def select_systems(config: Config, wanted: Sequence[str]) -> Config:
    """`config` with the named members and systems only, and the members that these need; "all" keeps everything.

    ``NAME@N`` is a variant of the member NAME whose last N layers train (``image@0``, ``image@24``, ``image@all``), so that
    Yosinski's sweep is a list of names.

    Raises:
        ConfigError: no such member or system.
    """
    if "all" in wanted:
        return config
    variants = {name: _variant(config, name) for name in wanted if "@" in name}
    members, known = {**config.members, **variants}, [*config.members, *config.systems]
    for name in wanted:
        if name not in members and name not in config.systems:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ConfigError(f"there is no system called {name!r}; {hint}known: all, {', '.join(known)}")
    systems = {name: system for name, system in config.systems.items() if name in wanted}
    needed = set(wanted).union(*(system.members or config.members for system in systems.values()))
    kept = {name: member for name, member in members.items() if name in needed}
    return config.model_copy(update={"members": kept, "systems": systems, "decide_with": "auto"})


def _variant(config: Config, name: str) -> MemberSettings:
    base, _, last = name.partition("@")
    if base not in config.members or not (last == "all" or last.isdigit()):
        raise ConfigError(
            f"{name!r} is no variant of a member; write MEMBER@LAYERS with a number or all, e.g. image@24"
        )
    member = config.members[base]
    return member.model_copy(
        update={"settings": {**member.settings, "train_last": last if last == "all" else int(last)}}
    )


def _asked(
    model: Model, task: PreparedData, context: Context, stages: ProfiledCheckpoints
) -> tuple[MemberPredictions, dict[str, str]]:
    """What the members say of the test products, and why those say nothing that were not run."""
    predictions: dict[str, Prediction] = {}
    not_run = dict(model.facts["not_run"])
    for name in model.members:
        outcome = try_or_reason(partial(_tested, model, name, task, context, stages), name, skip_failures=True)
        if isinstance(outcome, str):
            not_run[name] = outcome
        else:
            predictions[name] = outcome
    return MemberPredictions(
        predictions, seconds={name: stages.seconds[f"test.{name}"] for name in predictions}
    ), not_run


def _scored(
    model: Model,
    answers: MemberPredictions,
    not_run: dict[str, str],
    task: PreparedData,
    stages: ProfiledCheckpoints,
) -> tuple[dict[str, Any], list[str]]:
    """Every system's entry, those that were not run last, and the names of the others, best first."""
    systems: dict[str, Any] = {}
    truth, decided = task.test_targets > 0, {}
    for name in model.systems:
        missing = [m for m in model.members_of(name) if m not in answers.predictions]
        if missing:
            not_run[name] = not_run[missing[0]]
            continue
        entry = try_or_reason(partial(_entry, model, name, answers, truth), name, skip_failures=True)
        if isinstance(entry, str):
            not_run[name] = entry
            continue
        decided[name] = model.decide(model.scores(answers, name), name, model.thresholds[name])
        systems[name] = {**entry, **_costs(model, name, entry, len(truth), stages)}
    order = ranked(systems, decided, truth, model.config.evaluation.bootstrap, model.config.seed)
    return {
        **{name: systems[name] for name in order},
        **{name: {"not_run": reason} for name, reason in not_run.items()},
    }, order


def _tested(
    model: Model, name: str, task: PreparedData, context: Context, stages: ProfiledCheckpoints
) -> Prediction:
    """What one member says of the test products; how long that takes is the stage's time, so no cache may help."""
    context = dataclasses.replace(context, title=name, cache=None)
    test = dataclasses.replace(task.test)  # a catalogue of which nobody has read anything yet

    def asked() -> State:
        return State(vars(model.predict_members(test, context, [name]).predictions[name]))

    return Prediction(**stages.run(f"test.{name}", asked).arrays)


def _costs(
    model: Model, name: str, entry: Mapping[str, Any], products: int, stages: ProfiledCheckpoints
) -> dict[str, Any]:
    members = model.members_of(name)
    peaks = [stages.peaks.get(stage) for stage in [*stages_of(model, name), *(f"test.{m}" for m in members)]]
    states = [*(f"member.{m}" for m in members), *([f"system.{name}"] if name in model.policies else [])]
    facts = [model.facts["provenance"][m] for m in members]
    return {
        "products_per_second": products / entry["seconds_predict"],
        "peak_memory": max((p for p in peaks if p is not None), default=None),
        "size": sum(stages.size(state) for state in states),
        "weights": list(
            dict.fromkeys(
                f[key] for f in facts for key in SOURCES if isinstance(f.get(key), str) and f[key] != "random"
            )
        ),
        "stand_ins": list(dict.fromkeys(f["note"] for f in facts if f.get("note"))),
    }


def _key(config: Config, task: PreparedData) -> str:
    """Everything that every stage depends on; the members and systems have marks of their own."""
    parts = config.dump()
    common = {name: parts[name] for name in ("seed", "catalog", "labels", "split", "stacking")}
    prints = [task.training_set.catalog.fingerprint(), task.test.fingerprint()]
    return hashlib.sha256(
        json.dumps([version("shelfwise"), common, *prints], sort_keys=True).encode()
    ).hexdigest()


def _marks(config: Config) -> dict[str, str]:
    """What identifies the settings of each member, and of each system with its members."""
    parts = config.dump()
    plain: dict[str, Any] = dict(parts["members"])
    for name, system in parts["systems"].items():
        joined = system["members"] or list(config.members)
        plain[name] = [system, {member: parts["members"][member] for member in joined}]
    return {
        name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
        for name, value in plain.items()
    }


def _entry(model: Model, name: str, answers: MemberPredictions, truth: Bools) -> dict[str, Any]:
    """One system's figures on the test products."""
    return score_system(model, name, answers, truth)[0]
