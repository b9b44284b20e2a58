"""A catalogue or a fitted model moved to a changed taxonomy, with an account of what that touches and what must be trained again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.reader import read_catalog, write_quarantine
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import SCHEMA, Catalog
from shelfwise.core.files import json_text, write_text_atomically
from shelfwise.core.types import Context
from shelfwise.errors import TaxonomyError
from shelfwise.taxonomy.changes import MigratedPaths, Migration
from shelfwise.taxonomy.diff import difference
from shelfwise.taxonomy.files import read_taxonomy

PORTION = 10_000


def propose_migration(before: Path, after: Path, out: Path) -> dict[str, Any]:
    """Compare two editions of a taxonomy file and write the changes to `out` (TOML), to be looked over.

    Returns:
        ``changes`` and ``guessed`` in words, ``added`` categories, and ``out``.

    Raises:
        TaxonomyError: a file cannot be read.
    """
    found = difference(read_taxonomy(before), read_taxonomy(after))
    head = [
        f"# {before.name} -> {after.name}. Merged and split categories show up as removed: write them in by hand."
    ]
    head += [f"# by its name only, check: {change}" for change in found.guessed] + [
        f"# added: {name}" for name in found.added
    ]
    write_text_atomically(out, ["\n".join(head) + "\n\n" + found.migration.dump()])
    words = {"changes": found.migration.changes, "guessed": found.guessed, "added": found.added}
    return {**{name: list(map(str, values)) for name, values in words.items()}, "out": str(out)}


def migrate_catalog(
    source: Path,
    out: Path,
    migration: Migration,
    settings: CatalogSettings | None = None,
    context: Context | None = None,
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
        raise TaxonomyError(
            f"cannot write the migrated catalogue to {out}: expected a new name that ends in .jsonl"
        )
    reading = read_catalog(source, settings, context)
    catalog, categories = reading.catalog, reading.catalog.column("categories")
    rewrite = _remembering(migration)
    outcomes = [rewrite(paths) for paths in categories]
    write_text_atomically(out, _lines(catalog, outcomes))
    report = _account(migration, outcomes, categories) | {"source": str(source), "out": str(out)}
    undecided = [row for row, outcome in enumerate(outcomes) if outcome.undecided]
    if undecided:
        report["undecided_in"] = f"{out}.undecided.jsonl"
        write_text_atomically(
            Path(report["undecided_in"]),
            _questions(catalog.take(undecided), [outcomes[row] for row in undecided], migration),
        )
    if reading.quarantine:
        report["quarantine"] = f"{out}.quarantine.jsonl"
        write_quarantine(reading.quarantine, Path(report["quarantine"]))
    if out.parent.resolve() != source.parent.resolve() and catalog.table.column("image").null_count < len(
        catalog
    ):
        report["notes"].append(
            f"pictures are now looked for below {out.parent}; copy them there, or write the catalogue beside {source}"
        )
    write_text_atomically(Path(f"{out}.migration.json"), [json_text(report)])
    return report


def migration_table(report: Mapping[str, Any]) -> str:
    """The account as text: every change with the products it touches, what must be trained again, and notes."""
    lines = [f"{'products':>9}  change"]
    lines += [
        f"{'?' if c['products'] is None else c['products']:>9}  {c['change']}" for c in report["changes"]
    ]
    if report.get("retrain"):
        lines += [
            "",
            "to be trained again:",
            *(f"  {entry['label']}: {entry['why']}" for entry in report["retrain"]),
        ]
    return "\n".join([*lines, *(f"note: {note}" for note in report["notes"])])


def _remembering(migration: Migration) -> Callable[[Any], MigratedPaths]:
    """`migration.paths`, asked once for products with the same paths."""
    ask = lru_cache(maxsize=None)(migration.paths)
    return lambda paths: ask(tuple(map(tuple, paths or ())))


def _account(
    migration: Migration, outcomes: Sequence[MigratedPaths], categories: Sequence[Any]
) -> dict[str, Any]:
    touched = Counter(place for outcome in outcomes for place in outcome.changes)
    lost = sum(bool(paths) and not outcome.paths for paths, outcome in zip(categories, outcomes, strict=True))
    undecided = sum(bool(outcome.undecided) for outcome in outcomes)
    notes = [f"{lost} products are left without a category"] if lost else []
    if undecided:
        notes.append(
            f"{undecided} products lay in split categories and wait for a person; they stay with what lies above the parts"
        )
    return {
        "products": len(outcomes),
        "changed": sum(bool(outcome.changes) for outcome in outcomes),
        "undecided": undecided,
        "without_category": lost,
        "changes": [
            {"change": str(change), "products": touched[place]}
            for place, change in enumerate(migration.changes)
        ],
        "notes": notes,
    }


def _lines(catalog: Catalog, outcomes: Sequence[MigratedPaths]) -> Iterator[str]:
    """A JSON object a product. Our fields are there even where empty, so that no further column can be taken for one."""
    for start in range(0, len(catalog), PORTION):
        part = catalog.table.slice(start, PORTION).to_pylist()
        for record, outcome in zip(part, outcomes[start:], strict=False):
            record["categories"] = outcome.paths or None
            record["related"] = dict(record["related"] or ()) or None
            yield (
                json_text(
                    {
                        name: value
                        for name, value in record.items()
                        if value is not None or name in SCHEMA.names
                    }
                )
                + "\n"
            )


def _questions(catalog: Catalog, outcomes: Sequence[MigratedPaths], migration: Migration) -> Iterator[str]:
    """What a person has to decide: the labels a product has now, and the parts it may belong to."""
    for name, title, outcome in zip(catalog.ids, catalog.column("title"), outcomes, strict=True):
        given = sorted(flatten(outcome.paths, migration.mode))
        yield (
            json_text(
                {
                    "id": name,
                    "title": title,
                    "given": given,
                    "candidates": list(outcome.undecided),
                    "decision": None,
                }
            )
            + "\n"
        )
