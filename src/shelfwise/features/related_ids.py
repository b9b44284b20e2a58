"""The ids of related products as sparse counts, like the n-grams of a text."""

from __future__ import annotations

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.features.co_purchase import relation_lists
from shelfwise.text.gram_counts import Grams


def related_ids(catalog: Catalog, field: str = "related") -> Grams:
    """The ids that each product lists, and its own: what is bought with one product is bought with both.

    Raises:
        ConfigError: the field is no map from relations to ids.
    """
    lists = relation_lists(catalog, field, ())
    rows, listed = lists.pairs(np.arange(len(catalog)))
    # a product's own id counts only where it lists any other; otherwise nothing is known of it
    listing_rows = np.unique(rows)
    ids = np.concatenate([listed, lists.keys[listing_rows]])
    all_rows = np.concatenate([rows, listing_rows])
    # an id that is listed twice is counted twice
    return Grams.counted(all_rows, ids, len(catalog))
