"""A model moved to a changed taxonomy without training, with an account of what must be trained again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shelfwise.core.types import State
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import json_text, write_text_atomically
from shelfwise.disk.folders import replacing_folder
from shelfwise.errors import BundleError, TaxonomyError
from shelfwise.model.bundle import Bundle, check_target, load_bundle, write_bundle
from shelfwise.model.bundle_reader import REPORT
from shelfwise.model.out_of_fold import OutOfFold
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.taxonomy.label_mapping import LabelMapping
from shelfwise.taxonomy.migration import Migration
from shelfwise.taxonomy.retraining_advice import moved_taxonomy, to_retrain


def migrate_bundle(source: Path, out: Path, migration: Migration) -> dict[str, Any]:
    """Write the model in `source` to `out` under the changed taxonomy; see :func:`migrated`.

    Returns:
        The account, for :func:`~shelfwise.commands.migrate.migration_table`; also in
        ``out/report/migration.json``.

    Raises:
        TaxonomyError: the model's labels are not in the mode of the migration, or none would be left.
        BundleError: `source` is no model, or `out` is `source` or cannot be written.
    """
    check_target(out)
    if out.exists() and out.samefile(source):
        raise BundleError(
            f"{out} is the model that is migrated, which would be lost; choose another --out"
        )
    bundle, account = migrated(load_bundle(source), migration)
    # The account in the bundle does not say where it lies: the folder may be moved.
    report = {**account, "source": str(source), "out": str(out)}

    with claimed(out):
        write_bundle(bundle, out)
        with replacing_folder(out / REPORT, beside=out) as folder:
            write_text_atomically(folder / "migration.json", json_text(report))
    return report


def migrated(bundle: Bundle, migration: Migration) -> tuple[Bundle, dict[str, Any]]:
    """A model, trained or exported, that gives the changed labels, and what must be trained again.

    Members, policies and thresholds stay as they are; the section "label_mapping" maps their scores. A label
    that several labels become scores their maximum; the parts of a split label all score as the whole did. A
    label that moves raises those that now lie above it. Those that no longer do still count its products in,
    and are reported.

    Raises:
        TaxonomyError: the changes name paths and the model's labels are names, or the other way round.
    """
    mode = bundle.config["labels"]["mode"]
    labels = bundle.labels
    if (mode == "path") != (migration.mode == "path"):
        modes = f"the model has {mode} labels, but the migration is in {migration.mode} mode"
        raise TaxonomyError(f"{modes}; write one in its mode")
    became = {}
    for name in labels:
        became[name] = {*migration.label(name), *migration.gained(name)}
    step = LabelMapping.of(labels, became)
    sections = dict(bundle.sections)
    # A path's ancestors are in its name; other taxonomies are kept in the bundle.
    taxonomy = None
    if "taxonomy" in sections and mode != "path":
        taxonomy = Taxonomy.from_state(sections["taxonomy"], labels)
    account = _account(bundle, migration, step, taxonomy)
    if "taxonomy" in sections:
        moved = (
            moved_taxonomy(taxonomy, migration, step) if taxonomy else Taxonomy.of_names(step.names)
        )
        sections["taxonomy"] = moved.state()
    sections |= _relabelled(sections, step)
    # The members know the labels of the training, so a second migration continues the first.
    mapping = step
    if "label_mapping" in sections:
        mapping = LabelMapping.from_state(sections["label_mapping"]).then(step)
    sections["label_mapping"] = mapping.state()
    migrations = [*bundle.facts.get("migrations", []), account]
    facts = {**bundle.facts, "migrations": migrations}
    return replace(bundle, labels=step.names, facts=facts, sections=sections), account


def _account(
    bundle: Bundle, migration: Migration, step: LabelMapping, taxonomy: Taxonomy | None
) -> dict[str, Any]:
    """What each change touches, and what must be trained again."""
    labels = bundle.labels
    products = _trained_products(bundle.sections.get("nearest_neighbours"), labels, migration)
    changes = []
    for place, change in enumerate(migration.changes):
        met = [name for name in labels if migration.change_of(name) == place]
        changes.append({"change": str(change), "products": products[place], "labels": met})
    # a misspelt name is likelier than a change without an effect
    unmet = sum(not change["labels"] for change in changes)
    retrain = [{"label": name, "why": why} for name, why in to_retrain(labels, migration, taxonomy)]
    return {
        "labels_before": len(labels),
        "labels": len(step.names),
        "changes": changes,
        "retrain": retrain,
        "notes": [f"{unmet} changes meet no label of the model"] if unmet else [],
    }


def _trained_products(
    neighbours: State | None, labels: Sequence[str], migration: Migration
) -> list[int | None]:
    """How many training products have a label that a change meets; None where the model kept no products."""
    if neighbours is None:
        return [None] * len(migration.changes)
    change_of_label = []
    for name in labels:
        place = migration.change_of(name)
        change_of_label.append(-1 if place is None else place)
    # One entry a label of a product.
    changes = np.array(change_of_label)[neighbours.arrays["label_columns"]]
    rows = neighbours.arrays["label_rows"]
    counts: list[int | None] = []
    for place in range(len(migration.changes)):
        counts.append(len(np.unique(rows[changes == place])))
    return counts


def _relabelled(sections: Mapping[str, State], step: LabelMapping) -> dict[str, State]:
    """The kept training products under the changed labels."""
    relabelled = {}
    if "nearest_neighbours" in sections:
        # vectors stay as they are: what products look like has not changed
        index = sections["nearest_neighbours"]
        rows, columns = step.apply_sparse(index.arrays["label_rows"], index.arrays["label_columns"])
        arrays = {**index.arrays, "label_rows": rows, "label_columns": columns}
        relabelled["nearest_neighbours"] = State(arrays, index.facts)
    if "out_of_fold" in sections:
        kept = OutOfFold.from_state(sections["out_of_fold"])
        scores, targets = kept.dense()
        moved = OutOfFold.of(kept.ids, step.apply(scores), step.apply(targets))
        relabelled["out_of_fold"] = moved.state()
    return relabelled
