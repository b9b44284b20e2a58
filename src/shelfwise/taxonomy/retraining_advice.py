"""What changes of a taxonomy mean for a fitted model: how its labels are related, which to train again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from shelfwise.taxonomy.changes import Change, Merge, Move, Remove, Split, prefixes, split_levels
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.taxonomy.label_mapping import LabelMapping
from shelfwise.taxonomy.migration import Migration


def moved_taxonomy(taxonomy: Taxonomy, migration: Migration, step: LabelMapping) -> Taxonomy:
    """The taxonomy of flat labels after the changes.

    A label that several become implies only what each of them did. One that moved implies its new place. What
    lay below a removed or split label implies what that label did.

    Args:
        taxonomy: of the labels before.
        step: old labels to new ones.
    """
    above = _new_parents(taxonomy, migration)
    sources: dict[str, list[set[str]]] = {}
    for old in step.before:
        for new in migration.label(old):
            sources.setdefault(new, []).append(above(old))
    implied = {new: set.intersection(*parents) for new, parents in sources.items()}
    # a new place may have levels that were no labels before: each implies the one above it
    for change in migration.changes:
        if isinstance(change, Move):
            levels = split_levels(change.under)
            for lower, upper in zip(levels[1:], levels, strict=False):
                implied.setdefault(lower, set()).add(upper)
    return _taxonomy_of(step.names, implied)


def _new_parents(taxonomy: Taxonomy, migration: Migration) -> Callable[[str], set[str]]:
    """Old label -> the new labels right above what becomes of it."""
    parents: dict[str, set[str]] = {name: set() for name in taxonomy.names}
    for child, parent in taxonomy.edges:
        parents[taxonomy.names[child]].add(taxonomy.names[parent])

    def above(name: str) -> set[str]:
        change = _change_of(name, migration)
        if isinstance(change, Move):
            return set(split_levels(change.under)[-1:])
        found: set[str] = set()
        for parent in parents[name]:
            became = migration.label(parent)
            # a parent that is removed or split hands on what lies above it
            found |= set(became) if len(became) == 1 else above(parent)
        return found

    return above


def _taxonomy_of(names: Sequence[str], implied: Mapping[str, set[str]]) -> Taxonomy:
    """The taxonomy of `names` in which each label implies those given; other names are passed over."""
    index_of = {name: index for index, name in enumerate(names)}
    pairs = []
    for child, parents in implied.items():
        for parent in parents:
            if child != parent and child in index_of and parent in index_of:
                pairs.append((index_of[child], index_of[parent]))
    return Taxonomy.of_pairs(names, np.array(pairs, np.int64).reshape(-1, 2))


def to_retrain(
    labels: Sequence[str], migration: Migration, taxonomy: Taxonomy | None
) -> Iterator[tuple[str, str]]:
    """Labels after the changes whose scores cannot be what training would make them, and why; each pair once.

    Args:
        labels: those the model has.
        taxonomy: of flat labels, whose names do not show what they lay under; None where it is not known.
    """
    # a dictionary as an ordered set
    reasons: dict[tuple[str, str], None] = {}
    # labels that some old label becomes are not new
    kept = {new for name in labels for new in migration.label(name)}
    for name in labels:
        for reason in _reasons(name, labels, kept, migration, taxonomy):
            reasons[reason] = None
    yield from reasons


def _reasons(
    name: str,
    labels: Sequence[str],
    kept: set[str],
    migration: Migration,
    taxonomy: Taxonomy | None,
) -> Iterator[tuple[str, str]]:
    """New labels that what becomes of `name` leaves in need of training, and why."""
    change = _change_of(name, migration)
    outcome = migration.label(name)
    if isinstance(change, Split):
        for part in outcome:
            yield (
                part,
                f"no model can tell the parts of {name!r} apart; each scores as the whole did",
            )
    for new in sorted(migration.gained(name) - kept):
        yield new, f"is new, and known only from {name!r}"
    # of a removed category the products stay with what lies above
    if change is not None and name in change.takes and not isinstance(change, Remove):
        for old in _no_longer_above(name, migration, taxonomy):
            yield old, f"still counts in the products of {name!r}"
    # the merged category has products that no label of the model stood for
    if isinstance(change, Merge):
        for other in change.takes:
            if other not in labels:
                for new in outcome:
                    yield new, f"knows nothing of {other!r}, which was no label"


def _no_longer_above(name: str, migration: Migration, taxonomy: Taxonomy | None) -> list[str]:
    """The labels of now that lay above a label and do not lie above what became of it."""
    if migration.mode == "path":
        old_ancestors = prefixes(split_levels(name))[:-1]
        # above all of what became of it, where it was split
        ancestors_now = [set(prefixes(split_levels(new))) for new in migration.label(name)]
        return _outcomes_outside(old_ancestors, migration, set.intersection(*ancestors_now))
    change = _change_of(name, migration)
    if not isinstance(change, Move) or taxonomy is None:
        return []
    ancestors = taxonomy.ancestors[[taxonomy.names.index(name)]].indices
    # a label is among its own ancestors
    names = [taxonomy.names[index] for index in ancestors if taxonomy.names[index] != name]
    return _outcomes_outside(names, migration, set(split_levels(change.under)))


def _outcomes_outside(labels: Sequence[str], migration: Migration, still: set[str]) -> list[str]:
    """What becomes of the labels, each once, without those that are `still` above."""
    outcomes = dict.fromkeys(new for label in labels for new in migration.label(label))
    return [new for new in outcomes if new not in still]


def _change_of(name: str, migration: Migration) -> Change | None:
    """The change that meets a label, if any."""
    index = migration.change_of(name)
    return None if index is None else migration.changes[index]
