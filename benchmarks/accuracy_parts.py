"""The parts of the accuracy chapter: each a function of a study that gives plain values, ready for JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_study import Study, Verdict, only, portion

from shelfwise.config import Config, MemberSettings, SystemSettings
from shelfwise.decision.thresholds import decide
from shelfwise.errors import CatalogError, ConfigError, LabelError

FIELDS = ("title", "description", "image")
"""The paper's three fields."""

TENTHS = (1, 2, 4, 7, 10)
TEXT = MemberSettings(modality="text_linear", field="title+description")
"""The baseline of the learning curve."""

STACKERS = {
    "ridge": SystemSettings(policy="ridge", settings={"alpha": "auto"}),
    "mean": SystemSettings(policy="mean"),
    "geometric": SystemSettings(policy="geometric"),
}
"""What else could fuse the members, apart from the parts of the final system."""


def ablation(study: Study) -> dict[str, Any]:
    """The final system without each of its members, and other fusions of them all; each in its own model."""
    full = study.full.model
    whole = Verdict.of(full, study.answers)
    rows: dict[str, Any] = {}
    for name, system in ablated(
        full.config, full.decide_with, full.members_of(full.decide_with)
    ).items():
        print(f"ablation: {name}", flush=True)
        changes = {"systems": {name: system}, "decide_with": name}
        try:
            model = study.fit(full.config.model_copy(update=changes)).model
            rows[name] = study.figures(Verdict.of(model, study.answers), whole)
        except ConfigError as error:
            rows[name] = {"not_run": str(error)}
    return {"system": full.decide_with, "full": study.figures(whole), "rows": rows}


def ablated(config: Config, final: str, members: Sequence[str]) -> dict[str, SystemSettings]:
    """Variants of the final system.

    It is left without each member in turn, reduced to one of its parts, or replaced by one of the other
    :data:`STACKERS`.
    """
    system = config.systems[final]
    parts = system.settings.get("parts", ())
    alone = {
        part["policy"]: SystemSettings(policy=part["policy"], settings=part.get("settings", {}))
        for part in parts
    }
    alone |= {
        name: stacker for name, stacker in STACKERS.items() if name not in {*alone, system.policy}
    }
    left = {
        f"without {out}": system.model_copy(
            update={"members": tuple(m for m in members if m != out)}
        )
        for out in members
    }
    fused = {
        f"{name} alone": stacker.model_copy(update={"members": tuple(members)})
        for name, stacker in alone.items()
    }
    return (left if len(members) > 1 else {}) | fused


def missing(study: Study) -> dict[str, Any]:
    """Test products with some of their fields only: the full model, and one trained on just these fields."""
    given, others = fields_read(study.full.model.config, study.full.model.members)
    rows = []
    for further, known in itertools.product(dict.fromkeys([(), others]), subsets(given)):
        fields = (*known, *further)
        print(f"missing: known are {', '.join(fields)}", flush=True)
        products = only(study.task.test, fields)
        full = Verdict.of(
            study.full.model, study.full.model.predict_members(products, study.context)
        )
        row: dict[str, Any] = {"known": known, "others": further}
        try:
            model = study.fit(study.final, fields=fields).model
        except LabelError as error:
            rows.append({**row, "full": study.figures(full), "not_run": str(error)})
            continue
        alone = Verdict.of(model, model.predict_members(products, study.context))
        rows.append(
            {
                **row,
                "full": study.figures(full, alone),
                "alone": study.figures(alone),
                "members": list(model.members),
            }
        )
    return {"rows": rows}


