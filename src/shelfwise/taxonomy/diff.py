"""What changed between two editions of a taxonomy, as a migration to look over and complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shelfwise.catalog.labels import SEPARATOR
from shelfwise.taxonomy.changes import Change, Migration, Move, Remove, Rename
from shelfwise.taxonomy.files import Category

Path = tuple[str, ...]


@dataclass(frozen=True)
class TaxonomyDiff:
    """A proposal.

    Args:
        migration: in ``path`` mode.
        added: categories that came from nowhere; they need products to be learnt from.
        guessed: of the changes, those that rest on a name and not on an id.
    """

    migration: Migration
    added: tuple[str, ...]
    guessed: tuple[Change, ...]


def difference(before: Sequence[Category], after: Sequence[Category]) -> TaxonomyDiff:
    """The fewest changes that turn `before` into `after`: what follows from a change above is not said again.

    A category is the one with its id; where ids do not tell, the one with its path, or else the only new one with its last
    name, if no other old one has that name either (a guess). All others are taken to be removed: merged and split categories
    look the same in two lists, and have to be put in by hand.
    """
    sure = _same(before, after)
    guesses = _guesses(
        [c for c in before if c.path not in sure], {c.path for c in after} - set(sure.values())
    )
    became: dict[Path, Path | None] = {}
    for category in sorted(before, key=lambda c: len(c.path)):
        target = sure.get(category.path, guesses.get(category.path))
        if _carried(category.path, became) != target:
            became[category.path] = target
    changes = {old: _change(old, new) for old, new in became.items()}
    targets = {*sure.values(), *guesses.values()}
    return TaxonomyDiff(
        Migration(tuple(changes.values()), "path"),
        tuple(SEPARATOR.join(c.path) for c in after if c.path not in targets),
        tuple(change for old, change in changes.items() if old in guesses),
    )


def _same(before: Sequence[Category], after: Sequence[Category]) -> dict[Path, Path]:
    """Old path -> new path, where id or path say so; each new path once, ids first."""
    by_id = {c.id: c.path for c in after if c.id is not None}
    same = {c.path: by_id[c.id] for c in before if c.id in by_id}
    free = {c.path for c in after} - set(same.values())
    return same | {c.path: c.path for c in before if c.path not in same and c.path in free}


def _guesses(gone: Sequence[Category], new: set[Path]) -> dict[Path, Path]:
    old_names, new_names = Counter(c.path[-1] for c in gone), Counter(path[-1] for path in new)
    only = {path[-1]: path for path in new if new_names[path[-1]] == 1}
    return {c.path: only[c.path[-1]] for c in gone if old_names[c.path[-1]] == 1 and c.path[-1] in only}


def _carried(path: Path, became: Mapping[Path, Path | None]) -> Path | None:
    """Where the changes so far take a path; None for away."""
    for length in range(len(path), 0, -1):
        if path[:length] in became:
            above = became[path[:length]]
            return None if above is None else (*above, *path[length:])
    return path


def _change(old: Path, new: Path | None) -> Change:
    name = SEPARATOR.join(old)
    if new is None:
        return Remove(remove=name)
    if new[-1] == old[-1]:
        return Move(move=name, under=SEPARATOR.join(new[:-1]))
    return Rename(rename=name, to=SEPARATOR.join(new))
