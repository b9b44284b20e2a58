"""Categories that a catalogue has in several columns: levels of a path, labels, or columns of 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shelfwise.catalog.reading.categories.category_columns import (
    CategoryColumns,
    column_text,
    is_on,
)
from shelfwise.catalog.reading.categories.category_text import read_name
from shelfwise.errors import CatalogError
from shelfwise.review.exports.new_categories import CategoryWriting, NewCategories


def several_columns(columns: CategoryColumns) -> CategoryWriting:
    """How categories are written into these columns."""
    if columns.kind == "indicators":
        return _Indicators(columns.labels)
    kinds: dict[str, type[_Levels | _Labels | _Paths]] = {
        "levels": _Levels,
        "labels": _Labels,
        "paths": _Paths,
        "growing": _Paths,
    }
    return kinds[columns.kind](columns.names)


def _name(value: Any) -> str:
    """What the reader makes of a value; empty where it is missing."""
    return read_name(column_text(value))


class _Filled:
    """Columns of texts, of which some are empty."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        # what the file has where there is nothing: an empty text, null, a dash
        self.blank: Any = None
        self._knows_blank = False

    def look_at(self, values: Sequence[Any]) -> None:
        """Note how the file says that there is nothing."""
        blanks = [value for value in values if not _name(value)]
        if blanks and not self._knows_blank:
            self._knows_blank = True
            self.blank = blanks[0]

    @property
    def told(self) -> str:
        """How many columns there are, and which."""
        return f"its {len(self.names)} columns {', '.join(self.names)}"


class _Levels(_Filled):
    """One path, a level in each column."""

    def written(self, new: NewCategories, values: Sequence[Any]) -> Sequence[Any]:
        """The path, and nothing below it.

        Raises:
            CatalogError: there are several paths, or there are too few columns.
        """
        if len(new.paths) > 1:
            paths = " and ".join(" > ".join(path) for path in new.paths)
            raise CatalogError(
                f"product {new.identity!r} is to have {paths}; {self.told} hold one path"
            )
        path = new.paths[0] if new.paths else []
        if len(path) > len(values):
            raise CatalogError(
                f"product {new.identity!r} is to have {' > '.join(path)}, a path of {len(path)} levels; "
                f"{self.told} do not hold them"
            )
        names = list(map(_name, values))
        # an empty level between others is none of the path's
        if [name for name in names if name] == path:
            return values
        written = []
        for place, value in enumerate(values):
            wanted = path[place] if place < len(path) else ""
            # a level that stays keeps its blanks and signs
            written.append(value if wanted == names[place] else wanted or self.blank)
        return written


class _Labels(_Filled):
    """A label in each column."""

    def written(self, new: NewCategories, values: Sequence[Any]) -> Sequence[Any]:
        """Each label where it stood, and new ones where there is nothing.

        Raises:
            CatalogError: there are more labels than columns.
        """
        # labels that stay keep their columns: a row without a change is written as it was
        written = [value if _name(value) in new.labels else self.blank for value in values]
        free = [place for place, value in enumerate(written) if not _name(value)]
        added = sorted(new.labels - set(map(_name, values)))
        if len(added) > len(free):
            raise CatalogError(
                f"product {new.identity!r} is to have {len(new.labels)} categories; {self.told} do not hold "
                "them"
            )
        for place, label in zip(free, added, strict=False):
            written[place] = label
        return written


class _Paths(_Filled):
    """A written path in each column."""

    def written(self, new: NewCategories, values: Sequence[Any]) -> Sequence[Any]:
        """Nothing: how a path is to be written into several columns has many answers.

        Raises:
            CatalogError: always.
        """
        raise CatalogError(
            f"product {new.identity!r}: {self.told} hold whole paths, which are not written back; export the "
            "decisions as a list instead"
        )


class _Indicators:
    """A column of 0 and 1 for each label."""

    def __init__(self, names: Sequence[str]) -> None:
        self._labels = list(map(read_name, names))
        # how each column says yes and no
        self._yes: dict[int, Any] = {}
        self._no: dict[int, Any] = {}

    def look_at(self, values: Sequence[Any]) -> None:
        """Note how each column says that a product has its label, and that it has not."""
        for place, value in enumerate(values):
            ways = self._yes if is_on(column_text(value)) else self._no
            ways.setdefault(place, value)

    def written(self, new: NewCategories, values: Sequence[Any]) -> Sequence[Any]:
        """Yes in the columns of the labels, no in the others.

        Raises:
            CatalogError: a label has no column.
        """
        unknown = sorted(new.labels - set(self._labels))
        if unknown:
            raise CatalogError(
                f"product {new.identity!r} is to have {unknown[0]!r}, and no column of 0 and 1 is called so"
            )
        written = []
        for place, value in enumerate(values):
            wanted = self._labels[place] in new.labels
            is_kept = is_on(column_text(value)) == wanted
            ways = self._yes if wanted else self._no
            # a column is one of labels only where both were seen
            written.append(value if is_kept else ways[place])
        return written
