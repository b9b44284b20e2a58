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

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from shelfwise.catalog.labels import SEPARATOR, Mode, flatten
from shelfwise.config.written_files import read_written_text
from shelfwise.errors import CatalogError

DELIMITER = "|"
# the wide ones too: some editions of spreadsheets take them for the same
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# characters of a header that a message shows
_HEADER_SHOWN = 80

Row = tuple[int, Any]
"""A line's number, and what stands on it."""


def escape_formula(cell: str) -> str:
    """A table's cell that no spreadsheet takes for a formula.

    :func:`read_corrections` takes the apostrophe off again.

    >>> escape_formula("=SUM(A1)"), escape_formula("Mugs")
    ("'=SUM(A1)", 'Mugs')
    """
    # a cell with apostrophes of its own gets one more, so that one can be taken off
    if cell.lstrip("'").startswith(_FORMULA_STARTS):
        return "'" + cell
    return cell


def _without_escape(cell: Any) -> Any:
    """A cell as it was before :func:`escape_formula`."""
    if not isinstance(cell, str):
        return cell
    # any other apostrophe is the person's own
    if cell.lstrip("'").startswith(_FORMULA_STARTS):
        return cell.removeprefix("'")
    return cell


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


class Correction(BaseModel):
    """One line of a corrections file; see the module for what its fields mean."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    id: str = Field(min_length=1)
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
    text = _text_of(path)
    # by its name: both files of an audit keep theirs while they are filled in
    read_rows = _table_rows if path.suffix.lower() == ".csv" else _json_rows
    corrections: list[Correction] = []
    lines: dict[str, int] = {}
    for line, values in read_rows(text, path):
        where = f"{path}, line {line}"
        try:
            correction = Correction.model_validate(values)
        except ValidationError as error:
            raise CatalogError(f"{where}: {_why(error)}") from None
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


def _text_of(path: Path) -> str:
    """What a file holds; spreadsheets put a mark before UTF-8, which is left out."""
    try:
        return read_written_text(path, "utf-8-sig")
    except FileNotFoundError:
        fix = "`shelfwise audit` writes one to be filled in"
        raise CatalogError(f"there is no corrections file {path}; {fix}") from None
    except (OSError, UnicodeDecodeError) as error:
        found = f"the corrections file {path} cannot be read: {error}"
        raise CatalogError(f"{found}; expected UTF-8 text") from None


def _json_rows(text: str, path: Path) -> Iterator[Row]:
    # not splitlines: a text in JSON may hold other line separators
    for line, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            yield line, json.loads(written, object_pairs_hook=_each_once)
        except (ValueError, RecursionError) as error:
            found = f"{path}, line {line}: no JSON object ({error})"
            raise CatalogError(f"{found}; expected one product a line") from None


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of two decisions under one name nobody knows which counts."""
    content = dict(members)
    if len(content) < len(members):
        raise ValueError("a name stands twice in one object")
    return content


def _table_rows(text: str, path: Path) -> Iterator[Row]:
    header = text.partition("\n")[0]
    # spreadsheets of some countries write semicolons
    delimiter = max(",;", key=header.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    _check_columns(rows.fieldnames or (), header, path)
    try:
        for row in rows:
            # a comma in a name without quotes would cost the rest of the name; behind the last column, None
            if any(row.pop(None, ())):
                found = f"{path}, line {rows.line_num}: has more cells than the header"
                raise CatalogError(f"{found}; put a text that holds {delimiter!r} in quotes")
            # an empty cell decides nothing
            filled = {name: _without_escape(cell) for name, cell in row.items() if cell}
            yield rows.line_num, filled
    except csv.Error as error:
        raise CatalogError(
            f"{path}, line {rows.line_num + 1}: {error}; is a quote not closed?"
        ) from None


def _check_columns(names: Sequence[str], header: str, path: Path) -> None:
    """Refuse a table in which nothing could be decided, or one thing twice.

    Raises:
        CatalogError: it lacks a column, or has one twice.
    """
    shown = f"its first line is {header[:_HEADER_SHOWN]!r}"
    expected = "expected id, decision, labels and so on"
    if "id" not in names:
        raise CatalogError(f"{path} has no column id; {shown}; {expected}")
    if not {"decision", "labels"} & set(names):
        raise CatalogError(f"{path} has neither a column decision nor labels; {shown}; {expected}")
    for name in ("id", "decision", "labels", "suggested", "add", "remove"):
        if list(names).count(name) > 1:
            raise CatalogError(f"{path} has the column {name} twice; {shown}; expected once")


def _why(error: ValidationError) -> str:
    """The first fault of a line, in words."""
    first = error.errors(include_url=False)[0]
    # a fault of the line as a whole has no field
    field = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"it has no {field}; give it one, or leave the line out"
    # what could not be read has a line without an id in predictions
    if first["type"] == "string_type":
        message = "expected a text; give it one, or leave the line out"
    if not field:
        return f"the correction {message}"
    return f"{field}: {message} (got {first['input']!r})"
