"""The main job: a catalogue in; a fitted model, the paper's tables and a report out."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shelfwise.bundle import check_target, save_bundle
from shelfwise.catalog.corrections import CorrectionReport, apply_corrections, read_corrections
from shelfwise.catalog.labels import LabelSet, stable_labels
from shelfwise.catalog.reader import Reading, read_catalog, write_quarantine
from shelfwise.catalog.selection import select_products
from shelfwise.catalog.split import near_copies, split_rows
from shelfwise.catalog.statistics import catalog_statistics
from shelfwise.catalog.store import Catalog
from shelfwise.config import Config
from shelfwise.contracts import Context, Floats
from shelfwise.errors import CatalogError
from shelfwise.fitting import Lesson, fit_model
from shelfwise.model import Model
from shelfwise.scoring import evaluate_model, score_system
from shelfwise.training.stages import Stages

LIBRARIES = ("torch", "timm", "transformers", "numpy", "scikit-learn", "pyarrow", "safetensors")


@dataclass(frozen=True)
class Task:
    """A catalogue made ready: what is learnt from, and what is tested on.

    Args:
        labels: the L labels.
        lesson: the products to learn from (training and validation rows).
        test, test_targets: the products to be scored on, and their (N, L) targets.
        readings: what was read, with its quarantine, by "catalog" and "test".
        left_out: how many accepted products are not used, by reason.
        corrected: what corrections did, where there were any.
    """

    labels: LabelSet
    lesson: Lesson
    test: Catalog
    test_targets: Floats
    readings: Mapping[str, Reading]
    left_out: Mapping[str, int]
    corrected: CorrectionReport | None = None


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
    task = prepare_task(catalog, config, test, context, corrections)
    partial = out.with_name(out.name + ".partial")
    stages = Stages(partial, _key(config, task), resume)
    model = fit_model(task.lesson, task.labels, config, context, stages)
    results = describe_run(model, task, config, stages) | evaluate_model(model, task.test, task.test_targets, context)
    results["seconds"] = time.perf_counter() - started
    save_bundle(model.bundle(), out, lambda folder: write_all(results, task, folder))
    stages.discard()
    return results


def learn(catalog: Catalog, config: Config, context: Context) -> Model:
    """A model from the labelled products in memory; nothing is kept back for a test."""
    labels, (lesson, _, _), _ = _lesson(catalog, config, tested_elsewhere=True)
    return fit_model(lesson, labels, config, context)


def prepare_task(catalog: Path, config: Config, test: Path | None, context: Context, corrections: Path | None = None) -> Task:
    """Read, correct, select, label and split."""
    readings, corrected = {"catalog": read_catalog(catalog, config.catalog, context)}, None
    if corrections is not None:
        mended, corrected = apply_corrections(readings["catalog"].catalog, read_corrections(corrections), config.labels.mode)
        readings["catalog"] = replace(readings["catalog"], catalog=mended)
    labels, (lesson, rest, rest_targets), left_out = _lesson(readings["catalog"].catalog, config, tested_elsewhere=test is not None)
    if test is None:
        return Task(labels, lesson, rest, rest_targets, readings, left_out, corrected)
    readings["test"] = read_catalog(test, config.catalog, context)
    tested, unusable = usable_for_test(readings["test"].catalog, known=lesson.catalog.ids)
    return Task(labels, lesson, tested, labels.encode(tested.column("categories")), readings, {**left_out, **unusable}, corrected)


def _lesson(catalog: Catalog, config: Config, tested_elsewhere: bool) -> tuple[LabelSet, tuple[Lesson, Catalog, Floats], dict[str, int]]:
    """Labels; what is learnt from, with the products (and targets) kept back for the test; what was left out."""
    products, left_out = select_products(catalog, config.catalog, config.seed)
    labels, kept = stable_labels(products.column("categories"), config.labels)
    if len(kept) < len(products):
        left_out = {**left_out, "no category with enough products": len(products) - len(kept)}
        products = products.take(kept)
    targets = labels.encode(products.column("categories"))
    groups = near_copies(products) if config.split.method == "grouped" else np.arange(len(products))
    split = split_rows(targets, groups, config.split, config.seed, test_given=tested_elsewhere)
    rows = np.sort(np.concatenate([split.train, split.validation]))
    places = (np.searchsorted(rows, split.train), np.searchsorted(rows, split.validation))
    lesson = Lesson(products.take(rows), targets[rows], *places, groups[rows])
    return labels, (lesson, products.take(split.test), targets[split.test]), left_out


def score_catalog(model: Model, source: Path, context: Context) -> dict[str, Any]:
    """The deciding system's figures on the labelled products of `source`: at 0.5, and at the threshold in the bundle."""
    catalog, left_out = usable_for_test(read_catalog(source, model.config.catalog, context).catalog)
    answers = model.ask(catalog, context)
    entry, _ = score_system(model, model.decide_with, answers, model.labels.encode(catalog.column("categories")) > 0)
    shown = ("micro_f1", "micro_f1_tuned", "macro_f1", "macro_f1_tuned", "threshold", "seconds_predict")
    flat = {f"{name}_{rule}": value for rule in ("at_0.5", "tuned") for name, value in entry["metrics"][rule].items()}
    return {
        "products": len(catalog),
        "left_out": left_out,
        "system": model.decide_with,
        **{name: entry[name] for name in shown},
        **flat,
        **entry["metrics"]["ranking"],
        **entry["metrics"].get("hierarchical", {}),
    }


