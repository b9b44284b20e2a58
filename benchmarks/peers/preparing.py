"""The task of every rival: shelfwise's reader, labels and split, written where any environment can read it.

Layout of the folder: products.jsonl (id, title, description, image), products.arrow (every column),
targets.npz (targets (N, L), groups (N,)), labels.json, and fold0.npz ... with the rows of train, validation
and test. A plain hold-out is one fold.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import feather

from shelfwise.catalog.filtering import select_products
from shelfwise.catalog.labels import stable_labels
from shelfwise.catalog.near_copies import near_copies
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.split import Split, group_folds, split_rows
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Floats, Rows
from shelfwise.training.dataset import prepare_data

VALIDATION = 0.1
"""Share of the training products for tuning a rival's threshold; some also use it to stop early."""


@dataclass(frozen=True)
class Bench:
    """N products with L labels, divided in one or more ways.

    Args:
        products: for training and for the test.
        targets: (N, L) of 0 and 1.
        labels: the L names.
        groups: (N,) near-copies share a number; -1 in a test catalogue, where it is unknown.
        folds: rows of train, validation and test.
    """

    products: Catalog
    targets: Floats
    labels: tuple[str, ...]
    groups: Rows
    folds: tuple[Split, ...]


def hold_out(catalog: Path, config: Config, test: Path | None) -> Bench:
    """The training and test rows of ``shelfwise train CATALOG [--test TEST]``.

    The training rows are divided further, see :data:`VALIDATION`.
    """
    task = prepare_data(catalog, config, test, Context(seed=config.seed))
    training_set = task.training_set
    tables = [_rooted(part) for part in (training_set.catalog, task.test)]
    products = Catalog(pa.concat_tables(tables, promote_options="default"), Path("/"), str(catalog))
    known = len(training_set.catalog)
    groups = np.concatenate([training_set.groups, np.full(len(task.test), -1)])
    targets = np.concatenate([training_set.targets, task.test_targets])
    split = _tuned_apart(np.arange(known), np.arange(known, len(products)), targets, groups, config)
    return Bench(products, targets, tuple(task.labels.names), groups, (split,))


def cross_validation(catalog: Path, config: Config, folds: int) -> Bench:
    """Every product of the catalogue is tested on once.

    Labels come from the whole catalogue, so that all folds have the same.
    """
    read = read_catalog(catalog, config.catalog, Context(seed=config.seed)).catalog
    products, _ = select_products(read, config.catalog, config.seed)
    labels, kept = stable_labels(products.column("categories"), config.labels)
    products = products.take(kept)
    targets = labels.encode(products.column("categories"))
    groups = near_copies(products) if config.split.method == "grouped" else np.arange(len(products))
    numbers = group_folds(targets, groups, folds, config.seed)
    splits = [
        _tuned_apart(
            np.flatnonzero(numbers != fold),
            np.flatnonzero(numbers == fold),
            targets,
            groups,
            config,
        )
        for fold in range(folds)
    ]
    return Bench(
        Catalog(_rooted(products), Path("/"), str(catalog)),
        targets,
        tuple(labels.names),
        groups,
        tuple(splits),
    )


def write_bench(bench: Bench, folder: Path) -> str:
    """Write the task; returns a hex digest of it."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = {
        name: bench.products.column(name) for name in ("id", "title", "description", "image")
    }
    rows = zip(*columns.values(), strict=True)
    blank = ("", "", "", None)
    records = [
        {n: value or b for n, value, b in zip(columns, row, blank, strict=True)} for row in rows
    ]
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (folder / "products.jsonl").write_text(text, "utf-8")
    (folder / "labels.json").write_text(json.dumps(bench.labels, ensure_ascii=False), "utf-8")
    feather.write_feather(bench.products.table, folder / "products.arrow")
    np.savez_compressed(
        folder / "targets.npz", targets=bench.targets.astype(np.uint8), groups=bench.groups
    )
    digest = hashlib.sha256(
        text.encode() + json.dumps(bench.labels).encode() + bench.targets.tobytes()
    )
    for number, fold in enumerate(bench.folds):
        np.savez_compressed(
            folder / f"fold{number}.npz",
            train=fold.train,
            validation=fold.validation,
            test=fold.test,
        )
        digest.update(
            b"".join(part.tobytes() + b"|" for part in (fold.train, fold.validation, fold.test))
        )
    return digest.hexdigest()


def _tuned_apart(rows: Rows, test: Rows, targets: Floats, groups: Rows, config: Config) -> Split:
    """The training rows, with a part for tuning."""
    settings = config.split.model_copy(update={"validation_fraction": VALIDATION})
    inner = split_rows(targets[rows], groups[rows], settings, config.seed, test_given=True)
    return Split(rows[inner.train], rows[inner.validation], test)


def _rooted(catalog: Catalog) -> pa.Table:
    """The catalogue's table with absolute image paths."""
    paths = [
        None if path is None else str(Path(path).resolve()) for path in catalog.image_sources()
    ]
    place = catalog.table.column_names.index("image")
    return catalog.table.set_column(place, "image", pa.array(paths, pa.string()))
