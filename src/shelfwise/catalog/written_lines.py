"""Files of one product a line that people write: JSON Lines, or a table of their spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shelfwise.config.written_files import read_written_text
from shelfwise.errors import CatalogError

# the wide ones too: some editions of spreadsheets take them for the same
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# characters of a header that a message shows
_HEADER_SHOWN = 80

Row = tuple[int, Any]
"""A line's number, and what stands on it."""

Line = TypeVar("Line", bound=BaseModel)

CheckHeader = Callable[[Sequence[str], str, Path], None]
"""Refuses a table by the names of its columns; it is given a phrase that shows them, and the path."""


class NamedProduct(BaseModel):
    """A line that names a product; what else it has is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    id: str = Field(min_length=1)


def escape_formula(cell: str) -> str:
    """A table's cell that no spreadsheet takes for a formula.

    :func:`lines_as` takes the apostrophe off again.

    >>> escape_formula("=SUM(A1)"), escape_formula("Mugs")
    ("'=SUM(A1)", 'Mugs')
    """
    # a cell with apostrophes of its own gets one more, so that one can be taken off
    if cell.lstrip("'").startswith(_FORMULA_STARTS):
        return "'" + cell
    return cell


def read_ids(path: Path) -> set[str]:
    """The ids in a list of products: CSV where the name ends in .csv, else JSON Lines; only ``id`` is read.

    Raises:
        CatalogError: no such file, a table without a column ``id``, or a line that cannot be read.
    """
    fix = "give JSON Lines or CSV with a column id"
    text = text_of(path, "list of ids", fix)
    return {line.id for _, line in lines_as(NamedProduct, text, path, _check_id)}


def text_of(path: Path, kind: str, fix: str) -> str:
    """What a file holds; spreadsheets put a mark before UTF-8, which is left out."""
    try:
        return read_written_text(path, "utf-8-sig")
    except FileNotFoundError:
        raise CatalogError(f"there is no {kind} {path}; {fix}") from None
    except UnicodeDecodeError as error:
        found = f"byte {error.start} of the {kind} {path} is not UTF-8"
        raise CatalogError(f"{found}; save it as UTF-8") from None
    except OSError as error:
        raise CatalogError(f"the {kind} {path} cannot be read: {error.strerror or error}") from None


def lines_as(
    form: type[Line], text: str, path: Path, check: CheckHeader
) -> Iterator[tuple[int, Line]]:
    """The lines of a file with their numbers; `check` refuses the header of a table."""
    # by its name: both files of an audit keep theirs while they are filled in
    is_table = path.suffix.lower() == ".csv"
    rows = _table_rows(text, path, check) if is_table else _json_rows(text, path)
    for line, values in rows:
        try:
            yield line, form.model_validate(values)
        except ValidationError as error:
            raise CatalogError(f"{path}, line {line}: {_why(error)}") from None


def _without_escape(cell: Any) -> Any:
    """A cell as it was before :func:`escape_formula`."""
    if not isinstance(cell, str):
        return cell
    # any other apostrophe is the person's own
    if cell.lstrip("'").startswith(_FORMULA_STARTS):
        return cell.removeprefix("'")
    return cell


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


def _table_rows(text: str, path: Path, check: CheckHeader) -> Iterator[Row]:
    header = text.partition("\n")[0]
    # spreadsheets of some countries write semicolons
    delimiter = max(",;", key=header.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    check(rows.fieldnames or (), f"its first line is {header[:_HEADER_SHOWN]!r}", path)
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


def _check_id(names: Sequence[str], shown: str, path: Path) -> None:
    if list(names).count("id") != 1:
        raise CatalogError(f"{path} does not have one column id; {shown}")


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
        return f"the line {message}"
    return f"{field}: {message} (got {first['input']!r})"
