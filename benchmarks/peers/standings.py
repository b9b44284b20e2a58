"""The rivals' predictions scored by shelfwise's own evaluation, and the table.

Dimensions: T tested products, L labels. Decisions are at 0.5, and at the one threshold tuned on the
validation products of the product's own fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

import numpy as np
from environments import Answer
from preparing import Bench
from rivals import Rival

from shelfwise.core.types import Bools, Floats, Rows
from shelfwise.decision.thresholds import best_threshold, decide
from shelfwise.errors import LabelError
from shelfwise.metrics.bootstrap import Statistic, bootstrap_interval, paired_bootstrap
from shelfwise.metrics.multilabel import decision_metrics
from shelfwise.reports.page import DASH

STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
RULES = ("at_0.5", "tuned")
COSTS = ("seconds_fit", "cpu_fit", "seconds_predict", "cpu_predict")


@dataclass(frozen=True)
class Scored:
    """One system's answers for all tested products, pooled over the folds.

    Args:
        rows: (T,) the products, ascending.
        scores: (T, L).
        thresholds: (T,) tuned, of each product's fold.
        facts: of each fold's run.
    """

    rows: Rows
    scores: Floats
    thresholds: Floats
    facts: tuple[dict[str, Any], ...]

    def decided(self, rule: str) -> Bools:
        """Decisions (T, L) at 0.5 or at the tuned thresholds."""
        return decide(self.scores, 0.5 if rule == "at_0.5" else self.thresholds[:, None])


def pooled(bench: Bench, answers: Sequence[Answer]) -> Scored:
    """The folds' predictions as one.

    Raises:
        LabelError: an answer has another shape than the task, or scores that are no numbers in [0, 1].
    """
    rows = np.concatenate([fold.test for fold in bench.folds])
    thresholds = []
    for fold, answer in zip(bench.folds, answers, strict=True):
        for scores, part in ((answer.validation, fold.validation), (answer.test, fold.test)):
            wanted = (len(part), len(bench.labels))
            if scores.shape != wanted or not ((scores >= 0) & (scores <= 1)).all():
                raise LabelError(
                    f"expected scores {wanted} in [0, 1], "
                    f"got {scores.shape} from {scores.min()} to {scores.max()}"
                )
        tuned = answer.facts.get(
            "threshold", best_threshold(bench.targets[fold.validation], answer.validation)
        )
        thresholds.append(np.full(len(fold.test), tuned))
    order = np.argsort(rows)
    scores = np.concatenate([answer.test for answer in answers])[order]
    return Scored(
        rows[order],
        scores,
        np.concatenate(thresholds)[order],
        tuple(answer.facts for answer in answers),
    )


def row_of(
    rival: Rival, scored: Scored, targets: Floats, resamples: int, seed: int
) -> dict[str, Any]:
    """One row: micro- and macro-F1 by both rules with 95 % intervals, and costs.

    Seconds are a fold's on average, memory is the largest of any fold.

    Args:
        targets: (T, L).
    """
    truth = targets > 0
    figures: dict[str, Any] = {}
    for rule in RULES:
        decided = scored.decided(rule)
        metrics = decision_metrics(truth, decided)
        for name in STATISTICS:
            figures[f"{name}_{rule}"] = metrics[name]
            figures[f"{name}_{rule}_interval"] = list(
                bootstrap_interval(truth, decided, name, resamples, seed)
            )
    return {
        "title": rival.title,
        "fields": rival.fields,
        **figures,
        "thresholds": sorted(set(scored.thresholds.tolist())),
        **{name: _mean([facts[name] for facts in scored.facts]) for name in COSTS},
        "peak_memory": max(f["peak_memory"] for f in scored.facts),
        "version": scored.facts[0]["version"],
        "note": "; ".join(dict.fromkeys(f["note"] for f in scored.facts if f.get("note"))),
    }


def differences(
    ours: Scored, rival: Scored, targets: Floats, resamples: int, seed: int
) -> dict[str, Any]:
    """Ours minus the rival on the same resampled products, by statistic and rule; above 0 we are better."""
    truth = targets > 0
    return {
        f"{name}_{rule}": asdict(
            paired_bootstrap(truth, ours.decided(rule), rival.decided(rule), name, resamples, seed)
        )
        for rule in RULES
        for name in STATISTICS
    }


def save_scores(bench: Bench, scored: Scored, path: Path) -> None:
    """Write one system's ids (T,), scores (T, L), thresholds (T,), targets (T, L) and labels (L,)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = np.array(bench.products.take(scored.rows).ids)
    targets = bench.targets[scored.rows].astype(np.uint8)
    np.savez_compressed(
        path,
        ids=ids,
        scores=scored.scores,
        thresholds=scored.thresholds,
        targets=targets,
        labels=np.array(bench.labels),
    )


def markdown(results: Mapping[str, Any]) -> str:
    """The table, best tuned micro-F1 first; below it our margins, what was not run, and notes."""
    rows = {name: row for name, row in results["systems"].items() if "not_run" not in row}
    order = sorted(rows, key=lambda name: -rows[name]["micro_f1_tuned"])
    costs = ["to fit", "CPU", "to predict", "CPU", "memory", "version"]
    head = ["system", "fields", "micro-F1 tuned", "at 0.5", "macro-F1 tuned", "at 0.5", *costs]
    lines = [_size(results["data"]), "", _line(head), "|" + "---|" * len(head)]
    lines += [_line(_cells(rows[name])) for name in order]
    lines += [
        "",
        *(f"- {rows[name]['title']}: {rows[name]['note']}" for name in order if rows[name]["note"]),
    ]
    lines += [
        f"- not run: {row['title']}: {row['not_run']}"
        for row in results["systems"].values()
        if "not_run" in row
    ]
    for ours, against in results["margins"].items():
        head = [
            f"{rows[ours]['title']} minus",
            *(key.replace("_", " ") for key in next(iter(against.values()), {})),
        ]
        lines += ["", _line(head), "|" + "---|" * len(head)]
        lines += [
            _line([rows[name]["title"], *map(_margin, against[name].values())])
            for name in order
            if name in against
        ]
    return "\n".join(lines) + "\n"


def _size(data: Mapping[str, Any]) -> str:
    folds = f" in each of {data['folds']} folds" if data["folds"] > 1 else ""
    return (
        f"{data['labels']} labels; {data['train'] + data['validation']} training products{folds}, "
        f"{data['test']} test products. "
        f"Thresholds are tuned on {data['validation']} of the training products. "
        "Then the systems are fitted once more on all of them, unless a note says otherwise. "
        "F1 in percent with 95 % bootstrap intervals; "
        f"seconds of one fit and one prediction with {data['threads']} threads."
    )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"


def _cells(row: Mapping[str, Any]) -> list[str]:
    f1 = [
        f"{100 * row[key]:.1f} ({_ends(row[f'{key}_interval'])})"
        for name in STATISTICS
        for key in (f"{name}_tuned", f"{name}_at_0.5")
    ]
    seconds = [DASH if row[key] is None else f"{row[key]:.1f} s" for key in COSTS]
    return [
        row["title"],
        row["fields"],
        *f1,
        *seconds,
        f"{row['peak_memory'] / 1e6:,.0f} MB",
        row["version"],
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _margin(difference: Mapping[str, float]) -> str:
    return (
        f"{100 * difference['difference']:+.1f} ({_ends([difference['low'], difference['high']])})"
    )


def _ends(ends: Sequence[float]) -> str:
    return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"
