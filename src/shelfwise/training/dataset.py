"""A catalogue made ready for training: read, corrected, selected, labelled and split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shelfwise.catalog.corrections import CorrectionReport, apply_corrections, read_corrections
from shelfwise.catalog.filtering import select_products, usable_for_test
from shelfwise.catalog.labels import LabelSet, stable_labels
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.catalog.split import near_copies, split_rows
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Floats, Rows


@dataclass(frozen=True)
class PreparedData:
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
    lesson: TrainingSet
    test: Catalog
    test_targets: Floats
    readings: Mapping[str, ReadResult]
    left_out: Mapping[str, int]
    corrected: CorrectionReport | None = None


def prepare_task(
    catalog: Path, config: Config, test: Path | None, context: Context, corrections: Path | None = None
) -> PreparedData:
    """Read, correct, select, label and split."""
    readings, corrected = {"catalog": read_catalog(catalog, config.catalog, context)}, None
    if corrections is not None:
        mended, corrected = apply_corrections(
            readings["catalog"].catalog, read_corrections(corrections), config.labels.mode
        )
        readings["catalog"] = replace(readings["catalog"], catalog=mended)
    labels, (lesson, rest, rest_targets), left_out = _lesson(
        readings["catalog"].catalog, config, tested_elsewhere=test is not None
    )
    if test is None:
        return PreparedData(labels, lesson, rest, rest_targets, readings, left_out, corrected)
    readings["test"] = read_catalog(test, config.catalog, context)
    tested, unusable = usable_for_test(readings["test"].catalog, known=lesson.catalog.ids)
    return PreparedData(
        labels,
        lesson,
        tested,
        labels.encode(tested.column("categories")),
        readings,
        {**left_out, **unusable},
        corrected,
    )


def _lesson(
    catalog: Catalog, config: Config, tested_elsewhere: bool
) -> tuple[LabelSet, tuple[TrainingSet, Catalog, Floats], dict[str, int]]:
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
    lesson = TrainingSet(products.take(rows), targets[rows], *places, groups[rows])
    return labels, (lesson, products.take(split.test), targets[split.test]), left_out


@dataclass(frozen=True)
class TrainingSet:
    """What a model learns from.

    Args:
        catalog: N products.
        targets: (N, L) of 0 and 1.
        train: rows that are learnt from.
        validation: rows for early stopping, thresholds and choosing the deciding system; without any, thresholds and choice
            rest on cross-fitted scores of the training rows, and nothing is stopped early.
        groups: (N,) near-copies share a number and stay in one fold.
    """

    catalog: Catalog
    targets: Floats
    train: Rows
    validation: Rows
    groups: Rows
