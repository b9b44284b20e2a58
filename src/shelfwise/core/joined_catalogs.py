"""Two catalogues as one: to learn from both."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from shelfwise.core.arrow_size import concatenated
from shelfwise.core.catalog import Catalog
from shelfwise.core.image_sources import IMAGE_ROOT


def join_catalogs(first: Catalog, second: Catalog) -> Catalog:
    """The products of both; of two with one id that of `first` counts.

    A column that one of them lacks is null there. Images are looked for where each of them had its own.
    """
    known = set(first.ids)
    new = np.array([identity not in known for identity in second.ids], np.bool_)
    added = second.take(np.flatnonzero(new))
    table = concatenated([_with_root(first), _with_root(added)])
    return Catalog(table, first.root, first.source)


def _with_root(catalog: Catalog) -> pa.Table:
    """The products, each with the folder that its image lies below."""
    table = catalog.table
    if IMAGE_ROOT in table.column_names:
        return table
    roots = pa.array([str(catalog.root)] * len(catalog), pa.string())
    return table.append_column(IMAGE_ROOT, roots)
