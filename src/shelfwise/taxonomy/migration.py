"""Changes of a taxonomy that happen together, and what becomes of category paths and labels.

All changes of a migration happen at once: what a change takes is named as it was before, what it gives as it
will be. So their order does not matter, and two categories may swap names. Of several changes that meet a
path the most specific one counts.

In ``path`` mode a category is a whole path ("Pets > Birds") and a change takes along what lies below it. In
``flat`` mode it is a name, wherever in a path it stands (models with ``flat`` or ``leaf`` labels).
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from shelfwise.catalog.labels import SEPARATOR
from shelfwise.config import describe
from shelfwise.config.written_files import read_written_text
from shelfwise.errors import TaxonomyError
from shelfwise.taxonomy.changes import KINDS, Change, Move, Remove, Split, prefixes, split_levels


@dataclass(frozen=True)
class MigratedPaths:
    """What becomes of one product's paths.

    Args:
        paths: the new ones, in their order, each once.
        changes: indices of the changes that met them.
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
        # the order of the changes must not matter
        taken = Counter(name for change in self.changes for name in change.takes)
        for name, times in taken.items():
            if times > 1:
                expected = "all changes happen at once, so expected one change a category"
                raise TaxonomyError(f"two changes take {name!r}; {expected}")
        if self.mode == "flat":
            for change in self.changes:
                _check_flat_names(change)

    @classmethod
    def load(cls, path: Path | str) -> Migration:
        """Read a TOML file: ``mode = "path"`` or ``"flat"``, and a table ``[[change]]`` for every change.

        Raises:
            TaxonomyError: there is no such file, it is no TOML, or a change is not one of the five.
        """
        try:
            table = tomllib.loads(read_written_text(path))
        except FileNotFoundError:
            raise TaxonomyError(f"there is no migration file {path}; check the path") from None
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TaxonomyError(f"the migration file {path} is not valid TOML: {error}") from None
        mode = table.pop("mode", "flat")
        entries = table.pop("change", [])
        # whatever is left in the table is a key that nobody would read
        if table or mode not in ("flat", "path") or not isinstance(entries, list):
            expected = "mode = 'flat' or 'path', tables [[change]], and nothing else"
            raise TaxonomyError(f"the migration file {path} must have {expected}")
        changes = [_read_change(entry, number, path) for number, entry in enumerate(entries, 1)]
        return cls(tuple(changes), mode)

    def dump(self) -> str:
        """The same as TOML; ``Migration.load`` reads it back."""
        tables = [f'mode = "{self.mode}"']
        for change in self.changes:
            # JSON of a text, or of a list of texts, is TOML too
            items = [
                f"{key} = {json.dumps(value, ensure_ascii=False)}"
                for key, value in change.model_dump().items()
            ]
            tables.append("\n".join(["[[change]]", *items]))
        return "\n\n".join(tables) + "\n"

    def paths(self, paths: Sequence[Sequence[str]] | None) -> MigratedPaths:
        """What becomes of a product's category paths.

        A product in a split category stays with what its parts have in common, if anything.
        """
        rewritten = self._rewritten_path if self.mode == "path" else self._rewritten_names
        # dictionaries as ordered sets: paths that become one are kept once
        new_paths: dict[tuple[str, ...], None] = {}
        met: set[int] = set()
        for path in paths or ():
            new_path, changes = rewritten([name.strip() for name in path if name.strip()])
            met.update(changes)
            if new_path:
                new_paths[new_path] = None
        parts: dict[str, None] = {}
        for index in sorted(met):
            if isinstance(self.changes[index], Split):
                parts |= dict.fromkeys(self.changes[index].gives)
        return MigratedPaths([list(path) for path in new_paths], frozenset(met), tuple(parts))

    def label(self, name: str) -> tuple[str, ...]:
        """What becomes of a label: one, several (a split one), or none."""
        levels = split_levels(name)
        index, length = self._most_specific(levels)
        if index is None:
            return (name,)
        change = self.changes[index]
        # a flat label that moves keeps its name
        if self.mode == "flat":
            return (name,) if isinstance(change, Move) else change.gives
        if isinstance(change, Split):
            is_exact = length == len(levels)
            return change.gives if is_exact else ()
        below = levels[length:]
        return tuple(SEPARATOR.join([given, *below]) for given in change.gives)

    def gained(self, name: str) -> set[str]:
        """The labels that come to lie above what becomes of `name`, and did not lie above it before."""
        if self.mode == "flat":
            index = self._most_specific([name])[0]
            change = None if index is None else self.changes[index]
            return set(split_levels(change.under)) if isinstance(change, Move) else set()
        # what a category above became lies above as before
        kept: set[str] = set()
        for above in prefixes(split_levels(name)):
            kept.update(self.label(above))
        above_now: set[str] = set()
        for new in self.label(name):
            above_now.update(prefixes(split_levels(new)))
        return above_now - kept

    def change_of(self, name: str) -> int | None:
        """The index of the change that meets a label; None where it stays as it is."""
        return self._most_specific(split_levels(name))[0]

    @cached_property
    def _change_by_levels(self) -> dict[tuple[str, ...], int]:
        """Category that is taken -> the index of its change."""
        indices = {}
        for index, change in enumerate(self.changes):
            for name in change.takes:
                indices[tuple(split_levels(name))] = index
        return indices

    def _most_specific(self, levels: Sequence[str]) -> tuple[int | None, int]:
        """The change that takes the longest beginning of a path, and how many levels that has."""
        # the whole path first, then what lies above it
        for length in range(len(levels), 0, -1):
            index = self._change_by_levels.get(tuple(levels[:length]))
            if index is not None:
                return index, length
        return None, 0

    def _rewritten_path(self, path: list[str]) -> tuple[tuple[str, ...], list[int]]:
        """What becomes of a path in ``path`` mode, and the indices of the changes that met it."""
        index, length = self._most_specific(path)
        if index is None:
            return tuple(path), []
        change = self.changes[index]
        if isinstance(change, Remove):
            # what lies above may be changed, too
            above, indices = self._rewritten_path(path[: length - 1])
            return above, [index, *indices]
        if isinstance(change, Split):
            parents = [split_levels(part)[:-1] for part in change.gives]
            return tuple(_common_beginning(parents)), [index]
        return (*split_levels(change.gives[0]), *path[length:]), [index]

    def _rewritten_names(self, path: list[str]) -> tuple[tuple[str, ...], list[int]]:
        """What becomes of a path in ``flat`` mode, and the indices of the changes that met it."""
        new: list[str] = []
        indices = []
        for name in path:
            index, _ = self._most_specific([name])
            if index is None:
                new.append(name)
                continue
            indices.append(index)
            change = self.changes[index]
            if isinstance(change, Move):
                # the new path replaces what stood before the name
                new = split_levels(change.gives[0])
            elif not isinstance(change, Remove | Split):
                new.append(change.gives[0])
        return tuple(new), indices


def _check_flat_names(change: Change) -> None:
    # what a move gives is a path in flat mode, too
    given = () if isinstance(change, Move) else change.gives
    for name in (*change.takes, *given):
        if SEPARATOR in name:
            fix = "write its last name, or set mode = 'path'"
            raise TaxonomyError(f"{name!r} is a path, but the migration is in flat mode; {fix}")


def _read_change(entry: Any, number: int, path: Path | str) -> Change:
    """One table ``[[change]]`` of a file."""
    kinds = [kind for kind in KINDS if isinstance(entry, dict) and kind in entry]
    if len(kinds) != 1:
        expected = f"expected exactly one of {', '.join(KINDS)}"
        raise TaxonomyError(f"change {number} of {path} is {entry!r}; {expected}")
    try:
        return KINDS[kinds[0]].model_validate(entry)
    except ValidationError as error:
        raise TaxonomyError(f"change {number} of {path} is wrong: {describe(error)}") from None


def _common_beginning(paths: Sequence[Sequence[str]]) -> list[str]:
    """The levels that all paths begin with."""
    levels = zip(*paths, strict=False)
    return [names[0] for names in takewhile(lambda names: len(set(names)) == 1, levels)]
