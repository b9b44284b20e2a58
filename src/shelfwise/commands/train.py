"""``shelfwise train``: from a catalogue to a trained model, the paper's tables and a report."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.reader import write_quarantine
from shelfwise.config import Config
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import sha256_of_json, write_json_lines, write_text_atomically
from shelfwise.disk.folders import replacing_folder
from shelfwise.errors import ShelfwiseError
from shelfwise.evaluation.evaluate import evaluate_model
from shelfwise.model.bundle import check_target, write_bundle
from shelfwise.model.bundle_reader import REPORT
from shelfwise.nn.memory import give_back_memory
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.dataset import PreparedData, prepare_data
from shelfwise.training.fit import fit_model
from shelfwise.training.further_files import FurtherFiles
from shelfwise.training.refit import refit
from shelfwise.training.run_record import describe_run
from shelfwise.training.stage_titles import stage_display, tell_stage

log = logging.getLogger("shelfwise")


def train(
    catalog: Path,
    out: Path,
    config: Config,
    test: Path | None = None,
    resume: bool = False,
    context: Context | None = None,
    beside: FurtherFiles | None = None,
) -> dict[str, Any]:
    """Train on `catalog`, score on `test` or on a part of `catalog`, and write model and report to `out`.

    Scored on a part of `catalog`, the final system is then fitted again on all of it, unless ``config.refit``
    is false.

    Args:
        catalog: the file of training products.
        out: the model's folder; the folder of an older model is replaced.
        test: the file of test products.
        resume: continue an interrupted run of the same settings and data.
        context: progress, cache and seed; default: the seed of `config`, and no cache.
        beside: labels that people decided on, further products, and what is left out. What corrections
            changed is in ``results["data"]["corrections"]``.

    Returns:
        The results, as in ``out/report/results.json``.

    Raises:
        ShelfwiseError: with one sentence that says what is wrong and how to fix it; `out` is then as it was.
    """
    context = context or Context(seed=config.seed)
    # before any work: a folder that holds something else is never replaced
    check_target(out)
    # resumable work is under the same claim: two runs would mix their stages
    with claimed(out):
        return _train(catalog, out, config, test, resume, context, beside)


def _train(
    catalog: Path,
    out: Path,
    config: Config,
    test: Path | None,
    resume: bool,
    context: Context,
    beside: FurtherFiles | None,
) -> dict[str, Any]:
    """As :func:`train`, for the holder of the claim on `out`."""
    started = time.perf_counter()
    tell_stage(context, "preparing the data")
    data = prepare_data(catalog, config, test, context, beside)
    config = data.with_reading(config)
    # all products of the training catalogue are in the model already where the test has its own
    refits = config.refit and test is None
    if not refits:
        data = data.without_source()
    stages = out.with_name(out.name + ".partial")
    # once: it reads every value of the catalogue
    key = _run_key(config, data)
    checkpoints = Checkpoints(stages, key, resume, stage_display(context))
    fit_started = time.perf_counter()
    with _telling_what_is_kept(checkpoints):
        model = fit_model(data.training_set, data.labels, config, context, checkpoints)
    seconds_fit = time.perf_counter() - fit_started
    # the features of all products were the largest of what is not needed any more
    give_back_memory()
    # first of all the model: nothing that is said about it may cost it
    write_bundle(model.bundle(), out)
    tell_stage(context, "measuring on test products")
    results = describe_run(data, config, checkpoints)
    training = data.training_set.catalog
    results |= evaluate_model(model, data.test, data.test_targets, context, training)
    results["refit"] = None
    if refits:
        told = stage_display(context, "on all products, ")
        second = Checkpoints(stages / "refit", key, resume, told)
        outcome = refit(model, data, config, context, second, seconds_fit)
        results["refit"] = outcome.to_dict()
        if outcome.not_run is None:
            write_bundle(outcome.model.bundle(), out)
            timing = {"stage": "fit again on all products", "seconds": outcome.seconds}
            results["timings"].append(timing)
    tell_stage(context, "writing the report")
    results["seconds"] = time.perf_counter() - started
    results["notes"] += write_report_folder(results, data, out)
    checkpoints.discard()
    return results


@contextmanager
def _telling_what_is_kept(checkpoints: Checkpoints) -> Iterator[None]:
    """Leave no folder of finished stages behind without a word: after an error it says what the folder is."""
    try:
        yield
    except BaseException as error:
        kept = checkpoints.kept_after_error()
        # who stops a training is told by the command line
        if kept is not None and isinstance(error, Exception):
            log.warning(
                "what was fitted before this error is kept in %s; --resume goes on from there, "
                "and a training without it starts anew and removes it",
                kept,
            )
        raise


def write_report_folder(results: Mapping[str, Any], data: PreparedData, out: Path) -> list[str]:
    """Write the folder ``report`` of the model in `out`.

    It has results.json, results.md, index.html, what was quarantined, and what could not be used.

    Returns:
        What could not be written, and why. Nothing that fails here is raised: the model is there already.
    """

    # matplotlib is slow to import, and those who only predict do without it
    def page(folder: Path) -> None:
        from shelfwise.reports.training_report import write_report

        images = dict(zip(data.test.ids, data.test.image_sources(), strict=True))
        write_report(results, folder, images.get)

    def tables(folder: Path) -> None:
        from shelfwise.reports.training_report import write_markdown

        write_markdown(results, folder)

    def figures(folder: Path) -> None:
        told = {**results, "notes": [*results["notes"], *failures]}
        # nan is no JSON; a figure that could not be counted is None
        text = json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False)
        write_text_atomically(folder / "results.json", text)

    # the figures come last, as they tell what has failed before
    parts: dict[str, Callable[[Path], None]] = {
        "quarantine.jsonl": partial(write_quarantines, data),
        "refused.jsonl": partial(write_refused, results["refused"]),
        "results.md": tables,
        "index.html": page,
        "results.json": figures,
    }
    failures: list[str] = []
    try:
        with replacing_folder(out / REPORT, beside=out) as folder:
            for name, write in parts.items():
                failures += _attempt(name, write, folder)
    except OSError as error:
        failures.append(f"the report could not be written: {error}; the model is whole")
    return failures


def _attempt(name: str, write: Callable[[Path], None], folder: Path) -> list[str]:
    """Write one part of a report; what went wrong, if anything."""
    try:
        write(folder)
    except Exception as error:
        # an error raised on purpose explains itself; any other needs its traceback in the log
        expected = isinstance(error, ShelfwiseError | OSError)
        log.warning("%s of the report was not written", name, exc_info=not expected)
        return [f"report/{name} could not be written ({_reason(error)}); the model is whole"]
    return []


def _reason(error: Exception) -> str:
    """An error on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def write_refused(refused: Mapping[str, Any], folder: Path) -> None:
    """Write the fields of training and test products that could not be used, where there are any."""
    rows = [{"part": part, **one} for part, listed in refused.items() for one in listed]
    if rows:
        write_json_lines(folder / "refused.jsonl", rows)


def write_quarantines(data: PreparedData, folder: Path) -> None:
    """Write what was quarantined of the training catalogue, and of the test catalogue where there is one."""
    for name, reading in data.readings.items():
        file = "quarantine.jsonl" if name == "catalog" else f"quarantine.{name}.jsonl"
        write_quarantine(reading.quarantine, folder / file)


def _run_key(config: Config, data: PreparedData) -> str:
    """What identifies a run: the version, all settings and the training products."""
    # not the budget: who allows more time wants to keep what is fitted
    config = config.model_copy(update={"budget": None})
    parts = [version("shelfwise"), config.dump(), data.training_set.catalog.fingerprint()]
    return sha256_of_json(parts)
