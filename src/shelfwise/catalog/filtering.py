"""Which products a model is trained on: departments, required fields, a uniform sample (the paper, section 3)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.errors import CatalogError


def select_products(catalog: Catalog, settings: CatalogSettings, seed: int) -> tuple[Catalog, dict[str, int]]:
    """The products that `settings` keeps, in their old order, and how many were left out for which reason.

    The paper's order: departments, then required fields, then a uniform sample without replacement. A product counts under the
    first reason that leaves it out, so ``len(kept) + sum(counts.values()) == len(catalog)``. Reasons that leave nothing out are
    not listed.

    Raises:
        CatalogError: a required field is no column of the catalogue, or nothing is left.

    >>> shelf = Catalog.from_records([{"id": "1", "title": "Mug"}, {"id": "2"}])
    >>> kept, left_out = select_products(shelf, CatalogSettings(require=("title",)), seed=0)
    >>> kept.ids, left_out
    (['1'], {'no title': 1})
    """
    keep = np.ones(len(catalog), dtype=bool)
    counts: dict[str, int] = {}

    def leave_out(reason: str, fits: NDArray[np.bool_]) -> None:
        if lost := int((keep & ~fits).sum()):
            counts[reason] = lost
        keep[:] &= fits

    if settings.departments:
        leave_out(
            "in none of the departments " + ", ".join(settings.departments),
            _in_departments(catalog, settings.departments),
        )
    for name in settings.require:
        leave_out(f"no {name}", _has(catalog, name))
    if not keep.any():
        why = "; ".join(f"{reason}: {n:,}" for reason, n in counts.items()) or "it is empty"
        raise CatalogError(
            f"no product of {catalog.source or 'the catalogue'} is left to learn from ({why}); loosen departments or require"
        )
    if settings.sample is not None and settings.sample < keep.sum():
        drawn = np.random.default_rng(seed).choice(np.flatnonzero(keep), settings.sample, replace=False)
        chosen = np.zeros(len(catalog), dtype=bool)
        chosen[drawn] = True
        leave_out("not in the sample", chosen)
    return (catalog if keep.all() else catalog.take(np.flatnonzero(keep))), counts


def _has(catalog: Catalog, name: str) -> NDArray[np.bool_]:
    """(N,) whether the product has the field: neither null, nor an empty text or list."""
    if name not in catalog:
        raise CatalogError(
            f"the required field {name!r} is no column of {catalog.source or 'the catalogue'}; it has: {_names(catalog)}"
        )
    column = catalog.table.column(name)
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_map(kind):
        pairs = (
            pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
            if pa.types.is_map(kind)
            else kind
        )
        column = pc.list_value_length(column.cast(pairs))
    elif pa.types.is_string(kind):
        column = pc.utf8_length(column)
    else:
        return np.asarray(column.is_valid(), dtype=bool)
    return np.asarray(pc.fill_null(pc.greater(column, 0), False), dtype=bool)


def _in_departments(catalog: Catalog, departments: tuple[str, ...]) -> NDArray[np.bool_]:
    """(N,) whether one of the names stands anywhere in one of the product's paths."""
    paths = catalog.table.column("categories").combine_chunks()
    product_of_path = np.asarray(pc.list_parent_indices(paths))
    levels = pc.list_flatten(paths)
    path_of_name = np.asarray(pc.list_parent_indices(levels))
    hit = np.asarray(
        pc.is_in(pc.list_flatten(levels), value_set=pa.array(departments, pa.string())), dtype=bool
    )
    fits = np.zeros(len(catalog), dtype=bool)
    fits[product_of_path[path_of_name[hit]]] = True
    return fits


def _names(catalog: Catalog) -> str:
    return ", ".join(catalog.table.column_names)


def usable_for_test(catalog: Catalog, known: Iterable[str] = ()) -> tuple[Catalog, dict[str, int]]:
    """The products that can be tested on: with categories, and not among the `known` ids that were learnt from.

    Returns:
        Those products, and how many were left out, by reason.

    Raises:
        CatalogError: nothing is left.
    """
    learnt = set(known)
    labelled = [categories is not None for categories in catalog.column("categories")]
    new = [name not in learnt for name in catalog.ids]
    keep = np.flatnonzero(np.array(labelled) & np.array(new))
    left_out = {
        "test products without categories": labelled.count(False),
        "test products that were learnt from": new.count(False),
    }
    left_out = {reason: count for reason, count in left_out.items() if count}
    if not len(keep):
        raise CatalogError(
            f"nothing to test on in {catalog.source}: {left_out}; give products with categories that are not in the training catalogue"
        )
    return (catalog if len(keep) == len(catalog) else catalog.take(keep)), left_out
