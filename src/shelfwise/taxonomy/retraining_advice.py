"""What changes of a taxonomy mean for a fitted model: how its labels hang together afterwards, and which to train again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from shelfwise.taxonomy.changes import Merge, Migration, Move, Remove, Split, prefixes, split_levels
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.taxonomy.label_mapping import LabelMapping


def moved_taxonomy(taxonomy: Taxonomy, migration: Migration, step: LabelMapping) -> Taxonomy:
    """The taxonomy of flat labels after the changes.

    A label that several become implies only what each of them did; one that moved, its new place; what lay below a removed or
    split label implies what that label did.
    """
    parents: dict[str, set[str]] = {name: set() for name in taxonomy.names}
    for child, parent in taxonomy.edges:
        parents[taxonomy.names[child]].add(taxonomy.names[parent])

    def above(name: str) -> set[str]:
        place = migration.change_of(name)
        change = None if place is None else migration.changes[place]
        if isinstance(change, Move):
            return set(split_levels(change.under)[-1:])
        gone = {p for p in parents[name] if len(migration.label(p)) != 1}
        return {new for p in parents[name] - gone for new in migration.label(p)}.union(*map(above, gone))

    sources: dict[str, list[set[str]]] = {}
    for old in step.before:
        for new in migration.label(old):
            sources.setdefault(new, []).append(above(old))
    implied = {new: set.intersection(*those) for new, those in sources.items()}
    for change in migration.changes:
        if isinstance(change, Move):
            levels = split_levels(change.under)
            for lower, upper in zip(levels[1:], levels, strict=False):
                implied.setdefault(lower, set()).add(upper)
    place = {name: index for index, name in enumerate(step.names)}
    pairs = [
        (place[c], place[p]) for c, ps in implied.items() for p in ps if c != p and {c, p} <= place.keys()
    ]
    return Taxonomy.of_pairs(step.names, np.array(pairs, np.int64).reshape(-1, 2))


def to_retrain(
    labels: Sequence[str], migration: Migration, taxonomy: Taxonomy | None
) -> Iterator[tuple[str, str]]:
    """Labels after the changes whose scores cannot be what training would make them, and why; each pair once.

    Args:
        labels: those the model has.
        taxonomy: of flat labels, whose names do not tell what they lay under; None where it is not known.
    """
    reasons: dict[tuple[str, str], None] = {}
    kept = {new for name in labels for new in migration.label(name)}
    for name in labels:
        place = migration.change_of(name)
        change, outcome = (None if place is None else migration.changes[place]), migration.label(name)
        if isinstance(change, Split):
            reasons |= {
                (part, f"no model can tell the parts of {name!r} apart; each scores as the whole did"): None
                for part in outcome
            }
        for new in sorted(migration.gained(name) - kept):
            reasons[new, f"is new, and known only from {name!r}"] = None
        if change is not None and name in change.takes and not isinstance(change, Remove):
            reasons |= {
                (old, f"still counts in the products of {name!r}"): None
                for old in _left(name, migration, taxonomy)
            }
        if isinstance(change, Merge):
            missing = [other for other in change.takes if other not in labels]
            reasons |= {
                (new, f"knows nothing of {other!r}, which was no label"): None
                for other in missing
                for new in outcome
            }
    yield from reasons


def _left(name: str, migration: Migration, taxonomy: Taxonomy | None) -> list[str]:
    """The labels of now that lay above a label and do not lie above what became of it."""
    if migration.mode == "path":
        old = [new for above in prefixes(split_levels(name))[:-1] for new in migration.label(above)]
        still = set.intersection(*({*prefixes(split_levels(new))} for new in migration.label(name)))
        return [above for above in dict.fromkeys(old) if above not in still]
    place = migration.change_of(name)
    change = None if place is None else migration.changes[place]
    if not isinstance(change, Move) or taxonomy is None:
        return []
    row = taxonomy.ancestors[[taxonomy.names.index(name)]].indices
    old = [
        new
        for above in row
        if taxonomy.names[above] != name
        for new in migration.label(taxonomy.names[above])
    ]
    return [above for above in dict.fromkeys(old) if above not in split_levels(change.under)]
