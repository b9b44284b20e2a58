"""What changed between two editions of a taxonomy, as a migration to look over and complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shelfwise.catalog.labels import SEPARATOR
from shelfwise.taxonomy.changes import Change, Move, Remove, Rename
from shelfwise.taxonomy.files import Category
from shelfwise.taxonomy.migration import Migration

CategoryPath = tuple[str, ...]
"""The names of a category, from the root down."""


@dataclass(frozen=True)
class TaxonomyDiff:
    """A proposal.

    Args:
        migration: in ``path`` mode.
        added: categories that came from nowhere; they need training products.
        guessed: of the changes, those that rest on a name and not on an id.
    """

    migration: Migration
    added: tuple[str, ...]
    guessed: tuple[Change, ...]


def difference(before: Sequence[Category], after: Sequence[Category]) -> TaxonomyDiff:
    """The fewest changes that turn `before` into `after`: what follows from a change above is not repeated.

    A category is the one with its id. Where ids do not tell, it is the one with its path. Otherwise it is the
    only new one with its last name, if no other old one has that name either (a guess). All others count as
    removed: merged and split categories look the same in two lists, and have to be written in by hand.
    """
    sure = _same(before, after)
    gone = [category for category in before if category.path not in sure]
    unclaimed = {category.path for category in after} - set(sure.values())
    guesses = _guesses(gone, unclaimed)
    targets = sure | guesses

    became: dict[CategoryPath, CategoryPath | None] = {}
    # from the top down, so that a change above is known before what it takes along
    for category in sorted(before, key=lambda category: len(category.path)):
        target = targets.get(category.path)
        if _carried(category.path, became) != target:
            became[category.path] = target

    changes = {old: _change(old, new) for old, new in became.items()}
    reached = set(targets.values())
    added = [SEPARATOR.join(category.path) for category in after if category.path not in reached]
    guessed = [change for old, change in changes.items() if old in guesses]
    return TaxonomyDiff(Migration(tuple(changes.values()), "path"), tuple(added), tuple(guessed))


def _same(
    before: Sequence[Category], after: Sequence[Category]
) -> dict[CategoryPath, CategoryPath]:
    """Old path -> new path, where id or path decide; each new path once, ids first."""
    path_of_id = {category.id: category.path for category in after if category.id is not None}
    same = {
        category.path: path_of_id[category.id] for category in before if category.id in path_of_id
    }
    # a path that an id has claimed is not free for another category of that name
    free = {category.path for category in after} - set(same.values())
    for category in before:
        if category.path not in same and category.path in free:
            same[category.path] = category.path
    return same


def _guesses(gone: Sequence[Category], new: set[CategoryPath]) -> dict[CategoryPath, CategoryPath]:
    """Old path -> new path, where both are the only ones with their last name."""
    old_names = Counter(category.path[-1] for category in gone)
    new_names = Counter(path[-1] for path in new)
    # a name that several have would make the guess a lottery
    unique = {path[-1]: path for path in new}
    guesses = {}
    for category in gone:
        name = category.path[-1]
        if old_names[name] == 1 and new_names[name] == 1:
            guesses[category.path] = unique[name]
    return guesses


def _carried(
    path: CategoryPath, became: Mapping[CategoryPath, CategoryPath | None]
) -> CategoryPath | None:
    """Where the changes so far take a path; None for away."""
    # the most specific change counts, so the longest beginning is looked up first
    for length in range(len(path), 0, -1):
        if path[:length] in became:
            above = became[path[:length]]
            return None if above is None else (*above, *path[length:])
    return path


def _change(old: CategoryPath, new: CategoryPath | None) -> Change:
    name = SEPARATOR.join(old)
    if new is None:
        return Remove(remove=name)
    if new[-1] == old[-1]:
        return Move(move=name, under=SEPARATOR.join(new[:-1]))
    return Rename(rename=name, to=SEPARATOR.join(new))
