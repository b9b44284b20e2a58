"""What people decided about products (:mod:`~shelfwise.catalog.corrections_file`), applied to a catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shelfwise.catalog.corrections_file import Correction
from shelfwise.catalog.labels import (
    SEPARATOR,
    Mode,
    Paths,
    begins_another,
    flatten,
    stripped_paths,
)
from shelfwise.core.catalog import Catalog
from shelfwise.errors import CatalogError
from shelfwise.similar_names import most_similar

MAX_NAMED = 5
"""Ids named in a message; more are counted."""

Homes = Mapping[str, Sequence[str]]
"""Label -> the path that it has elsewhere."""


@dataclass(frozen=True)
class CorrectionReport:
    """What applying corrections did.

    Args:
        changed: products whose labels are others now.
        confirmed: products that were found right, or were as decided already.
        undecided: lines that nobody has decided.
        added, removed: label -> products that got or lost it, the most frequent first.
        new: labels that no product of the catalogue had before -> the name they resemble most, or None: a
            slip of the pen?
    """

    changed: int
    confirmed: int
    undecided: int
    added: Mapping[str, int]
    removed: Mapping[str, int]
    new: Mapping[str, str | None]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def apply_corrections(
    catalog: Catalog, corrections: Iterable[Correction], mode: Mode = "flat"
) -> tuple[Catalog, CorrectionReport]:
    """The same products, in the same order, with the categories that people decided on.

    Paths are kept as far as they agree with the decision: names that are not wanted leave them, wanted ones
    that are nowhere get a path of their own. Applying the same corrections again changes nothing.

    Args:
        mode: how paths become labels, see :func:`~shelfwise.catalog.labels.flatten`.

    Returns:
        The catalogue, and what the corrections changed.

    Raises:
        CatalogError: a decided product is not in the catalogue.
    """
    corrections = list(corrections)
    decided = {correction.id: correction for correction in corrections if correction.decided}
    _check_known(catalog, decided.keys())
    categories: list[Paths | None] = catalog.column("categories")
    before = {name for paths in categories for name in flatten(paths, mode)}
    homes = _homes(categories) if mode == "leaf" else {}
    added: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    changed = 0
    for row, identifier in enumerate(catalog.ids):
        correction = decided.get(identifier)
        if correction is None:
            continue
        paths = categories[row]
        current = flatten(paths, mode)
        wanted = correction.wanted(current, mode)
        # as decided already: the paths stay as they are, whatever they look like
        if wanted == current:
            continue
        categories[row] = relabelled(paths, wanted, mode, homes)
        added.update(wanted - current)
        removed.update(current - wanted)
        changed += 1
    new_labels = sorted(added.keys() - before)
    report = CorrectionReport(
        changed=changed,
        confirmed=len(decided) - changed,
        undecided=len(corrections) - len(decided),
        added=dict(added.most_common()),
        removed=dict(removed.most_common()),
        new={name: most_similar(name, before) for name in new_labels},
    )
    if not changed:
        return catalog, report
    # a product without any path has no categories
    corrected = [paths or None for paths in categories]
    return catalog.with_categories(corrected), report  # type: ignore[arg-type]


def relabelled(
    paths: Paths | None, labels: set[str], mode: Mode, homes: Homes | None = None
) -> list[list[str]]:
    """Category paths whose labels are `labels`, as like the given ones as can be.

    Args:
        labels: the wanted ones; in ``path`` mode with all that lie above them.
        homes: in ``leaf`` mode, the path for a label that has none here yet; unset: the label alone.

    >>> relabelled([["Pets", "Brids", "Food"]], {"Pets", "Birds", "Food"}, "flat")
    [['Pets', 'Food'], ['Birds']]
    >>> relabelled([["Pets", "Birds"]], {"Pets", "Pets > Cats"}, "path")
    [['Pets', 'Cats']]
    >>> relabelled([["Pets", "Birds"]], {"Pets", "Toys", "Toys > Balls"}, "path")
    [['Pets'], ['Toys', 'Balls']]
    """
    kept = [_kept_part(path, labels, mode) for path in stripped_paths(paths)]
    # paths may have become the same; the first of them stays
    distinct = {tuple(path): path for path in kept if path}
    result = list(distinct.values())
    covered = flatten(result, mode)
    # the deepest first, as a path brings all above it
    for label in sorted(labels - covered, key=_deepest_first):
        if label not in covered:
            result.append(_path_of(label, mode, homes or {}))
            covered |= flatten(result[-1:], mode)
    # by its leaf alone, a path says nothing of another
    if mode == "leaf":
        return result
    # what was cut short may be the beginning of a new path, which says the same and more
    given = stripped_paths(paths)
    return [path for path in result if path in given or not begins_another(path, result)]


def _deepest_first(label: str) -> tuple[int, str]:
    return -label.count(SEPARATOR), label


def _kept_part(path: list[str], labels: set[str], mode: Mode) -> list[str]:
    """What of a path may stay, so that all its labels are among `labels`; empty where nothing may."""
    if mode == "flat":
        return [name for name in path if name in labels]
    if mode == "leaf":
        if path and path[-1] in labels:
            return path
        return []
    # labels are paths from the root: the longest that is wanted
    depth = len(path)
    while depth and SEPARATOR.join(path[:depth]) not in labels:
        depth -= 1
    return path[:depth]


def _path_of(label: str, mode: Mode, homes: Homes) -> list[str]:
    """A path for a label that a product did not have."""
    if mode == "path":
        return label.split(SEPARATOR)
    return list(homes.get(label, [label]))


def _homes(categories: Iterable[Paths | None]) -> dict[str, tuple[str, ...]]:
    """Each last name of a path, and the path it most often ends."""
    counts: Counter[tuple[str, ...]] = Counter()
    for paths in categories:
        counts.update(tuple(path) for path in paths or () if path)
    # the most frequent comes last and overwrites the others
    rarest_first = reversed(counts.most_common())
    return {path[-1].strip(): path for path, _ in rarest_first}


def _check_known(catalog: Catalog, identifiers: Iterable[str]) -> None:
    """Raises CatalogError where a product is not in the catalogue."""
    known = set(catalog.ids)
    # most likely the corrections of another catalogue: applied in part they would seem to be done
    unknown = sorted(set(identifiers) - known)
    if not unknown:
        return
    shown = ", ".join(map(repr, unknown[:MAX_NAMED]))
    more = len(unknown) - MAX_NAMED
    if more > 0:
        shown += f" and {more} more"
    where = catalog.source or "the catalogue"
    raise CatalogError(
        f"corrected products that are not in {where}: {shown}; are these its corrections?"
    )
