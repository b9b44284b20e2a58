"""Which fields of a product a predictor could use, and which it does without.

Dimensions: N products, F fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, RejectedField


@dataclass(frozen=True)
class FieldUse:
    """What the scores of one product rest on.

    Args:
        used: fields that the final system reads and the product has, or by which other products name it.
        missing: fields that the final system reads and the product lacks, or that were rejected.
        rejected: fields that are there and could not be used.
        warnings: sentences on what the scores do without.
    """

    used: tuple[str, ...]
    missing: tuple[str, ...]
    rejected: tuple[RejectedField, ...]
    warnings: tuple[str, ...]


def field_uses(
    fields: Sequence[str],
    catalog: Catalog,
    refused: Sequence[RejectedField],
    known: Mapping[str, Bools],
) -> Iterator[FieldUse]:
    """What was used of each of N products.

    Args:
        fields: the F columns that the final system reads.
        refused: the fields of these products that could not be used.
        known: by field, which products (N,) a member knows by it. Other products may name one in theirs.
    """
    there = (catalog.has_value(name) | known.get(name, False) for name in fields)
    has_values = np.stack(list(there), axis=1)  # (N, F)
    # rejected fields name the product by its id
    by_product: dict[str, list[RejectedField]] = {}
    for one in refused:
        by_product.setdefault(one.id, []).append(one)
    # most products have one of a few sets of fields, all of them usable
    uses: dict[tuple[bool, ...], FieldUse] = {}
    for identity, has_value in zip(catalog.ids, map(tuple, has_values.tolist()), strict=True):
        if identity in by_product:
            yield _field_use(fields, has_value, by_product[identity])
            continue
        if has_value not in uses:
            uses[has_value] = _field_use(fields, has_value, ())
        yield uses[has_value]


def _field_use(
    fields: Sequence[str], has_value: Sequence[bool], rejected: Sequence[RejectedField]
) -> FieldUse:
    """What was used of a product with values in some of the `fields`."""
    unusable = {one.field for one in rejected}
    used: list[str] = []
    missing: list[str] = []
    for name, there in zip(fields, has_value, strict=True):
        # a rejected field is there, but nothing of it counts
        names = used if there and name not in unusable else missing
        names.append(name)
    warnings = [f"the {one.field} was not used: {one.reason}" for one in rejected]
    if not used:
        warnings.append(
            f"the product has none of the fields that the model reads: {', '.join(fields)}"
        )
    return FieldUse(tuple(used), tuple(missing), tuple(rejected), tuple(warnings))
