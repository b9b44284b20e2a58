"""Decides what every product of the sample catalogue truly is, before anything is written or drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from shelfwise.catalog.sample.images import COLORS
from shelfwise.catalog.sample.vocabulary import Department, Leaf, ListingWords, Vocabulary

T = TypeVar("T")

COPIES = 0.03
"""Share of products that are an earlier product in another colour."""


@dataclass(frozen=True)
class ProductPlan:
    """One product.

    Args:
        collection: shelf that only the title tells, or None.
        gift: shelf that only the description tells, or None.
        print: shelf that only the picture tells, or None.
        copy_of: row of the product whose texts it repeats in its own colour, or None.
    """

    id: str
    department: Department
    leaf: Leaf
    brand: str
    color: str
    collection: str | None
    gift: str | None
    print: str | None
    copy_of: int | None = None


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of `options`, each as likely."""
    return options[int(rng.integers(len(options)))]


def plan_products(products: int, words: Vocabulary, rng: np.random.Generator) -> list[ProductPlan]:
    """The truth about each of N products; leaves are drawn by their weights."""
    leaves = [(department, leaf) for department in words.departments for leaf in department.leaf]
    weights = np.array([leaf.weight for _, leaf in leaves])
    numbers = rng.choice(10 * products, products, replace=False)
    plans: list[ProductPlan] = []
    for row, (drawn, number) in enumerate(
        zip(rng.choice(len(leaves), products, p=weights / weights.sum()), numbers, strict=True)
    ):
        name, color = f"S{number:06d}", pick(rng, list(COLORS))
        if row and rng.random() < COPIES:
            original = int(rng.integers(row))
            plans.append(replace(plans[original], id=name, color=color, copy_of=original))
            continue
        department, leaf = leaves[drawn]
        collection, gift, printed = (
            _listed(listing, rng) for listing in (words.collections, words.gifts, words.prints)
        )
        plans.append(
            ProductPlan(
                name, department, leaf, pick(rng, department.brands), color, collection, gift, printed
            )
        )
    return plans


def _listed(listing: ListingWords, rng: np.random.Generator) -> str | None:
    return pick(rng, list(listing.cues)) if rng.random() < listing.share else None
