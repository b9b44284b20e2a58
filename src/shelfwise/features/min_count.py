"""How many training products an n-gram of words must occur in to be known, where no setting says it."""

from __future__ import annotations

import numpy as np

from shelfwise.text.gram_counts import Grams

MIN_COUNT = 2
"""Training products, for long texts, for many products, and for n-grams of letters."""

FEW_PRODUCTS = 2_000
SHORT_TEXT = 20
"""N-grams of words of a text on average: ten words have 19, ten single ones and nine pairs."""

MANY_SINGLE = 0.25
"""Share of the n-grams of words that no other text has, from which on leaving them out costs accuracy."""


def least_products(grams: Grams) -> int:
    """How many training products an n-gram of words must occur in to be known, as all products `grams` say.

    A short text has little beside the words that no other product has. Without them the few that are left
    count for all. Long texts have enough others, and where hardly any words are single ones, nothing is lost.
    """
    # products that lack the text do not make it short
    lengths = grams.distinct[grams.distinct > 0]
    if not 0 < len(lengths) <= FEW_PRODUCTS or lengths.mean() > SHORT_TEXT:
        return MIN_COUNT
    # an n-gram of a single text has just one entry
    single = np.count_nonzero(grams.documents() == 1)
    return 1 if single >= MANY_SINGLE * len(grams.values) else MIN_COUNT
