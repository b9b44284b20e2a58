"""The kinds of change to a taxonomy: categories are renamed, merged, split, moved or removed.

What a change takes is named as it was before, what it gives as it will be. A category is a whole path
("Pets > Birds") in ``path`` mode, and a name in ``flat`` mode; see :mod:`shelfwise.taxonomy.migration`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shelfwise.catalog.labels import SEPARATOR

Kind = Literal["rename", "merge", "split", "move", "remove"]


def split_levels(name: str) -> list[str]:
    """The names of a path label, from the root down.

    >>> split_levels("Pets > Birds")
    ['Pets', 'Birds']
    """
    return [level.strip() for level in name.split(SEPARATOR) if level.strip()]


def prefixes(levels: Sequence[str]) -> list[str]:
    """The path labels from the root down to the path itself.

    >>> prefixes(["Pets", "Birds"])
    ['Pets', 'Pets > Birds']
    """
    return list(accumulate(levels, lambda above, name: above + SEPARATOR + name))


def _with_single_blanks(name: str) -> str:
    return SEPARATOR.join(split_levels(name))


NameOrTop = Annotated[str, AfterValidator(_with_single_blanks)]
"""A category, or "" for what lies above all categories."""

CategoryName = Annotated[NameOrTop, Field(min_length=1)]
CategoryNames = Annotated[tuple[CategoryName, ...], Field(min_length=2)]


class Change(BaseModel):
    """One change: the categories it takes, and those it gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[Kind]

    @property
    def takes(self) -> tuple[str, ...]:
        """Categories as they were called before."""
        # a change's file entry names them under its own kind: rename = "Mugs"
        taken = getattr(self, self.kind)
        return (taken,) if isinstance(taken, str) else tuple(taken)

    @property
    def gives(self) -> tuple[str, ...]:
        """What they become; nothing where they are removed."""
        return ()

    def __str__(self) -> str:
        text = f"{self.kind} {', '.join(self.takes)}"
        return f"{text} -> {', '.join(self.gives)}" if self.gives else text


class Rename(Change):
    """``rename = "Pets > Birds", to = "Pets > Bird Supplies"``: the same category under another name.

    A name that is in use already merges the two categories.
    """

    kind = "rename"
    rename: CategoryName
    to: CategoryName

    @property
    def gives(self) -> tuple[str, ...]:
        """The new name."""
        return (self.to,)


class Merge(Change):
    """``merge = ["Mugs", "Cups"], into = "Cups and mugs"``."""

    kind = "merge"
    merge: CategoryNames
    into: CategoryName

    @property
    def gives(self) -> tuple[str, ...]:
        """The one category that all become."""
        return (self.into,)


class Split(Change):
    """``split = "Lamps", into = ["Table lamps", "Floor lamps"]``: nobody knows which product goes where.

    Categories below the split one go too, unless changes of their own take them elsewhere.
    """

    kind = "split"
    split: CategoryName
    into: CategoryNames

    @property
    def gives(self) -> tuple[str, ...]:
        """The parts."""
        return self.into


class Move(Change):
    """``move = "Pets > Birds", under = "Garden"``: the same last name elsewhere; ``under = ""`` is the top.

    In ``flat`` mode `under` is the whole new path to it, and replaces what stood before the name.
    """

    kind = "move"
    move: CategoryName
    under: NameOrTop

    @property
    def gives(self) -> tuple[str, ...]:
        """The new path; of a flat name, too."""
        last_name = self.move.rpartition(SEPARATOR)[2]
        # at the top there is nothing to put before it
        path = self.under + SEPARATOR + last_name if self.under else last_name
        return (path,)


class Remove(Change):
    """``remove = "Pets > Birds"``: products stay with what lies above.

    In ``path`` mode what lies below goes too.
    """

    kind = "remove"
    remove: CategoryName


KINDS: Mapping[str, type[Change]] = {
    "rename": Rename,
    "merge": Merge,
    "split": Split,
    "move": Move,
    "remove": Remove,
}
"""The five changes, by the key that names them in a file."""
