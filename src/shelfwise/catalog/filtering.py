"""Which products a model is trained on: departments, required fields, a sample (the paper, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.config import CatalogSettings
from shelfwise.core.arrow_size import one_array
from shelfwise.core.catalog import Catalog
from shelfwise.core.counted import counted_kinds
from shelfwise.core.types import Bools, Rows
from shelfwise.errors import CatalogError

WITHOUT_CATEGORIES = "test products without categories"
"""Why a product is not tested on."""


def select_products(
    catalog: Catalog,
    settings: CatalogSettings,
    seed: int,
) -> tuple[Catalog, dict[str, int]]:
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
        left_out_here = keep & ~fits
        counts[reason] = int(left_out_here.sum())
        keep &= fits
    rows = np.flatnonzero(keep)
    if not len(rows):
        raise CatalogError(_why_nothing(catalog, counts))
    if settings.sample is not None and settings.sample < len(rows):
        counts["not in the sample"] = len(rows) - settings.sample
        generator = np.random.default_rng(seed)
        # drawn in any order, kept in that of the catalogue
        rows = np.sort(generator.choice(rows, settings.sample, replace=False))
    return _rows_of(catalog, rows), _without_zeros(counts)


def usable_for_test(
    catalog: Catalog,
    known: Iterable[str] = (),
) -> tuple[Catalog, dict[str, int]]:
    """The products that can be tested on: those with categories that are no training products.

    Args:
        known: the ids of the training products.

    Returns:
        Those products, and how many were left out, by reason.

    Raises:
        CatalogError: nothing is left.
    """
    trained = set(known)
    categories = catalog.table.column("categories")
    labelled = np.asarray(categories.is_valid())
    # a product that was trained on would be too easy
    new = np.array([name not in trained for name in catalog.ids], dtype=bool)
    rows = np.flatnonzero(labelled & new)
    counts = {
        WITHOUT_CATEGORIES: int((~labelled).sum()),
        "test products that are training products": int((~new).sum()),
    }
    left_out = _without_zeros(counts)
    if not len(rows):
        raise nothing_to_test(catalog.source, left_out)
    return _rows_of(catalog, rows), left_out


def nothing_to_test(source: str, left_out: Mapping[str, int]) -> CatalogError:
    """What is raised where no product can be tested on.

    Args:
        left_out: how many products, by reason.
    """
    found = f"nothing to test on in {source}: {counted_kinds(left_out)}"
    fix = "give products with categories that are not in the training catalogue"
    return CatalogError(f"{found}; {fix}")


def _without_zeros(counts: dict[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count}


def _why_nothing(catalog: Catalog, counts: dict[str, int]) -> str:
    """Why no product is left, in words."""
    left_out = _without_zeros(counts)
    reasons = [f"{reason}: {count:,}" for reason, count in left_out.items()]
    # without a reason there were no products to begin with
    why = "; ".join(reasons) or "it is empty"
    where = catalog.source or "the catalogue"
    return f"no product of {where} is left for training ({why}); loosen departments or require"


def _rows_of(catalog: Catalog, rows: Rows) -> Catalog:
    """Some products, ascending; all of them are the same catalogue, with what it remembers."""
    if len(rows) == len(catalog):
        return catalog
    return catalog.take(rows)


def _requirements(
    catalog: Catalog,
    settings: CatalogSettings,
) -> Iterator[tuple[str, Bools]]:
    """Reasons to leave products out, in their order, each with the products (N,) that it keeps."""
    if settings.departments:
        shown = ", ".join(settings.departments)
        fits = _in_departments(catalog, settings.departments)
        yield f"in none of the departments {shown}", fits
    for name in settings.require:
        if name not in catalog:
            where = catalog.source or "the catalogue"
            columns = ", ".join(catalog.columns)
            raise CatalogError(
                f"the required field {name!r} is no column of {where}; it has: {columns}"
            )
        yield f"no {name}", catalog.has_value(name)


def _in_departments(catalog: Catalog, departments: tuple[str, ...]) -> Bools:
    """(N,) whether one of the names stands anywhere in one of the product's paths."""
    # from the flat list of all names back up: each name to its path, each path to its product
    paths = one_array(catalog.table.column("categories"))
    product_of_path = np.asarray(pc.list_parent_indices(paths))
    names = pc.list_flatten(paths)
    path_of_name = np.asarray(pc.list_parent_indices(names))
    flat = pc.list_flatten(names)
    is_wanted = pc.is_in(flat, value_set=pa.array(departments, flat.type))
    hits = np.asarray(is_wanted, dtype=bool)
    paths_hit = path_of_name[hits]
    fits = np.zeros(len(catalog), dtype=bool)
    fits[product_of_path[paths_hit]] = True
    return fits
