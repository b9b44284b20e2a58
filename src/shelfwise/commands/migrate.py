"""Follow a changed taxonomy: propose the changes, and move a catalogue or a model.

Every command returns an account: what the changes touch and what must be trained again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from shelfwise.catalog.corrections_file import keep_decisions
from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.reader import ReadResult, read_catalog, write_quarantine
from shelfwise.core.catalog import SCHEMA, Catalog
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import json_text, write_json_lines, write_text_atomically
from shelfwise.errors import TaxonomyError
from shelfwise.model.migration import migrate_bundle
from shelfwise.taxonomy.diff import difference
from shelfwise.taxonomy.files import SUFFIXES as TAXONOMY_SUFFIXES
from shelfwise.taxonomy.files import read_taxonomy
from shelfwise.taxonomy.migration import MigratedPaths, Migration

CHUNK_ROWS = 10_000
"""Products that are Python objects at once while a catalogue is written."""

BY_HAND = "Merged and split categories show up as removed: write them in by hand."


def run_migration(
    source: Path, target: Path, out: Path, context: Context | None = None
) -> tuple[dict[str, Any], str]:
    """What ``shelfwise export SOURCE --migrate TARGET --out OUT`` does; the kinds of the files decide.

    Two taxonomy files (.txt or .json) are editions of one taxonomy: the changes between them are proposed.
    Otherwise `target` holds changes (TOML), and `source` is the model folder or the catalogue to move.

    Returns:
        The account, for JSON, and the same as text.

    Raises:
        TaxonomyError: a taxonomy or the changes cannot be read, or `out` is no name for the result.
        CatalogError: the catalogue cannot be read.
        BundleError: `source` is no model, or `out` is not a place for one.
    """
    names_taxonomy = target.suffix.lower() in TAXONOMY_SUFFIXES
    if names_taxonomy and source.suffix.lower() in TAXONOMY_SUFFIXES:
        proposal = propose_migration(source, target, out)
        return proposal, proposal_text(proposal)
    try:
        migration = Migration.load(target)
    except TaxonomyError as error:
        # changes may have any ending, so only what is no TOML is taken for a taxonomy
        fix = (
            "for a taxonomy file, first get the changes: export OLD_TAXONOMY --migrate NEW_TAXONOMY"
        )
        raise TaxonomyError(f"{error}; {fix}" if names_taxonomy else str(error)) from None
    if source.is_dir():
        report = migrate_bundle(source, out, migration)
    else:
        report = migrate_catalog(source, out, migration, context)
    return report, f"{migration_table(report)}\n\nwritten: {out}"


def propose_migration(before: Path, after: Path, out: Path) -> dict[str, Any]:
    """Compare two editions of a taxonomy file and write the changes to `out` (TOML), to be looked over.

    Returns:
        ``changes`` and ``guessed`` in words, ``added`` categories, and ``out``.

    Raises:
        TaxonomyError: a file cannot be read, or `out` does not end in .toml.
    """
    if out.suffix != ".toml":
        raise TaxonomyError(
            f"cannot write the proposed changes to {out}: expected a name that ends in .toml"
        )
    found = difference(read_taxonomy(before), read_taxonomy(after))
    # what a person has to look at stands in the file itself, as comments above the changes
    head = [f"{before.name} -> {after.name}. {BY_HAND}"]
    head += [f"by its name only, check: {change}" for change in found.guessed]
    head += [f"added: {name}" for name in found.added]
    # changes are looked over and added to by hand
    if out.exists():
        fix = "apply it, or choose another --out"
        raise TaxonomyError(f"{out} exists and may have been edited by hand; {fix}")
    # a name from a JSON file may hold a line break, which would end the comment
    comments = [f"# {' '.join(line.split())}\n" for line in head]
    write_text_atomically(out, [*comments, "\n", found.migration.dump()])
    return {
        "changes": [str(change) for change in found.migration.changes],
        "guessed": [str(change) for change in found.guessed],
        "added": list(found.added),
        "out": str(out),
    }


def proposal_text(proposal: Mapping[str, Any]) -> str:
    """What :func:`propose_migration` found, as text: changes, guesses and added categories."""
    # a change is one line of text, and different changes have different lines
    guessed = set(proposal["guessed"])
    lines = [f"changes: {len(proposal['changes'])}, of these {len(guessed)} guessed by name"]
    for change in proposal["changes"]:
        lines.append(f"  {change}{'  (guess: check it)' if change in guessed else ''}")
    lines.append(f"added categories, which need training products: {len(proposal['added'])}")
    lines += [f"  {name}" for name in proposal["added"]]
    lines += [f"note: {BY_HAND}", "", f"written: {proposal['out']}"]
    return "\n".join(lines)


def migrate_catalog(
    source: Path, out: Path, migration: Migration, context: Context | None = None
) -> dict[str, Any]:
    """Write `source` to `out` (JSONL) under the changed taxonomy; only the categories change.

    Products of split categories go to ``OUT.undecided.jsonl`` with the parts to choose from.
    Refused records go to ``OUT.quarantine.jsonl`` and the account to ``OUT.migration.json``.
    Images are looked for below `out`'s folder.

    Returns:
        The account, for :func:`migration_table`.

    Raises:
        TaxonomyError: `out` does not end in .jsonl, or is `source` itself.
        CatalogError: `source` cannot be read, or somebody has filled in the undecided products of `out`.
        StorageError: another run is writing `out`.
    """
    if out.suffix != ".jsonl" or out.resolve() == source.resolve():
        expected = "expected a new name that ends in .jsonl"
        raise TaxonomyError(f"cannot write the migrated catalogue to {out}: {expected}")
    with claimed(out):
        # before any work: decisions that people have typed are not there a second time
        keep_decisions(Path(f"{out}.undecided.jsonl"))
        return _migrate(source, out, migration, context)


def _migrate(
    source: Path, out: Path, migration: Migration, context: Context | None
) -> dict[str, Any]:
    """As :func:`migrate_catalog`, for the holder of the claim on `out`."""
    result = read_catalog(source, context=context)
    categories = result.catalog.column("categories")
    rewrite = _memoized_paths(migration)
    outcomes = [rewrite(paths) for paths in categories]
    write_json_lines(out, _records(result.catalog, outcomes))
    report = _account(migration, outcomes, categories)
    report |= {"source": str(source), "out": str(out)}
    report |= _write_side_files(out, result, outcomes, migration)
    has_images = result.catalog.table.column("image").null_count < len(result.catalog)
    # image paths are relative to the catalogue's folder, and stay as they were written
    if out.parent.resolve() != result.catalog.root.resolve() and has_images:
        fix = f"copy them there, or write the catalogue beside {source}"
        report["notes"].append(f"images are now looked for in the folder of {out}; {fix}")
    write_text_atomically(Path(f"{out}.migration.json"), json_text(report))
    return report


def migration_table(report: Mapping[str, Any]) -> str:
    """The account as text: changes and the products they touch, what must be trained again, and notes."""
    lines = [f"{'products':>9}  change"]
    for entry in report["changes"]:
        # a model that kept no training products cannot count them
        touched = "?" if entry["products"] is None else entry["products"]
        lines.append(f"{touched:>9}  {entry['change']}")
    if report.get("retrain"):
        lines += ["", "to be trained again:"]
        lines += [f"  {entry['label']}: {entry['why']}" for entry in report["retrain"]]
    lines += [f"note: {note}" for note in report["notes"]]
    return "\n".join(lines)


def _memoized_paths(migration: Migration) -> Callable[[Any], MigratedPaths]:
    """`migration.paths`, worked out once for all products with the same paths."""
    # unbounded: a catalogue has far fewer sets of paths than products
    outcome_of = lru_cache(maxsize=None)(migration.paths)
    return lambda paths: outcome_of(tuple(map(tuple, paths or ())))


def _account(
    migration: Migration, outcomes: Sequence[MigratedPaths], categories: Sequence[Any]
) -> dict[str, Any]:
    """How many products each change touches, and what a person has to know."""
    touched: Counter[int] = Counter()
    lost = 0
    for paths, outcome in zip(categories, outcomes, strict=True):
        # a product counts once for a change, however many of its paths meet it
        touched.update(outcome.changes)
        # products that never had a category are not lost
        if paths and not outcome.paths:
            lost += 1
    undecided = sum(bool(outcome.undecided) for outcome in outcomes)
    changes = [
        {"change": str(change), "products": touched[index]}
        for index, change in enumerate(migration.changes)
    ]
    notes = []
    if lost:
        notes.append(f"{lost} products are left without a category")
    if undecided:
        waiting = f"{undecided} products lay in split categories and wait for a person"
        notes.append(f"{waiting}; they stay with what lies above the parts")
    return {
        "products": len(outcomes),
        "changed": sum(bool(outcome.changes) for outcome in outcomes),
        "undecided": undecided,
        "without_category": lost,
        "changes": changes,
        "notes": notes,
    }


def _write_side_files(
    out: Path, result: ReadResult, outcomes: Sequence[MigratedPaths], migration: Migration
) -> dict[str, str]:
    """Write undecided products and refused records, where there are any.

    Returns:
        What the account calls each file -> its path.
    """
    written = {}
    # no empty files: that one is there says that something is to be done
    undecided = [row for row, outcome in enumerate(outcomes) if outcome.undecided]
    if undecided:
        written["undecided_in"] = f"{out}.undecided.jsonl"
        chosen = [outcomes[row] for row in undecided]
        questions = _questions(result.catalog.take(undecided), chosen, migration)
        write_json_lines(Path(written["undecided_in"]), questions)
    if result.quarantine:
        written["quarantine"] = f"{out}.quarantine.jsonl"
        write_quarantine(result.quarantine, Path(written["quarantine"]))
    return written


def _records(catalog: Catalog, outcomes: Sequence[MigratedPaths]) -> Iterator[dict[str, Any]]:
    """A JSON object a product."""
    own_fields = frozenset(SCHEMA.names)
    for start in range(0, len(catalog), CHUNK_ROWS):
        chunk = catalog.table.slice(start, CHUNK_ROWS).to_pylist()
        for record, outcome in zip(chunk, outcomes[start : start + CHUNK_ROWS], strict=True):
            record["categories"] = outcome.paths or None
            # Arrow gives a map as pairs
            record["related"] = dict(record["related"] or ()) or None
            # our own fields are written even where empty, so that no further column can be taken for one
            yield {
                name: value
                for name, value in record.items()
                if value is not None or name in own_fields
            }


def _questions(
    catalog: Catalog, outcomes: Sequence[MigratedPaths], migration: Migration
) -> Iterator[dict[str, Any]]:
    """What a person has to decide: the labels a product has now, and the parts it may belong to."""
    for identity, title, outcome in zip(
        catalog.ids, catalog.column("title"), outcomes, strict=True
    ):
        yield {
            "id": identity,
            "title": title,
            "given": sorted(flatten(outcome.paths, migration.mode)),
            "candidates": list(outcome.undecided),
            "decision": None,
        }
