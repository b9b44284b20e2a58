"""What people decided about products that may be mis-tagged, as they wrote it down.

A corrections file has one product a line, as JSON Lines or CSV, with an ``id`` and one of

* ``decision`` "accept": the suggested change is right (``add`` and ``remove``, or else all of ``suggested``);
* ``decision`` "keep": the product is tagged rightly as it is;
* ``labels``: the product's labels, all of them, as the person would have them;
* neither: nobody has looked at it yet.

Other columns are for people and are passed over. In CSV, several labels in one cell are separated by "|", or
are a JSON list.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from shelfwise.catalog.labels import SEPARATOR, Mode, flatten
from shelfwise.catalog.written_lines import NamedProduct, lines_as, text_of
from shelfwise.errors import CatalogError

DELIMITER = "|"


def _read_labels(value: Any) -> Any:
    """The labels in a cell of text; what is no text is left as it is."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            fix = f"write them as A {DELIMITER} B, or as JSON"
            raise ValueError(f"is no list of labels; {fix}") from None
    names = [name.strip() for name in value.split(DELIMITER)]
    # an empty cell is no decision
    return [name for name in names if name] or None


def _read_decision(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.strip().lower() or None


Names = tuple[str, ...]
Verdict = Literal["accept", "keep"]
Labels = Annotated[Names | None, BeforeValidator(_read_labels)]
Decision = Annotated[Verdict | None, BeforeValidator(_read_decision)]


class Correction(NamedProduct):
    """One line of a corrections file; see the module for what its fields mean."""

    decision: Decision = None
    labels: Labels = None
    suggested: Labels = None
    add: Labels = None
    remove: Labels = None

    @model_validator(mode="after")
    def _check_one_decision(self) -> Correction:
        if self.decision is not None and self.labels is not None:
            found = f"has the decision {self.decision!r} and labels of its own"
            raise ValueError(f"{found}; leave one of them empty")
        suggestion = (self.add, self.remove, self.suggested)
        if self.decision == "accept" and suggestion == (None, None, None):
            fix = "give add and remove, suggested, or labels"
            raise ValueError(f"accepts a suggestion that is not there; {fix}")
        return self

    @property
    def decided(self) -> bool:
        """Whether somebody has looked at the product."""
        return self.decision is not None or self.labels is not None

    def wanted(self, current: set[str], mode: Mode) -> set[str]:
        """The labels that a product with the `current` ones is to have.

        In ``path`` mode with all that lie above them.
        """
        if self.labels is not None:
            # a person's own labels count, whatever was suggested
            names = set(self.labels)
        elif self.decision != "accept":
            return current
        elif self.add is None and self.remove is None:
            # only the outcome is given, not the steps to it
            names = set(self.suggested or ())
        else:
            names = self._without_removed(current, mode)
            names.update(self.add or ())
        names = {name.strip() for name in names} - {""}
        if mode == "path":
            return flatten([name.split(SEPARATOR) for name in names], "path")
        return names

    def _without_removed(self, current: set[str], mode: Mode) -> set[str]:
        """The current labels without the removed ones; in ``path`` mode without what lies below these too."""
        removed = set(self.remove or ())
        kept = current - removed
        if mode != "path":
            return kept
        below = tuple(name + SEPARATOR for name in removed)
        return {name for name in kept if not name.startswith(below)}


def read_corrections(path: Path | str) -> list[Correction]:
    """All lines of a corrections file, undecided ones too; CSV where the name ends in .csv, else JSON Lines.

    Raises:
        CatalogError: no such file, a line that cannot be read, or a product that occurs twice.
    """
    path = Path(path)
    fix = "`shelfwise audit` writes one to be filled in"
    text = text_of(path, "corrections file", fix)
    corrections: list[Correction] = []
    lines: dict[str, int] = {}
    for line, correction in lines_as(Correction, text, path, _check_columns):
        where = f"{path}, line {line}"
        # two decisions about one product may contradict each other
        earlier = lines.setdefault(correction.id, line)
        if earlier != line:
            found = f"product {correction.id!r} is on line {earlier} already"
            raise CatalogError(f"{where}: {found}; expected once")
        corrections.append(correction)
    return corrections


def keep_decisions(path: Path) -> None:
    """Refuse to write over a file that somebody has filled in.

    Raises:
        CatalogError: `path` has decisions, or is there and cannot be read.
    """
    if not path.exists():
        return
    fix = "apply it first (train --corrections), then move it, or choose another --out"
    try:
        decided = sum(correction.decided for correction in read_corrections(path))
    except CatalogError as error:
        # what cannot be read may be work all the same
        raise CatalogError(f"{path} may have been filled in by hand ({error}); {fix}") from None
    if decided:
        raise CatalogError(
            f"{path} has the decisions of a person on {decided} products, which would be lost; {fix}"
        )


def _check_columns(names: Sequence[str], shown: str, path: Path) -> None:
    """Refuse a table in which nothing could be decided, or one thing twice.

    Raises:
        CatalogError: it lacks a column, or has one twice.
    """
    expected = "expected id, decision, labels and so on"
    if "id" not in names:
        raise CatalogError(f"{path} has no column id; {shown}; {expected}")
    if not {"decision", "labels"} & set(names):
        raise CatalogError(f"{path} has neither a column decision nor labels; {shown}; {expected}")
    for name in ("id", "decision", "labels", "suggested", "add", "remove"):
        if list(names).count(name) > 1:
            raise CatalogError(f"{path} has the column {name} twice; {shown}; expected once")
