"""What a new model learns from the decisions of people, and what it never sees.

The random sample measures, so nothing is learnt from it: its products are left out of the training, and with
them every product that is nearly the same. A model that had seen them would do better on them than on others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shelfwise.catalog.near_copies import near_copies
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.joined_catalogs import join_catalogs
from shelfwise.core.types import Context
from shelfwise.disk.files import write_json_lines
from shelfwise.errors import CatalogError
from shelfwise.review.database.decision_rows import Labels
from shelfwise.review.workspace import Workspace

KNOWN_SHARE = 0.5
"""Of the products that a model was trained on; a catalogue with fewer is another one."""


@dataclass(frozen=True)
class Sources:
    """The files of a review.

    Args:
        model: the folder of the model in use.
        catalog: the catalogue under review.
        training: the catalogue that the model was trained on; None where that is the one under review.
    """

    model: Path
    catalog: Path
    training: Path | None = None


@dataclass(frozen=True)
class TrainingData:
    """What is learnt, and what is left out.

    Args:
        decisions: product id -> its labels.
        sample: how many products of the random sample are left out.
        look_alikes: how many products are left out because they are nearly the same as one of these.
        left_out: the ids of all products that the training must not see.
    """

    decisions: dict[str, Labels]
    sample: int
    look_alikes: int
    left_out: frozenset[str]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the files for ``train --corrections`` and ``--leave-out``."""
        corrections = folder / "corrections.jsonl"
        left_out = folder / "left-out.jsonl"
        rows = [{"id": name, "labels": list(names)} for name, names in self.decisions.items()]
        write_json_lines(corrections, rows)
        write_json_lines(left_out, [{"id": name} for name in sorted(self.left_out)])
        return corrections, left_out


def sample_rows(workspace: Workspace) -> set[int]:
    """The products of the random sample, as far as people have looked at them in its order or as such."""
    rows = set(workspace.queues.measured(workspace.store.current()))
    row_of = workspace.products.row_of
    shown = workspace.store.decided_in("sample")
    return rows | {row_of[identity] for identity in shown if identity in row_of}


def training_data(workspace: Workspace) -> TrainingData:
    """What can be learnt from the catalogue under review."""
    products = workspace.products
    sample = sample_rows(workspace)
    copies = {other for row in sample for other in products.copies_of(row)}
    return _data_without(workspace, sample, {products.ids[row] for row in sample | copies})


def training_data_with(workspace: Workspace, training: Path, context: Context) -> TrainingData:
    """What can be learnt beside the training catalogue in another file.

    Of the catalogue under review only products that people decided about are learnt from.

    Raises:
        CatalogError: the file cannot be read, or is not what the model was trained on.
    """
    products = workspace.products
    trained = read_catalog(training, products.settings, context).catalog
    known = set(trained.ids)
    # ids tell: a model keeps those of its training, and nothing else of the products
    share = len(products.training_ids & known)
    if share < KNOWN_SHARE * len(products.training_ids):
        raise CatalogError(
            f"{training} has {share} of the {len(products.training_ids)} products that the model was "
            "trained on; start the review with --training and the catalogue of its training"
        )
    # look-alikes may lie in either file
    both = join_catalogs(trained, products.catalog)
    groups = near_copies(both)
    sample = sample_rows(workspace)
    names = {products.ids[row] for row in sample}
    copies = {products.ids[other] for row in sample for other in products.copies_of(row)}
    ids = both.ids
    in_sample = np.array([identity in names for identity in ids], np.bool_)
    alike = np.isin(groups, groups[in_sample])
    unseen = names | copies | {ids[row] for row in np.flatnonzero(alike)}
    found = _data_without(workspace, sample, unseen)
    undecided = set(products.ids) - known - found.decisions.keys()
    return TrainingData(
        found.decisions, found.sample, found.look_alikes, found.left_out | undecided
    )


def needs_training_catalog(workspace: Workspace) -> str | None:
    """Why another catalogue is needed to train on; None where the one under review will do."""
    products = workspace.products
    if not products.training_ids:
        return (
            "The model does not tell what it was trained on. Start the review with --training and the "
            "catalogue of its training."
        )
    # some may have left the catalogue since
    found = sum(identity in products.training_ids for identity in products.ids)
    if found >= KNOWN_SHARE * len(products.training_ids):
        return None
    return (
        f"The model was trained on {len(products.training_ids)} products, and this catalogue has {found} of "
        "them: a model of this catalogue alone would forget the others. Start the review with --training "
        "and the catalogue of its training."
    )


def _data_without(workspace: Workspace, sample: set[int], unseen: Iterable[str]) -> TrainingData:
    """The decisions about products that are not `unseen`."""
    left_out = frozenset(unseen)
    current = workspace.store.current()
    decisions = {}
    for row, identity in enumerate(workspace.products.ids):
        if workspace.queues.is_decided(row, current) and identity not in left_out:
            decisions[identity] = current[identity].after
    return TrainingData(decisions, len(sample), len(left_out) - len(sample), left_out)