def fields_read(config: Config, members: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of :data:`FIELDS` that the members read, and all others that they read."""
    read = dict.fromkeys(
        field for name in members for field in config.members[name].field.split("+")
    )
    return tuple(field for field in FIELDS if field in read), tuple(
        field for field in read if field not in FIELDS
    )


def subsets(fields: Sequence[str]) -> list[tuple[str, ...]]:
    """All but the empty one, small ones first.

    >>> subsets("ab")
    [('a',), ('b',), ('a', 'b')]
    """
    return [
        some for size in range(1, len(fields) + 1) for some in itertools.combinations(fields, size)
    ]


def curve(study: Study) -> dict[str, Any]:
    """The full system and a text classifier, trained on more and more products.

    The labels are those of the whole training part.
    """
    text = study.config.model_copy(
        update={"members": {"text": TEXT}, "systems": {}, "decide_with": "text"}
    )
    rows = []
    for tenths in TENTHS:
        print(f"curve: {10 * tenths} %", flush=True)
        whole = study.task.training_set
        training_set = whole if tenths == 10 else portion(whole, tenths, study.config.seed)
        model, rival = (study.fit(config, training_set).model for config in (study.final, text))
        verdicts = [
            Verdict.of(one, one.predict_members(study.task.test, study.context))
            for one in (model, rival)
        ]
        figures = {"full": study.figures(*verdicts), "text": study.figures(verdicts[1])}
        rows.append({"share": tenths / 10, "products": len(training_set.train), **figures})
    return {"rows": rows}


def cost(study: Study) -> dict[str, Any]:
    """Where the time of the full system's training goes."""
    fit = study.full
    rows = grouped(fit.costs, fit.model.config, fit.model.decide_with)
    rows["reading, splitting, and the rest"] = list(np.add(study.reading, fit.overhead).tolist())
    return {
        "products": len(study.task.training_set.train),
        "rows": {name: {"seconds": wall, "cpu": cpu} for name, (wall, cpu) in rows.items()},
    }


def grouped(
    costs: Mapping[str, Sequence[float]], config: Config, final: str
) -> dict[str, list[float]]:
    """Wall and CPU seconds of the stages, summed by what they are for, in the order in which they are done.

    Images are encoded when the first member that reads them is prepared. All other preparation is of text and
    further fields.
    """
    first = next(
        (name for name, member in config.members.items() if "image" in member.field.split("+")),
        None,
    )
    sums: dict[str, list[float]] = {
        name: [0.0, 0.0] for name in ("encoding images", "encoding text, and other preparation")
    }
    for stage, spent in costs.items():
        kind, _, name = stage.partition(".")
        if kind == "prepare":
            group = "encoding images" if name == first else "encoding text, and other preparation"
        elif kind in ("system", "cross"):
            group = f"stacking: {final}" if name == final else "other systems"
        else:
            member = name.rsplit(".", 1)[0] if kind == "fold" else name
            group = f"member {member}, {1 + config.stacking.folds} fits"
        sums[group] = np.add(sums.get(group, [0.0, 0.0]), spent).tolist()
    return sums


def peers(study: Study, folder: Path) -> dict[str, Any]:
    """The full system's decisions against those of each rival that benchmarks/peers measured on this split.

    Raises:
        CatalogError: the rivals were measured on other products or labels.
    """
    measured = json.loads((folder / "peers.json").read_text("utf-8"))
    ours, rows = Verdict.of(study.full.model, study.answers), {}
    for name, system in measured["systems"].items():
        if "not_run" in system or name in measured["margins"]:
            continue
        theirs = verdict_of_peer(study, folder / "scores" / f"{name}.npz")
        rows[name] = {"title": system["title"], "fields": system["fields"], **study.figures(theirs)}
        rows[name]["difference"] = study.figures(ours, theirs)["difference"]
    return {"full": study.figures(ours), "rows": rows}


def verdict_of_peer(study: Study, path: Path) -> Verdict:
    """What a rival decided, in the order of our test products."""
    with np.load(path) as kept:
        ids, labels = kept["ids"].tolist(), tuple(kept["labels"].tolist())
        scores, thresholds, targets = kept["scores"], kept["thresholds"], kept["targets"]
    known, wanted = {name: row for row, name in enumerate(ids)}, study.task.test.ids
    if labels != tuple(study.task.labels.names) or set(ids) != set(wanted):
        raise CatalogError(
            f"{path} is about {len(ids)} products and {len(labels)} labels, but {len(wanted)} products and "
            f"{len(study.task.labels.names)} labels are tested here; "
            "run benchmarks/peers/run.py on the same catalogues and --min-count"
        )
    rows = np.array([known[name] for name in wanted])
    if (targets[rows] != study.truth).any():
        raise CatalogError(
            f"{path} has other targets for the same products; "
            "run benchmarks/peers/run.py on the same catalogues"
        )
    return Verdict(decide(scores[rows], 0.5), decide(scores[rows], thresholds[rows][:, None]))
