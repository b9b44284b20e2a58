"""Changes of a taxonomy: renamed, merged, split, moved and removed categories, and what becomes of paths and labels.

All changes of a migration happen at once: what a change takes is named as it was before, what it gives as it will be. So their order
does not matter, two categories may swap names, and of several changes that meet a path the most specific one counts.

In ``path`` mode a category is a whole path ("Pets > Birds") and a change takes along what lies below it. In ``flat`` mode it is a name,
wherever in a path it stands (models with ``flat`` or ``leaf`` labels).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shelfwise.catalog.labels import SEPARATOR
from shelfwise.config import describe
from shelfwise.errors import TaxonomyError

Kind = Literal["rename", "merge", "split", "move", "remove"]


def split_levels(name: str) -> list[str]:
    """The names of a path label, from the root down.

    >>> split_levels("Pets > Birds")
    ['Pets', 'Birds']
    """
    return [level.strip() for level in name.split(SEPARATOR) if level.strip()]


Place = Annotated[str, AfterValidator(lambda name: SEPARATOR.join(split_levels(name)))]
Name = Annotated[Place, Field(min_length=1)]
Several = Annotated[tuple[Name, ...], Field(min_length=2)]


class Change(BaseModel):
    """One change: the categories it takes, and those it gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[Kind]

    @property
    def takes(self) -> tuple[str, ...]:
        """Categories as they were called before."""
        taken = getattr(self, self.kind)
        return (taken,) if isinstance(taken, str) else tuple(taken)

    @property
    def gives(self) -> tuple[str, ...]:
        """What they become; nothing where they are removed."""
        return ()

    def __str__(self) -> str:
        given = f" -> {', '.join(self.gives)}" if self.gives else ""
        return f"{self.kind} {', '.join(self.takes)}{given}"


class Rename(Change):
    """``rename = "Pets > Birds", to = "Pets > Bird Supplies"``: the same category under another name; a known name joins the two."""

    kind = "rename"
    rename: Name
    to: Name

    @property
    def gives(self) -> tuple[str, ...]:
        """The new name."""
        return (self.to,)


class Merge(Change):
    """``merge = ["Mugs", "Cups"], into = "Cups and mugs"``."""

    kind = "merge"
    merge: Several
    into: Name

    @property
    def gives(self) -> tuple[str, ...]:
        """The one category that all become."""
        return (self.into,)


class Split(Change):
    """``split = "Lamps", into = ["Table lamps", "Floor lamps"]``: nobody knows which product goes where.

    Categories below the split one go too, unless changes of their own take them elsewhere.
    """

    kind = "split"
    split: Name
    into: Several

    @property
    def gives(self) -> tuple[str, ...]:
        """The parts."""
        return self.into


class Move(Change):
    """``move = "Pets > Birds", under = "Garden"``: the same last name elsewhere; ``under = ""`` is the top.

    In ``flat`` mode `under` is the whole new path to it, and replaces what stood before the name.
    """

    kind = "move"
    move: Name
    under: Place

    @property
    def gives(self) -> tuple[str, ...]:
        """The new path; of a flat name, too."""
        last = self.move.rpartition(SEPARATOR)[2]
        return (self.under + SEPARATOR + last if self.under else last,)


class Remove(Change):
    """``remove = "Pets > Birds"``: products stay with what lies above; in ``path`` mode what lies below goes too."""

    kind = "remove"
    remove: Name


VERBS: Mapping[str, type[Change]] = {c.kind: c for c in (Rename, Merge, Split, Move, Remove)}


@dataclass(frozen=True)
class MigratedPaths:
    """What becomes of one product's paths.

    Args:
        paths: the new ones, in their order, each once.
        changes: places of the changes that met them.
        undecided: the parts of split categories, of which a person has to choose.
    """

    paths: list[list[str]]
    changes: frozenset[int]
    undecided: tuple[str, ...]


