"""A fitted model moved to a changed taxonomy without training, with an account of what must be trained again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shelfwise.core.files import json_text, write_text_atomically
from shelfwise.core.types import State
from shelfwise.errors import TaxonomyError
from shelfwise.model.bundle import Bundle, check_target, load_bundle, save_bundle
from shelfwise.model.out_of_fold import OutOfFold
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.taxonomy.label_mapping import LabelMapping
from shelfwise.taxonomy.migration import Migration
from shelfwise.taxonomy.retraining_advice import moved_taxonomy, to_retrain


def migrate_bundle(source: Path, out: Path, migration: Migration) -> dict[str, Any]:
    """Write the model in `source` to `out` under the changed taxonomy, without training; see :func:`migrated`.

    Returns:
        The account, for :func:`migration_table`; also in ``out/report/migration.json``.

    Raises:
        TaxonomyError: the model's labels are not in the mode of the migration, or none would be left.
        BundleError: `source` is no model, or `out` cannot be written.
    """
    check_target(out)
    bundle, report = migrated(load_bundle(source), migration)
    report = {
        **report,
        "source": str(source),
        "out": str(out),
    }  # the bundle keeps the account without where it lies

    def account(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_text_atomically(folder / "migration.json", [json_text(report)])

    save_bundle(bundle, out, account)
    return report


def migrated(bundle: Bundle, migration: Migration) -> tuple[Bundle, dict[str, Any]]:
    """A model whose answers come under the changed labels, and what must be trained again.

    Members, policies and thresholds stay as they are; the section "label_mapping" maps what they say. A label that several
    become scores their maximum; the parts of a split label all score as the whole did. A label that moves raises those that
    now lie above it; those that no longer do still count its products in, and are reported.
    """
    mode, labels = bundle.config["labels"]["mode"], bundle.labels
    if (mode == "path") != (migration.mode == "path"):
        raise TaxonomyError(
            f"the model has {mode} labels, but the migration is in {migration.mode} mode; write one in its mode"
        )
    step = LabelMapping.of(
        labels, {name: {*migration.label(name), *migration.gained(name)} for name in labels}
    )
    sections = dict(bundle.sections)
    known = (
        LabelMapping.from_state(sections["label_mapping"]).then(step) if "label_mapping" in sections else step
    )
    products = _trained_products(sections.get("nearest_neighbours"), labels, migration)
    taxonomy = (
        Taxonomy.from_state(sections["taxonomy"], labels)
        if "taxonomy" in sections and mode != "path"
        else None
    )
    sections |= {"label_mapping": known.state(), **_relabelled(sections, step)}
    if "taxonomy" in sections:
        sections["taxonomy"] = (
            moved_taxonomy(taxonomy, migration, step) if taxonomy else Taxonomy.of_names(step.names)
        ).state()
    retrain = to_retrain(labels, migration, taxonomy)
    changes = [
        {
            "change": str(change),
            "products": products[place],
            "labels": [n for n in labels if migration.change_of(n) == place],
        }
        for place, change in enumerate(migration.changes)
    ]
    unmet = sum(not change["labels"] for change in changes)
    report = {
        "labels_before": len(labels),
        "labels": len(step.names),
        "changes": changes,
        "retrain": [{"label": name, "why": why} for name, why in retrain],
        "notes": [f"{unmet} changes meet no label of the model"] if unmet else [],
    }
    facts = {**bundle.facts, "migrations": [*bundle.facts.get("migrations", []), report]}
    return replace(bundle, labels=step.names, facts=facts, sections=sections), report


def _trained_products(
    neighbours: State | None, labels: Sequence[str], migration: Migration
) -> list[int | None]:
    """How many products the model learnt from have a label that a change meets; None where it kept no products."""
    if neighbours is None:
        return [None] * len(migration.changes)
    met = np.array([-1 if (place := migration.change_of(name)) is None else place for name in labels])
    changes = met[neighbours.arrays["label_columns"]]
    return [
        len(np.unique(neighbours.arrays["label_rows"][changes == place]))
        for place in range(len(migration.changes))
    ]


def _relabelled(sections: Mapping[str, State], step: LabelMapping) -> dict[str, State]:
    """The kept products under the labels of now."""
    new = {}
    if "nearest_neighbours" in sections:
        old = sections["nearest_neighbours"]
        rows, columns = step.apply_sparse(old.arrays["label_rows"], old.arrays["label_columns"])
        new["nearest_neighbours"] = State(
            {**old.arrays, "label_rows": rows, "label_columns": columns}, old.facts
        )
    if "out_of_fold" in sections:
        honest = OutOfFold.from_state(sections["out_of_fold"])
        new["out_of_fold"] = OutOfFold.of(honest.ids, *map(step.apply, honest.dense())).state()
    return new
