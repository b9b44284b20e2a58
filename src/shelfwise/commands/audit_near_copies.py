"""Near-copies with different categories: either somebody erred, or they are not the same product.

Dimensions: N products.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from shelfwise.catalog.labels import Mode, flatten
from shelfwise.catalog.near_copies import most_sharing
from shelfwise.catalog.similar_texts import similar_groups
from shelfwise.core.catalog import Catalog

SURELY_SIMILAR = 0.7
"""The share of word pairs that near-copies have in common here.

The split keeps half as many together, to be on the safe side; of products that are shown to people, nearly
all should be copies.
"""

Group = dict[str, Any]


def disagreeing_copies(catalog: Catalog, mode: Mode) -> list[Group]:
    """The groups of near-copies whose products have different labels, the largest first.

    Returns:
        Of each group ``labels``, which all its products have, and its ``products``: ``id``, ``title``, the
        further labels as ``other_labels``, and whether it ``differs_from_most`` of its group.

    Raises:
        PluginError: the extra ``copies`` is not installed.
    """
    columns = [catalog.table.column("title"), catalog.table.column("description")]
    groups = similar_groups(columns, most_sharing(len(catalog)), SURELY_SIMILAR)
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
            found.append(_described(known, labels))
    return sorted(found, key=lambda group: -len(group["products"]))


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
