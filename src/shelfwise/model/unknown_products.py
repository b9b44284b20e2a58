"""What is said of products of which no member knows anything."""

from __future__ import annotations

from collections.abc import Sequence

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import RejectedField, Rows


def unknown_fields(
    catalog: Catalog, rows: Rows, fields: Sequence[str], refused: Sequence[RejectedField]
) -> list[RejectedField]:
    """The fields of the products `rows`, of which no member knows anything.

    Args:
        refused: fields that are left out already, for a reason of their own.
    """
    already = {(one.id, one.field) for one in refused}
    found = []
    for name in fields:
        has_value = catalog.has_value(name)
        for row in rows[has_value[rows]]:
            identity = catalog.ids[row]
            if (identity, name) not in already:
                found.append(RejectedField(identity, name, "the model knows none of its words"))
    return found
