"""Categories that a file lists once, by their ids: what each is called, and which one stands above it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Id = TypeVar("Id", bound=Hashable)


class CategoryIndex(Generic[Id]):
    """Names of categories by their ids.

    >>> index = CategoryIndex[str]()
    >>> index.add("1", "Home"); index.add("2", "Mugs", above="1")
    >>> index.path("2"), index.path("3")
    (['Home', 'Mugs'], [])
    """

    def __init__(self) -> None:
        self._names: dict[Id, str] = {}
        self._above: dict[Id, Id] = {}

    def __contains__(self, identity: object) -> bool:
        return identity in self._names

    def __bool__(self) -> bool:
        return bool(self._names)

    def add(self, identity: Id, name: str, above: Id | None = None) -> None:
        """Enter a category.

        Args:
            above: the id of the one above it, which may come later, or never.
        """
        self._names[identity] = name
        if above is not None:
            self._above[identity] = above

    def path(self, identity: Id) -> list[str]:
        """The names from the root down to one category; none of a category that is not listed."""
        path: list[str] = []
        # a category may, by mistake, stand above itself
        seen: set[Id] = set()
        above: Id | None = identity
        while above is not None and above in self._names and above not in seen:
            seen.add(above)
            path.insert(0, self._names[above])
            above = self._above.get(above)
        return path
