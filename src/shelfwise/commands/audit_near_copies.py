"""Near-copies with different categories: either somebody erred, or they are not the same product.

Dimensions: N products.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shelfwise.catalog.labels import Mode, flatten
from shelfwise.catalog.near_copies import joined_groups, most_sharing
from shelfwise.catalog.similar_texts import similar_groups
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Rows
from shelfwise.errors import PluginError
from shelfwise.vision.picture_copies import picture_copies

SURELY_SIMILAR = 0.7
"""The share of word pairs that near-copies have in common here.

The split keeps half as many together, to be on the safe side; of products that are shown to people, nearly
all should be copies.
"""

SURELY_SHARED_WORDS = 0.5
"""The same of titles, where the pictures are nearly the same: the split asks for three tenths."""

Group = dict[str, Any]


@dataclass(frozen=True)
class DisagreeingCopies:
    """Near-copies whose labels differ.

    Args:
        groups: the largest first. Of each ``labels``, which all its products have, ``copies_by``, which is
            ``texts``, ``pictures`` or both, and its ``products``: ``id``, ``title``, the further labels as
            ``other_labels``, and whether it ``differs_from_most`` of its group.
        notes: sentences on what was not compared.
    """

    groups: list[Group]
    notes: list[str]


def disagreeing_copies(catalog: Catalog, mode: Mode, context: Context) -> DisagreeingCopies:
    """The groups of near-copies, by texts or by pictures, whose products have different labels.

    What is compared by a library that is not installed is left out, and a note says so.
    """
    bonds, notes = _bonds(catalog, context)
    if not bonds:
        return DisagreeingCopies([], notes)
    groups = joined_groups(list(bonds.values()))
    members: dict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(groups.tolist()):
        members[group].append(row)
    # once: a catalogue makes a list of a whole column whenever it is asked for it
    ids = catalog.ids
    titles = catalog.column("title")
    categories = catalog.column("categories")
    found = []
    for rows in members.values():
        labels = [frozenset(flatten(categories[row], mode)) for row in rows]
        if len(set(labels)) > 1:
            known = [(ids[row], titles[row]) for row in rows]
            # a group may have been joined by texts, by pictures, or by both
            by = [name for name, bond in bonds.items() if _binds(bond, rows)]
            found.append({"copies_by": by, **_described(known, labels)})
    return DisagreeingCopies(sorted(found, key=lambda group: -len(group["products"])), notes)


def _bonds(catalog: Catalog, context: Context) -> tuple[dict[str, Rows], list[str]]:
    """(N,) groups by texts and by pictures, and notes on what was not compared."""
    bonds: dict[str, Rows] = {}
    notes: list[str] = []
    # the audit of single products needs none of these libraries
    try:
        columns = [catalog.table.column("title"), catalog.table.column("description")]
        bonds["texts"] = similar_groups(columns, most_sharing(len(catalog)), SURELY_SIMILAR)
    except PluginError as error:
        notes.append(f"near-copies were not looked for by their texts: {error}")
    try:
        pictures = picture_copies(catalog, context, SURELY_SHARED_WORDS)
        bonds["pictures"] = pictures.groups
        notes.extend(pictures.notes)
    except PluginError as error:
        notes.append(f"near-copies were not looked for by their pictures: {error}")
    return bonds, notes


def _binds(bond: Rows, rows: list[int]) -> bool:
    """Whether it binds any two of these products."""
    return len(set(bond[rows].tolist())) < len(rows)


def _described(known: Sequence[tuple[str, str | None]], labels: Sequence[frozenset[str]]) -> Group:
    """One group.

    Args:
        known: (id, title) of each product.
        labels: of each product.
    """
    shared = frozenset.intersection(*labels)
    commonest, count = Counter(labels).most_common(1)[0]
    # of two that differ nobody knows which is right
    has_majority = 2 * count > len(labels)
    products = []
    for (identity, title), own in zip(known, labels, strict=True):
        products.append(
            {
                "id": identity,
                "title": title,
                "other_labels": sorted(own - shared),
                "differs_from_most": has_majority and own != commonest,
            }
        )
    return {"labels": sorted(shared), "products": products}
