"""The main job: a catalogue in; a fitted model, the paper's tables and a report out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.reader import write_quarantine
from shelfwise.config import Config
from shelfwise.core.types import Context
from shelfwise.evaluation.evaluate import evaluate_model
from shelfwise.model.bundle import check_target, save_bundle
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.dataset import PreparedData, prepare_data
from shelfwise.training.fit import fit_model
from shelfwise.training.run_record import describe_run


def train(
    catalog: Path,
    out: Path,
    config: Config,
    test: Path | None = None,
    resume: bool = False,
    context: Context | None = None,
    corrections: Path | None = None,
) -> dict[str, Any]:
    """Train on `catalog`, score on `test` (or on a part of `catalog`), and leave the bundle with its report in `out`.

    Args:
        corrections: labels that people decided on, as ``shelfwise audit`` leaves them to be filled in; what they changed is in
            ``results["data"]["corrections"]``.

    Returns:
        The results, as in ``out/report/results.json``.

    Raises:
        ShelfwiseError: with one sentence that says what is wrong and how to mend it; `out` is then as it was.
    """
    started = time.perf_counter()
    context = context or Context(seed=config.seed)
    check_target(out)
    task = prepare_data(catalog, config, test, context, corrections)
    partial = out.with_name(out.name + ".partial")
    stages = Checkpoints(partial, _key(config, task), resume)
    model = fit_model(task.training_set, task.labels, config, context, stages)
    results = describe_run(task, config, stages) | evaluate_model(
        model, task.test, task.test_targets, context
    )
    results["seconds"] = time.perf_counter() - started
    save_bundle(model.bundle(), out, lambda folder: write_all(results, task, folder))
    stages.discard()
    return results


def write_all(results: Mapping[str, Any], task: PreparedData, folder: Path) -> None:
    """The report folder: results.json, results.md, index.html, and what was quarantined."""
    from shelfwise.reports.training_report import (
        write_markdown,
        write_report,
    )  # matplotlib: not for those who only predict

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(
        json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False), "utf-8"
    )
    pictures = dict(zip(task.test.ids, task.test.image_paths(), strict=True))
    write_markdown(results, folder)
    write_report(results, folder, pictures.get)
    for name, reading in task.readings.items():
        write_quarantine(
            reading.quarantine,
            folder / ("quarantine.jsonl" if name == "catalog" else f"quarantine.{name}.jsonl"),
        )


def _key(config: Config, task: PreparedData) -> str:
    text = json.dumps(
        [version("shelfwise"), config.dump(), task.training_set.catalog.fingerprint()], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()
