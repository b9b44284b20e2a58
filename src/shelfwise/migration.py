"""A catalogue or a fitted model moved to a changed taxonomy, with an account of what that touches and what must be trained again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from shelfwise.bundle import Bundle, check_target, load_bundle, save_bundle
from shelfwise.catalog.changes import Migrated, Migration
from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reader import read_catalog, write_quarantine
from shelfwise.catalog.store import SCHEMA, Catalog
from shelfwise.catalog.taxonomy_difference import difference
from shelfwise.catalog.taxonomy_files import read_taxonomy
from shelfwise.config import CatalogSettings
from shelfwise.contracts import Context, State
from shelfwise.decision.consequences import moved_taxonomy, to_retrain
from shelfwise.decision.relabelling import Relabelling
from shelfwise.decision.taxonomy import Taxonomy
from shelfwise.errors import TaxonomyError
from shelfwise.out_of_fold import OutOfFold

PORTION = 10_000


def propose_migration(before: Path, after: Path, out: Path) -> dict[str, Any]:
    """Compare two editions of a taxonomy file and write the changes to `out` (TOML), to be looked over.

    Returns:
        ``changes`` and ``guessed`` in words, ``added`` categories, and ``out``.

    Raises:
        TaxonomyError: a file cannot be read.
    """
    found = difference(read_taxonomy(before), read_taxonomy(after))
    head = [f"# {before.name} -> {after.name}. Merged and split categories show up as removed: write them in by hand."]
    head += [f"# by its name only, check: {change}" for change in found.guessed] + [f"# added: {name}" for name in found.added]
    _write(out, ["\n".join(head) + "\n\n" + found.migration.dump()])
    words = {"changes": found.migration.changes, "guessed": found.guessed, "added": found.added}
    return {**{name: list(map(str, values)) for name, values in words.items()}, "out": str(out)}


def migrate_catalog(
    source: Path, out: Path, migration: Migration, settings: CatalogSettings | None = None, context: Context | None = None
) -> dict[str, Any]:
    """Write `source` to `out` (JSONL) under the changed taxonomy; all but the categories reads back as it was.

    Products of split categories go to ``OUT.undecided.jsonl`` with the parts to choose from, refused records to
    ``OUT.quarantine.jsonl``, and the account to ``OUT.migration.json``. Pictures are looked for below the folder of `out`.

    Returns:
        The account, for :func:`migration_table`.

    Raises:
        TaxonomyError: `out` does not end in .jsonl, or is `source` itself.
        CatalogError: `source` cannot be read.
    """
    if out.suffix != ".jsonl" or out.resolve() == source.resolve():
        raise TaxonomyError(f"cannot write the migrated catalogue to {out}: expected a new name that ends in .jsonl")
    reading = read_catalog(source, settings, context)
    catalog, categories = reading.catalog, reading.catalog.column("categories")
    rewrite = _remembering(migration)
    outcomes = [rewrite(paths) for paths in categories]
    _write(out, _lines(catalog, outcomes))
    report = _account(migration, outcomes, categories) | {"source": str(source), "out": str(out)}
    undecided = [row for row, outcome in enumerate(outcomes) if outcome.undecided]
    if undecided:
        report["undecided_in"] = f"{out}.undecided.jsonl"
        _write(Path(report["undecided_in"]), _questions(catalog.take(undecided), [outcomes[row] for row in undecided], migration))
    if reading.quarantine:
        report["quarantine"] = f"{out}.quarantine.jsonl"
        write_quarantine(reading.quarantine, Path(report["quarantine"]))
    if out.parent.resolve() != source.parent.resolve() and catalog.table.column("image").null_count < len(catalog):
        report["notes"].append(f"pictures are now looked for below {out.parent}; copy them there, or write the catalogue beside {source}")
    _write(Path(f"{out}.migration.json"), [_json(report)])
    return report


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
    report = {**report, "source": str(source), "out": str(out)}  # the bundle keeps the account without where it lies

    def account(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "migration.json", [_json(report)])

    save_bundle(bundle, out, account)
    return report


def migrated(bundle: Bundle, migration: Migration) -> tuple[Bundle, dict[str, Any]]:
    """A model whose answers come under the changed labels, and what must be trained again.

    Members, policies and thresholds stay as they are; the section "relabelling" maps what they say. A label that several
    become scores their maximum; the parts of a split label all score as the whole did. A label that moves raises those that
    now lie above it; those that no longer do still count its products in, and are reported.
    """
    mode, labels = bundle.config["labels"]["mode"], bundle.labels
    if (mode == "path") != (migration.mode == "path"):
        raise TaxonomyError(f"the model has {mode} labels, but the migration is in {migration.mode} mode; write one in its mode")
    step = Relabelling.of(labels, {name: {*migration.label(name), *migration.gained(name)} for name in labels})
    sections = dict(bundle.sections)
    known = Relabelling.restored(sections["relabelling"]).then(step) if "relabelling" in sections else step
    products = _trained_products(sections.get("neighbours"), labels, migration)
    taxonomy = Taxonomy.restored(sections["taxonomy"], labels) if "taxonomy" in sections and mode != "path" else None
    sections |= {"relabelling": known.state(), **_relabelled(sections, step)}
    if "taxonomy" in sections:
        sections["taxonomy"] = (moved_taxonomy(taxonomy, migration, step) if taxonomy else Taxonomy.of_names(step.names)).state()
    retrain = to_retrain(labels, migration, taxonomy)
    changes = [
        {"change": str(change), "products": products[place], "labels": [n for n in labels if migration.change_of(n) == place]}
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


def migration_table(report: Mapping[str, Any]) -> str:
    """The account as text: every change with the products it touches, what must be trained again, and notes."""
    lines = [f"{'products':>9}  change"]
    lines += [f"{'?' if c['products'] is None else c['products']:>9}  {c['change']}" for c in report["changes"]]
    if report.get("retrain"):
        lines += ["", "to be trained again:", *(f"  {entry['label']}: {entry['why']}" for entry in report["retrain"])]
    return "\n".join([*lines, *(f"note: {note}" for note in report["notes"])])


def _remembering(migration: Migration) -> Callable[[Any], Migrated]:
    """`migration.paths`, asked once for products with the same paths."""
    ask = lru_cache(maxsize=None)(migration.paths)
    return lambda paths: ask(tuple(map(tuple, paths or ())))


def _account(migration: Migration, outcomes: Sequence[Migrated], categories: Sequence[Any]) -> dict[str, Any]:
    touched = Counter(place for outcome in outcomes for place in outcome.changes)
    lost = sum(bool(paths) and not outcome.paths for paths, outcome in zip(categories, outcomes, strict=True))
    undecided = sum(bool(outcome.undecided) for outcome in outcomes)
    notes = [f"{lost} products are left without a category"] if lost else []
    if undecided:
        notes.append(f"{undecided} products lay in split categories and wait for a person; they stay with what lies above the parts")
    return {
        "products": len(outcomes),
        "changed": sum(bool(outcome.changes) for outcome in outcomes),
        "undecided": undecided,
        "without_category": lost,
        "changes": [{"change": str(change), "products": touched[place]} for place, change in enumerate(migration.changes)],
        "notes": notes,
    }


def _lines(catalog: Catalog, outcomes: Sequence[Migrated]) -> Iterator[str]:
    """A JSON object a product. Our fields are there even where empty, so that no further column can be taken for one."""
    for start in range(0, len(catalog), PORTION):
        part = catalog.table.slice(start, PORTION).to_pylist()
        for record, outcome in zip(part, outcomes[start:], strict=False):
            record["categories"] = outcome.paths or None
            record["related"] = dict(record["related"] or ()) or None
            yield _json({name: value for name, value in record.items() if value is not None or name in SCHEMA.names}) + "\n"


def _questions(catalog: Catalog, outcomes: Sequence[Migrated], migration: Migration) -> Iterator[str]:
    """What a person has to decide: the labels a product has now, and the parts it may belong to."""
    for name, title, outcome in zip(catalog.ids, catalog.column("title"), outcomes, strict=True):
        given = sorted(flatten(outcome.paths, migration.mode))
        yield _json({"id": name, "title": title, "given": given, "candidates": list(outcome.undecided), "decision": None}) + "\n"


def _trained_products(neighbours: State | None, labels: Sequence[str], migration: Migration) -> list[int | None]:
    """How many products the model learnt from have a label that a change meets; None where it kept no products."""
    if neighbours is None:
        return [None] * len(migration.changes)
    met = np.array([-1 if (place := migration.change_of(name)) is None else place for name in labels])
    changes = met[neighbours.arrays["label_columns"]]
    return [len(np.unique(neighbours.arrays["label_rows"][changes == place])) for place in range(len(migration.changes))]


def _relabelled(sections: Mapping[str, State], step: Relabelling) -> dict[str, State]:
    """The kept products under the labels of now."""
    new = {}
    if "neighbours" in sections:
        old = sections["neighbours"]
        rows, columns = step.apply_sparse(old.arrays["label_rows"], old.arrays["label_columns"])
        new["neighbours"] = State({**old.arrays, "label_rows": rows, "label_columns": columns}, old.facts)
    if "out_of_fold" in sections:
        honest = OutOfFold.restored(sections["out_of_fold"])
        new["out_of_fold"] = OutOfFold.of(honest.ids, *map(step.apply, honest.dense())).state()
    return new


def _write(path: Path, parts: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("w", encoding="utf-8") as file:
        file.writelines(parts)
    temporary.rename(path)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