@dataclass(frozen=True)
class Migration:
    """Changes that happen at once; see the module.

    Raises:
        TaxonomyError: two changes take the same category, or a flat name is written as a path.
    """

    changes: tuple[Change, ...]
    mode: Literal["flat", "path"] = "flat"

    def __post_init__(self) -> None:
        taken = [name for change in self.changes for name in change.takes]
        if len(set(taken)) < len(taken):
            twice = next(name for name in taken if taken.count(name) > 1)
            raise TaxonomyError(
                f"two changes take {twice!r}; all changes happen at once, so expected one change a category"
            )
        named = [name for c in self.changes for name in (*c.takes, *(() if isinstance(c, Move) else c.gives))]
        if self.mode == "flat" and (paths := [name for name in named if SEPARATOR in name]):
            raise TaxonomyError(
                f"{paths[0]!r} is a path, but the migration is in flat mode; write its last name, or set mode = 'path'"
            )

    @classmethod
    def load(cls, path: Path | str) -> Migration:
        """Read a TOML file: ``mode = "path"`` or ``"flat"``, and a table ``[[change]]`` for every change.

        Raises:
            TaxonomyError: there is no such file, it is no TOML, or a change is not one of the five.
        """
        try:
            table = tomllib.loads(Path(path).read_text("utf-8"))
        except FileNotFoundError:
            raise TaxonomyError(f"there is no migration file {path}; check the path") from None
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TaxonomyError(f"the migration file {path} is not valid TOML: {error}") from None
        mode, entries = table.pop("mode", "flat"), table.pop("change", [])
        if table or mode not in ("flat", "path") or not isinstance(entries, list):
            raise TaxonomyError(
                f"the migration file {path} must have mode = 'flat' or 'path', tables [[change]], and nothing else"
            )
        return cls(tuple(_change(entry, number, path) for number, entry in enumerate(entries, 1)), mode)

    def dump(self) -> str:
        """The same as TOML; ``Migration.load`` reads it back."""
        tables = (
            "\n".join(f"{key} = {_toml(value)}" for key, value in change.model_dump().items())
            for change in self.changes
        )
        return "\n\n".join([f'mode = "{self.mode}"', *(f"[[change]]\n{table}" for table in tables)]) + "\n"

    def paths(self, paths: Sequence[Sequence[str]] | None) -> MigratedPaths:
        """What becomes of a product's category paths.

        A product in a split category stays with what its parts have in common, if anything.
        """
        rewrite = self._rewritten_path if self.mode == "path" else self._rewritten_names
        outcomes = [rewrite([name.strip() for name in path if name.strip()]) for path in paths or ()]
        met = frozenset(place for _, places in outcomes for place in places)
        parts = {
            part: None
            for place in sorted(met)
            if isinstance(self.changes[place], Split)
            for part in self.changes[place].gives
        }
        return MigratedPaths(
            [list(p) for p in dict.fromkeys(path for path, _ in outcomes if path)], met, tuple(parts)
        )

    def label(self, name: str) -> tuple[str, ...]:
        """What becomes of a label: one, several (a split one), or none."""
        levels = split_levels(name)
        place, length = self._met(levels)
        if place is None:
            return (name,)
        change, exact = self.changes[place], length == len(levels)
        if self.mode == "flat":
            return (name,) if isinstance(change, Move) else change.gives
        if isinstance(change, Split):
            return change.gives if exact else ()
        return tuple(SEPARATOR.join([given, *levels[length:]]) for given in change.gives)

    def gained(self, name: str) -> set[str]:
        """The labels that come to lie above what becomes of `name`, and did not lie above it before."""
        if self.mode == "flat":
            place = self._met([name])[0]
            change = None if place is None else self.changes[place]
            return set(split_levels(change.under)) if isinstance(change, Move) else set()
        known = {new for above in prefixes(split_levels(name)) for new in self.label(above)}
        return {above for new in self.label(name) for above in prefixes(split_levels(new))} - known

    def change_of(self, name: str) -> int | None:
        """The place of the change that meets a label; None where it stays as it is."""
        return self._met(split_levels(name))[0]

    @cached_property
    def _takers(self) -> dict[tuple[str, ...], int]:
        return {
            tuple(split_levels(name)): place
            for place, change in enumerate(self.changes)
            for name in change.takes
        }

    def _met(self, levels: Sequence[str]) -> tuple[int | None, int]:
        """The change that takes the longest beginning of a path, and how many levels that has."""
        for length in range(len(levels), 0, -1):
            if (place := self._takers.get(tuple(levels[:length]))) is not None:
                return place, length
        return None, 0

    def _rewritten_path(self, path: list[str]) -> tuple[tuple[str, ...], list[int]]:
        place, length = self._met(path)
        if place is None:
            return tuple(path), []
        change = self.changes[place]
        if isinstance(change, Remove):
            above, places = self._rewritten_path(path[: length - 1])
            return above, [place, *places]
        if isinstance(change, Split):
            return tuple(_common([split_levels(part)[:-1] for part in change.gives])), [place]
        return (*split_levels(change.gives[0]), *path[length:]), [place]

    def _rewritten_names(self, path: list[str]) -> tuple[tuple[str, ...], list[int]]:
        new: list[str] = []
        places = []
        for name in path:
            place, _ = self._met([name])
            change = None if place is None else self.changes[place]
            if place is not None:
                places.append(place)
            if isinstance(change, Move):
                new = split_levels(change.gives[0])
            elif not isinstance(change, Remove | Split):
                new.append(change.gives[0] if change else name)
        return tuple(new), places


def _change(entry: Any, number: int, path: Path | str) -> Change:
    verbs = [verb for verb in VERBS if isinstance(entry, dict) and verb in entry]
    if len(verbs) != 1:
        raise TaxonomyError(
            f"change {number} of {path} is {entry!r}; expected exactly one of {', '.join(VERBS)}"
        )
    try:
        return VERBS[verbs[0]].model_validate(entry)
    except ValidationError as error:
        raise TaxonomyError(f"change {number} of {path} is wrong: {describe(error)}") from None


def prefixes(levels: Sequence[str]) -> list[str]:
    """The path labels from the root down to the path itself.

    >>> prefixes(["Pets", "Birds"])
    ['Pets', 'Pets > Birds']
    """
    return list(accumulate(levels, lambda above, name: above + SEPARATOR + name))


def _common(paths: Sequence[Sequence[str]]) -> list[str]:
    """The levels that all paths begin with."""
    return [
        levels[0] for levels in takewhile(lambda levels: len(set(levels)) == 1, zip(*paths, strict=False))
    ]


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON text, or list of texts, is a TOML one
