"""The training products most like new ones, with what could not be used of these."""

from __future__ import annotations

from typing import Any

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.model.field_use import field_uses
from shelfwise.model.model import Model
from shelfwise.model.nearest_neighbours import Neighbours


def similar_products(
    model: Model, index: Neighbours, catalog: Catalog, k: int, context: Context
) -> list[tuple[list[dict[str, Any]], tuple[str, ...]]]:
    """The k products of `index` nearest to each of N products, and sentences on what was not used of it.

    Raises:
        PluginError: faiss is not installed.
        ConfigError: `k` is below 1.
    """
    predicted = model.predict_members(catalog, context)
    similarities, rows = index.nearest(predicted.features, k)
    neighbours = index.describe_all(similarities, rows, model.labels.names)
    known = predicted.known_by(model.config)
    uses = field_uses(model.fields, catalog, predicted.refused, known)
    return list(zip(neighbours, (use.warnings for use in uses), strict=True))