def usable_for_test(catalog: Catalog, known: Iterable[str] = ()) -> tuple[Catalog, dict[str, int]]:
    """The products that can be tested on: with categories, and not among the `known` ids that were learnt from.

    Returns:
        Those products, and how many were left out, by reason.

    Raises:
        CatalogError: nothing is left.
    """
    learnt = set(known)
    labelled = [categories is not None for categories in catalog.column("categories")]
    new = [name not in learnt for name in catalog.ids]
    keep = np.flatnonzero(np.array(labelled) & np.array(new))
    left_out = {"test products without categories": labelled.count(False), "test products that were learnt from": new.count(False)}
    left_out = {reason: count for reason, count in left_out.items() if count}
    if not len(keep):
        raise CatalogError(
            f"nothing to test on in {catalog.source}: {left_out}; give products with categories that are not in the training catalogue"
        )
    return (catalog if len(keep) == len(catalog) else catalog.take(keep)), left_out


def describe_run(model: Model, task: Task, config: Config, stages: Stages) -> dict[str, Any]:
    """Everything of results.json that is known before the test products are scored."""
    lesson, reading = task.lesson, task.readings["catalog"]
    everything = Catalog(pa.concat_tables([lesson.catalog.table, task.test.table], promote_options="default"), lesson.catalog.root)
    statistics = catalog_statistics(everything, np.concatenate([lesson.targets, task.test_targets]), task.labels.names)
    return {
        "shelfwise": version("shelfwise"),
        "preset": config.preset,
        "seed": config.seed,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": config.dump(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}},
        "machine": {"cpus": os.cpu_count(), "system": platform.system(), "processor": platform.machine()},
        "data": {
            "source": reading.catalog.source,
            "fingerprint": lesson.catalog.fingerprint(),
            "test_fingerprint": task.test.fingerprint(),
            "quarantined": {name: len(r.quarantine) for name, r in task.readings.items()},
            "labels": len(task.labels.names),
            "train": len(lesson.train),
            "validation": len(lesson.validation),
            "test": len(task.test),
            "left_out": dict(task.left_out),
            "corrections": None if task.corrected is None else task.corrected.to_dict(),
            **statistics.to_dict(),
        },
        "timings": [{"stage": name, "seconds": seconds} for name, seconds in stages.seconds.items()],
    }


def write_all(results: Mapping[str, Any], task: Task, folder: Path) -> None:
    """The report folder: results.json, results.md, index.html, and what was quarantined."""
    from shelfwise.evaluation.report import write_markdown, write_report  # matplotlib: not for those who only predict

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False), "utf-8")
    pictures = dict(zip(task.test.ids, task.test.image_paths(), strict=True))
    write_markdown(results, folder)
    write_report(results, folder, pictures.get)
    for name, reading in task.readings.items():
        write_quarantine(reading.quarantine, folder / ("quarantine.jsonl" if name == "catalog" else f"quarantine.{name}.jsonl"))


def _key(config: Config, task: Task) -> str:
    text = json.dumps([version("shelfwise"), config.dump(), task.lesson.catalog.fingerprint()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
