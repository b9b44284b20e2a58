"""Decides what every product of the sample catalogue truly is, before anything is written or drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from shelfwise.catalog.sample.paints import COLORS
from shelfwise.catalog.sample.vocabulary import (
    Department,
    LeafCategory,
    ListingWords,
    SampleVocabulary,
)

T = TypeVar("T")

COPY_SHARE = 0.03
"""Share of products that are an earlier product in another colour."""


@dataclass(frozen=True)
class ProductPlan:
    """One product.

    Args:
        collection: category that only the title shows, or None.
        gift: category that only the description shows, or None.
        print: category that only the image shows, or None.
        copy_of: row of the product whose texts it repeats in its own colour, or None.
    """

    id: str
    department: Department
    leaf: LeafCategory
    brand: str
    color: str
    collection: str | None
    gift: str | None
    print: str | None
    copy_of: int | None = None


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of `options`, each as likely."""
    return options[int(rng.integers(len(options)))]


def plan_products(
    products: int, words: SampleVocabulary, rng: np.random.Generator, before: int = 0
) -> list[ProductPlan]:
    """The truth about each of N products; leaf categories are drawn by their weights.

    Args:
        before: products whose ids are taken.
    """
    leaves = [(department, leaf) for department in words.departments for leaf in department.leaf]
    # relative frequencies: they need not add up to 1
    weights = np.array([leaf.weight for _, leaf in leaves])
    # ids have gaps, as where products were delisted
    numbers = 10 * before + rng.choice(10 * products, products, replace=False)
    drawn = rng.choice(len(leaves), products, p=weights / weights.sum())
    plans: list[ProductPlan] = []
    for row in range(products):
        identity = f"S{numbers[row]:06d}"
        color = pick(rng, list(COLORS))
        # the first product has no earlier one to copy
        if row and rng.random() < COPY_SHARE:
            original = int(rng.integers(row))
            plans.append(replace(plans[original], id=identity, color=color, copy_of=original))
            continue
        department, leaf = leaves[drawn[row]]
        collection = _listed(words.collections, rng)
        gift = _listed(words.gifts, rng)
        printed = _listed(words.prints, rng)
        brand = pick(rng, department.brands)
        plans.append(
            ProductPlan(identity, department, leaf, brand, color, collection, gift, printed)
        )
    return plans


def _listed(listing: ListingWords, rng: np.random.Generator) -> str | None:
    """The category of `listing` that a product is in as well, if any."""
    return pick(rng, list(listing.cues)) if rng.random() < listing.share else None
