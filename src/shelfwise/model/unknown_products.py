"""What is said of products of which no member knows anything."""

from __future__ import annotations

from collections.abc import Sequence

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import RejectedField, Rows

UNKNOWN_WORDS = "the model knows none of its words"

ALONE = "the model knows nothing else of the product"


def unknown_fields(
    catalog: Catalog, rows: Rows, fields: Sequence[str], refused: Sequence[RejectedField]
) -> list[RejectedField]:
    """The fields of the products `rows`, of which no member knows anything.

    Args:
        refused: fields that are left out already, for a reason of their own.
    """
    # the usual case, in which nothing of the catalogue is asked for
    if not len(rows):
        return []
    already = {(one.id, one.field) for one in refused}
    # once: a catalogue makes the list of all its ids whenever it is asked for them
    ids = catalog.ids
    found = []
    for name in fields:
        # a price has no words to know
        reason = ALONE if name == "price" else UNKNOWN_WORDS
        has_value = catalog.has_value(name)
        for row in rows[has_value[rows]]:
            identity = ids[row]
            if (identity, name) not in already:
                found.append(RejectedField(identity, name, reason))
    return found
