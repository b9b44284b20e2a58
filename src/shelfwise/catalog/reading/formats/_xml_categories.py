"""Categories that a feed lists once, with a number each, and that its records name by their numbers.

Feeds of Yandex Market do: ``<category id="2" parentId="1">Mugs</category>`` stands once, and each record has
``<categoryId>2</categoryId>``.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

_NUMBER = "categoryId"


class ListedCategories:
    """The categories of a feed, filled while it is read: they stand in front of the records."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._above: dict[str, str] = {}

    def add(self, element: Element) -> None:
        """Remember a category; other elements are passed over."""
        number = element.get("id")
        if number is None or not element.tag.lower().endswith("category"):
            return
        self._names[number] = (element.text or "").strip()
        above = element.get("parentId") or element.get("parentid")
        if above is not None:
            self._above[number] = above

    def resolve(self, fields: dict[str, Any]) -> None:
        """Give a record the paths of the categories that it names by their numbers."""
        if _NUMBER not in fields or "categories" in fields:
            return
        numbers = fields[_NUMBER]
        numbers = numbers if isinstance(numbers, list) else [numbers]
        texts = [number for number in numbers if isinstance(number, str)]
        paths = [self._path(number) for number in texts if number in self._names]
        if paths:
            fields["categories"] = paths

    def _path(self, number: str) -> list[str]:
        """The names from the root down to one category."""
        path: list[str] = []
        # a category may, by mistake, stand above itself
        seen: set[str] = set()
        while number in self._names and number not in seen:
            seen.add(number)
            path.insert(0, self._names[number])
            number = self._above.get(number, "")
        return path
