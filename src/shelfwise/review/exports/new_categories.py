"""The decided categories of one product, and what a way of writing them must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class NewCategories:
    """What a product is to have.

    Args:
        identity: its id, for errors.
        labels: its labels.
        paths: category paths with these labels, as like the old ones as can be.
    """

    identity: Any
    labels: frozenset[str]
    paths: list[list[str]]


class CategoryWriting(Protocol):
    """How one catalogue writes categories, in one column or in several."""

    def look_at(self, values: Sequence[Any]) -> None:
        """Learn from a product of the catalogue, before anything is written.

        Args:
            values: one a column, as the file has them.
        """

    def written(self, new: NewCategories, values: Sequence[Any]) -> Sequence[Any]:
        """The values of a product with other categories, written as its `values` are.

        Raises:
            CatalogError: the columns cannot hold the categories.
        """
