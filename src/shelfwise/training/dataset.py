"""A catalogue made ready for training: read, corrected, selected, labelled and split."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from shelfwise.catalog.corrections import CorrectionReport
from shelfwise.catalog.filtering import select_products, usable_for_test
from shelfwise.catalog.labels import LabelSet, stable_labels
from shelfwise.catalog.near_copies import near_copies
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.catalog.split import split_rows
from shelfwise.config import Config, SplitSettings
from shelfwise.core.catalog import Catalog
from shelfwise.core.sparse_scores import is_too_large
from shelfwise.core.types import Context, Matrix, Rows
from shelfwise.training.further_files import FurtherFiles
from shelfwise.training.stage_titles import tell_stage
from shelfwise.vision.picture_copies import picture_copies

log = logging.getLogger("shelfwise")


@dataclass(frozen=True)
class TrainingSet:
    """The products that a model is fitted on.

    Args:
        catalog: N products.
        targets: (N, L) of 0 and 1, sparse where they are too large for a dense array.
        train: rows that members are fitted on.
        validation: rows for early stopping, for thresholds and for choosing the final system. Without any,
            thresholds and choice rest on cross-fitted scores of the training rows, and nothing stops early.
        groups: (N,) near-copies share a number and stay in one fold.
    """

    catalog: Catalog
    targets: Matrix
    train: Rows
    validation: Rows
    groups: Rows


@dataclass(frozen=True)
class LabelledSplit:
    """A catalogue's labels, and its products divided into training set and test set.

    Args:
        labels: the L labels.
        training_set: training and validation products.
        test, test_targets: the test products and their (N, L) targets, sparse where too large.
        left_out: how many products are not used, by reason.
    """

    labels: LabelSet
    training_set: TrainingSet
    test: Catalog
    test_targets: Matrix
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class PreparedData(LabelledSplit):
    """A split with what is known of the files it was read from.

    Args:
        readings: what was read, with its quarantine, by "catalog", "further" and "test". "catalog" has the
            training products of all files.
        corrected: what corrections did, where there were any.
    """

    readings: Mapping[str, ReadResult]
    corrected: CorrectionReport | None = None

    def with_reading(self, config: Config) -> Config:
        """`config` with what was found about the catalogue written down, so that a model reads others
        alike.
        """
        return config.model_copy(update={"catalog": self.readings["catalog"].settings})

    def without_source(self) -> PreparedData:
        """The same without the products as they were read: the parts of the split are copies of them."""
        reading = self.readings["catalog"]
        nothing = replace(reading.catalog, table=reading.catalog.table.schema.empty_table())
        readings = {**self.readings, "catalog": replace(reading, catalog=nothing)}
        return replace(self, readings=readings)


def prepare_data(
    catalog: Path,
    config: Config,
    test: Path | None,
    context: Context,
    beside: FurtherFiles | None = None,
) -> PreparedData:
    """Read, correct, select, label and split.

    Args:
        test: a catalogue of test products; None keeps a part of `catalog` for the test.
        beside: corrections, further products, and what is left out.

    Raises:
        ShelfwiseError: a file cannot be read, or leaves nothing to train or test on.
    """
    reading = read_catalog(catalog, config.catalog, context, strict=True)
    beside = beside or FurtherFiles()
    tell_stage(context, "choosing labels and parts")
    # corrections come first: they may decide which labels there are, and how products are split
    readings, corrected = beside.applied(reading, config.labels.mode, context)
    products = readings["catalog"].catalog
    split = split_catalog(products, config, context, has_test_catalog=test is not None)
    # Labels come from the training catalogue alone; the test catalogue is encoded with them.
    if test is not None:
        # The test catalogue is read as the training catalogue was: its categories are written the same way.
        readings["test"] = read_catalog(test, reading.settings, context)
        split = _with_test_catalog(split, readings["test"].catalog)
    return PreparedData(**vars(split), readings=readings, corrected=corrected)


def split_catalog(
    catalog: Catalog, config: Config, context: Context, has_test_catalog: bool
) -> LabelledSplit:
    """Select, label and split the products of one catalogue.

    Args:
        has_test_catalog: keep none of them for the test.
    """
    products, left_out = select_products(catalog, config.catalog, config.seed)
    # Dropping rare labels leaves some products without any, which may make further labels rare.
    labels, kept = stable_labels(products.lazy_column("categories"), config.labels)
    if len(kept) < len(products):
        left_out = {**left_out, "no category with enough products": len(products) - len(kept)}
        products = products.take(kept)
    # sparse until it is known which products are in which part
    targets = labels.encode_sparse(products.lazy_column("categories"))
    groups = _groups(products, config.split, context)
    split = split_rows(targets, groups, config.split, config.seed, test_given=has_test_catalog)
    # the training set holds training and validation rows only, so both are renumbered within it
    rows = np.sort(np.concatenate([split.train, split.validation]))
    # answers for the parts are dense or sparse as their targets are: for all parts alike
    large = is_too_large(*targets.shape)
    training_targets = targets[rows]
    test_targets = targets[split.test]
    training_set = TrainingSet(
        products.take(rows),
        training_targets if large else training_targets.toarray(),
        train=np.searchsorted(rows, split.train),
        validation=np.searchsorted(rows, split.validation),
        groups=groups[rows],
    )
    if not large:
        test_targets = test_targets.toarray()
    return LabelledSplit(labels, training_set, products.take(split.test), test_targets, left_out)


def _groups(products: Catalog, settings: SplitSettings, context: Context) -> Rows:
    """(N,) ids: near-copies share a group, and a group is never divided."""
    # a random split knows no groups
    if settings.method != "grouped":
        return np.arange(len(products))
    if settings.near_copies != "similar_picture":
        return near_copies(products, settings.near_copies)
    tell_stage(context, "comparing images")
    by_picture = picture_copies(products, context)
    for note in by_picture.notes:
        log.warning("%s", note)
    return near_copies(products, settings.near_copies, by_picture.groups)


def _with_test_catalog(split: LabelledSplit, test: Catalog) -> LabelledSplit:
    """`split` with the products of another catalogue as test set, less those that are in the training set."""
    usable, left_out = usable_for_test(test, known=split.training_set.catalog.ids)
    targets = split.labels.encode_sparse(usable.lazy_column("categories"))
    # as those of the training: both have the same labels, and one of them may be small
    if not sp.issparse(split.training_set.targets) and not is_too_large(*targets.shape):
        targets = targets.toarray()
    return replace(
        split, test=usable, test_targets=targets, left_out={**split.left_out, **left_out}
    )
