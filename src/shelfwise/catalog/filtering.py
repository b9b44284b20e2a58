"""Which products a model is trained on: departments, required fields, a uniform sample (the paper, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools
from shelfwise.errors import CatalogError


def select_products(catalog: Catalog, settings: CatalogSettings, seed: int) -> tuple[Catalog, dict[str, int]]:
    """The products that `settings` keeps, in their old order, and how many were left out for which reason.

    The paper's order: departments, then required fields, then a uniform sample without replacement. A product
    counts under the first reason that leaves it out, so ``len(kept) + sum(counts.values()) == len(catalog)``.
    Reasons that leave nothing out are not listed.

    Raises:
        CatalogError: a required field is no column of the catalogue, or nothing is left.

    >>> shelf = Catalog.from_records([{"id": "1", "title": "Mug"}, {"id": "2"}])
    >>> kept, left_out = select_products(shelf, CatalogSettings(require=("title",)), seed=0)
    >>> kept.ids, left_out
    (['1'], {'no title': 1})
    """
    keep = np.ones(len(catalog), dtype=bool)
    counts: dict[str, int] = {}
    for reason, fits in _requirements(catalog, settings):
        # a product that an earlier reason left out counts there only
        counts[reason] = int((keep & ~fits).sum())
        keep &= fits
    if not keep.any():
        why = "; ".join(f"{reason}: {count:,}" for reason, count in counts.items() if count) or "it is empty"
        raise CatalogError(
            f"no product of {catalog.source or 'the catalogue'} is left for training ({why}); "
            "loosen departments or require"
        )
    if settings.sample is not None and settings.sample < keep.sum():
        drawn = np.random.default_rng(seed).choice(np.flatnonzero(keep), settings.sample, replace=False)
        counts["not in the sample"] = int(keep.sum()) - len(drawn)
        keep[:] = False
        keep[drawn] = True
    kept = catalog if keep.all() else catalog.take(np.flatnonzero(keep))
    return kept, {reason: count for reason, count in counts.items() if count}


def usable_for_test(catalog: Catalog, known: Iterable[str] = ()) -> tuple[Catalog, dict[str, int]]:
    """The products that can be tested on: with categories, and not among the `known` ids of training products.

    Returns:
        Those products, and how many were left out, by reason.

    Raises:
        CatalogError: nothing is left.
    """
    trained = set(known)
    labelled = np.array([categories is not None for categories in catalog.column("categories")], dtype=bool)
    new = np.array([name not in trained for name in catalog.ids], dtype=bool)
    keep = np.flatnonzero(labelled & new)
    counts = {
        "test products without categories": int((~labelled).sum()),
        "test products that are training products": int((~new).sum()),
    }
    left_out = {reason: count for reason, count in counts.items() if count}
    if not len(keep):
        fix = "give products with categories that are not in the training catalogue"
        raise CatalogError(f"nothing to test on in {catalog.source}: {left_out}; {fix}")
    return (catalog if len(keep) == len(catalog) else catalog.take(keep)), left_out


def _requirements(catalog: Catalog, settings: CatalogSettings) -> Iterator[tuple[str, Bools]]:
    """Reasons to leave products out, in their order, each with the products (N,) that it does not leave out."""
    if settings.departments:
        shown = ", ".join(settings.departments)
        yield f"in none of the departments {shown}", _in_departments(catalog, settings.departments)
    for name in settings.require:
        if name not in catalog:
            where = catalog.source or "the catalogue"
            columns = ", ".join(catalog.table.column_names)
            raise CatalogError(f"the required field {name!r} is no column of {where}; it has: {columns}")
        yield f"no {name}", catalog.has_value(name)


def _in_departments(catalog: Catalog, departments: tuple[str, ...]) -> Bools:
    """(N,) whether one of the names stands anywhere in one of the product's paths."""
    # from the flat list of all names back up: each name to its path, each path to its product
    paths = catalog.table.column("categories").combine_chunks()
    product_of_path = np.asarray(pc.list_parent_indices(paths))
    names = pc.list_flatten(paths)
    path_of_name = np.asarray(pc.list_parent_indices(names))
    wanted = pa.array(departments, pa.string())
    hits = np.asarray(pc.is_in(pc.list_flatten(names), value_set=wanted), dtype=bool)
    fits = np.zeros(len(catalog), dtype=bool)
    fits[product_of_path[path_of_name[hits]]] = True
    return fits
