"""``shelfwise evaluate``: score a model on products whose categories are known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from shelfwise.catalog.filtering import usable_for_test
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.evaluate_shards import score_shards
from shelfwise.core.types import Context
from shelfwise.errors import ConfigError
from shelfwise.evaluation.summed_figures import Circumstances, summed_figures
from shelfwise.export.loading import open_model
from shelfwise.metrics.ranking import TrueLabelRanks, mean_average_precisions
from shelfwise.model.evaluation_sums import EvaluationSums, truth_of
from shelfwise.model.predictor import Predictor
from shelfwise.scale.ingested_source import ingested_catalog


def evaluate(
    model: Path, source: str, context: Context, workers: int | None = None
) -> dict[str, Any]:
    """The final system's figures on the labelled products of `source`, at 0.5 and at its tuned threshold.

    Args:
        source: a catalogue file, or what was ingested: a folder, or a place in an object store.
        workers: processes that evaluate the shards of what was ingested; default: one a core.

    Raises:
        CatalogError: `source` cannot be read, or has no product with categories.
        ConfigError: there are workers for a file, which one process reads.
    """
    # shards are many files, so workers can share them
    catalog = ingested_catalog(source)
    if catalog is not None:
        return score_shards(model, source, catalog, context, workers)
    if workers is not None:
        raise ConfigError(
            f"--workers is for what `shelfwise ingest` wrote, and {source} is a file; leave it out, or run "
            f"`shelfwise ingest {source} --out FOLDER` and evaluate FOLDER"
        )
    return score_catalog(open_model(model), Path(source), context)


def score_catalog(model: Predictor, source: Path, context: Context) -> dict[str, Any]:
    """As :func:`evaluate`, with the whole catalogue in memory.

    Raises:
        CatalogError: `source` cannot be read, or has no product with categories.
    """
    reading = read_catalog(source, model.config.catalog, context)
    catalog, left_out = usable_for_test(reading.catalog)
    started = time.perf_counter()
    scores = model.scores(model.predict_members(catalog, context))
    # without reading: what is told is how fast the model is
    seconds = time.perf_counter() - started
    ranks = TrueLabelRanks.of(truth_of(model, catalog.column("categories"), scores), scores)
    found = Circumstances(
        system=model.decide_with,
        threshold=model.thresholds[model.decide_with],
        seconds=seconds,
        quarantined=len(reading.quarantine),
        average_precisions=mean_average_precisions(ranks, scores),
    )
    sums = EvaluationSums.of(model, catalog, scores, sum(left_out.values()))
    return summed_figures(sums, found)
