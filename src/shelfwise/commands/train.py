"""``shelfwise train``: from a catalogue to a trained model, the paper's tables and a report."""

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
from shelfwise.core.files import write_text_atomically
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
    """Train on `catalog`, score on `test` or on a part of `catalog`, and write model and report to `out`.

    Args:
        catalog: the file of training products.
        out: the model's folder; the folder of an older model is replaced.
        test: the file of test products.
        resume: continue an interrupted run of the same settings and data.
        context: progress, cache and seed; default: the seed of `config`, and no cache.
        corrections: labels that people decided on, filled in after ``shelfwise audit``. What they changed is
            in ``results["data"]["corrections"]``.

    Returns:
        The results, as in ``out/report/results.json``.

    Raises:
        ShelfwiseError: with one sentence that says what is wrong and how to fix it; `out` is then as it was.
    """
    started = time.perf_counter()
    context = context or Context(seed=config.seed)
    # before any work: a folder that holds something else is never replaced
    check_target(out)
    data = prepare_data(catalog, config, test, context, corrections)
    config = data.with_reading(config)
    partial = out.with_name(out.name + ".partial")
    checkpoints = Checkpoints(partial, _run_key(config, data), resume)
    model = fit_model(data.training_set, data.labels, config, context, checkpoints)
    results = describe_run(data, config, checkpoints)
    results |= evaluate_model(model, data.test, data.test_targets, context)
    results["seconds"] = time.perf_counter() - started
    # the bundle and its report appear together, or not at all
    save_bundle(model.bundle(), out, lambda folder: write_report_folder(results, data, folder))
    checkpoints.discard()
    return results


def write_report_folder(results: Mapping[str, Any], data: PreparedData, folder: Path) -> None:
    """Write results.json, results.md, index.html, and what was quarantined."""
    # matplotlib is slow to import, and those who only predict do without it
    from shelfwise.reports.training_report import write_markdown, write_report

    # nan is no JSON; a figure that could not be counted is None
    text = json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False)
    write_text_atomically(folder / "results.json", text)
    write_markdown(results, folder)
    images = dict(zip(data.test.ids, data.test.image_sources(), strict=True))
    write_report(results, folder, images.get)
    write_quarantines(data, folder)


def write_quarantines(data: PreparedData, folder: Path) -> None:
    """Write what was quarantined of the training catalogue, and of the test catalogue where there is one."""
    for name, reading in data.readings.items():
        file = "quarantine.jsonl" if name == "catalog" else f"quarantine.{name}.jsonl"
        write_quarantine(reading.quarantine, folder / file)


def _run_key(config: Config, data: PreparedData) -> str:
    """What identifies a run: the version, all settings and the training products."""
    parts = [version("shelfwise"), config.dump(), data.training_set.catalog.fingerprint()]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
