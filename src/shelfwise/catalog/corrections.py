"""What people decided about products that may be mis-tagged, and a catalogue with these decisions applied.

A corrections file has one product a line, as JSON Lines or CSV, with an ``id`` and one of

* ``decision`` "accept": the suggested change is right (``add`` and ``remove``, or else all of ``suggested``);
* ``decision`` "keep": the product is tagged rightly as it is;
* ``labels``: the product's labels, all of them, as the person would have them;
* neither: nobody has looked at it yet.

Other columns are for people and are passed over. In CSV, several labels in one cell are separated by "|", or are a JSON list.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from shelfwise.catalog.labels import SEPARATOR, Mode, Paths, flatten
from shelfwise.core.catalog import Catalog
from shelfwise.errors import CatalogError

DELIMITER = "|"
NAMED = 5
"""Ids named in a message; more are counted."""


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def escape_formula(cell: str) -> str:
    """A table's cell that no spreadsheet takes for a formula; :func:`read_corrections` takes the apostrophe off again.

    >>> escape_formula("=SUM(A1)"), escape_formula("Mugs")
    ("'=SUM(A1)", 'Mugs')
    """
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _bare(cell: Any) -> Any:
    return cell[1:] if isinstance(cell, str) and cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


def _names(value: Any) -> Any:
    """The labels in a cell of text; what is no text is left as it is."""
    if not isinstance(value, str):
        return value
    try:
        return (
            json.loads(value)
            if value.lstrip().startswith("[")
            else [n for n in map(str.strip, value.split(DELIMITER)) if n] or None
        )
    except ValueError:
        raise ValueError(f"is no list of labels; write them as A {DELIMITER} B, or as JSON") from None


def _decision(value: Any) -> Any:
    return value.strip().lower() or None if isinstance(value, str) else value


Names = Annotated[tuple[str, ...] | None, BeforeValidator(_names)]


class Correction(BaseModel):
    """One line of a corrections file; see the module for what its fields mean."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    id: str = Field(min_length=1)
    decision: Annotated[Literal["accept", "keep"] | None, BeforeValidator(_decision)] = None
    labels: Names = None
    suggested: Names = None
    add: Names = None
    remove: Names = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Correction:
        if self.decision is not None and self.labels is not None:
            raise ValueError(
                f"has the decision {self.decision!r} and labels of its own; leave one of them empty"
            )
        if self.decision == "accept" and self.add is None and self.remove is None and self.suggested is None:
            raise ValueError(
                "accepts a suggestion that is not there; give add and remove, suggested, or labels"
            )
        return self

    @property
    def decided(self) -> bool:
        """Whether somebody has looked at the product."""
        return self.decision is not None or self.labels is not None

    def wanted(self, current: set[str], mode: Mode) -> set[str]:
        """The labels that a product with the `current` ones is to have; in ``path`` mode with all that lie above them."""
        if self.labels is not None:
            names = set(self.labels)
        elif self.decision != "accept":
            return current
        elif self.add is None and self.remove is None:
            names = set(self.suggested or ())
        else:
            gone = set(self.remove or ())
            below = tuple(name + SEPARATOR for name in gone) if mode == "path" else ()
            names = {
                name for name in current if name not in gone and not name.startswith(below or ("\0",))
            } | set(self.add or ())
        names = {name.strip() for name in names} - {""}
        return flatten([name.split(SEPARATOR) for name in names], "path") if mode == "path" else names


@dataclass(frozen=True)
class CorrectionReport:
    """What applying corrections did.

    Args:
        changed: products whose labels are others now.
        confirmed: products that were found right, or were as decided already.
        undecided: lines that nobody has decided.
        added, removed: label -> products that got or lost it, the most frequent first.
        new: labels that no product of the catalogue had before -> the name they resemble most, or None: a slip of the pen?
    """

    changed: int
    confirmed: int
    undecided: int
    added: Mapping[str, int]
    removed: Mapping[str, int]
    new: Mapping[str, str | None]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def read_corrections(path: Path | str) -> list[Correction]:
    """All lines of a corrections file, undecided ones too; CSV where the name ends in .csv, else JSON Lines.

    Raises:
        CatalogError: no such file, a line that is not understood, or a product that occurs twice.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise CatalogError(
            f"there is no corrections file {path}; `shelfwise audit` writes one to be filled in"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"the corrections file {path} cannot be read: {error}; expected UTF-8 text"
        ) from None
    corrections: list[Correction] = []
    lines: dict[str, int] = {}
    for line, values in (_table_rows if path.suffix.lower() == ".csv" else _json_rows)(text, path):
        try:
            correction = Correction.model_validate(values)
        except ValidationError as error:
            raise CatalogError(f"{path}, line {line}: {_why(error)}") from None
        if correction.id in lines:
            raise CatalogError(
                f"{path}, line {line}: product {correction.id!r} is on line {lines[correction.id]} already; expected once"
            )
        lines[correction.id] = line
        corrections.append(correction)
    return corrections


def apply_corrections(
    catalog: Catalog, corrections: Iterable[Correction], mode: Mode = "flat"
) -> tuple[Catalog, CorrectionReport]:
    """The same products, in the same order, with the categories that people decided on, and what that changed.

    Paths are kept as far as they agree with the decision: names that are not wanted leave them, wanted ones that are
    nowhere get a path of their own. Applying the same corrections again changes nothing.

    Args:
        mode: how paths become labels, see :func:`~shelfwise.catalog.labels.flatten`.

    Raises:
        CatalogError: a decided product is not in the catalogue.
    """
    corrections = list(corrections)
    decided = {c.id: c for c in corrections if c.decided}
    unknown = sorted(decided.keys() - set(catalog.ids))
    if unknown:
        shown = ", ".join(map(repr, unknown[:NAMED])) + (
            f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        )
        raise CatalogError(
            f"corrected products that are not in {catalog.source or 'the catalogue'}: {shown}; are these its corrections?"
        )
    categories: list[Paths | None] = catalog.column("categories")
    before = {name for paths in categories for name in flatten(paths, mode)}
    homes = _homes(categories) if mode == "leaf" else {}
    added: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    changed = 0
    for row, name in enumerate(catalog.ids):
        if (correction := decided.get(name)) is None:
            continue
        current = flatten(categories[row], mode)
        wanted = correction.wanted(current, mode)
        if wanted != current:
            categories[row] = relabelled(categories[row], wanted, mode, homes)
            added.update(wanted - current)
            removed.update(current - wanted)
            changed += 1
    new = {
        name: next(iter(difflib.get_close_matches(name, before, n=1)), None)
        for name in sorted(added.keys() - before)
    }
    undecided = len(corrections) - len(decided)
    report = CorrectionReport(
        changed,
        len(decided) - changed,
        undecided,
        dict(added.most_common()),
        dict(removed.most_common()),
        new,
    )
    return (catalog.with_categories([paths or None for paths in categories]) if changed else catalog), report  # type: ignore[misc]


def relabelled(
    paths: Paths | None, labels: set[str], mode: Mode, homes: Mapping[str, Sequence[str]] | None = None
) -> list[list[str]]:
    """Category paths whose labels are `labels`, as like the given ones as can be; in ``path`` mode `labels` must be closed.

    Args:
        homes: in ``leaf`` mode, the path for a label that has none here yet; unset: the label alone.

    >>> relabelled([["Pets", "Brids", "Food"]], {"Pets", "Birds", "Food"}, "flat")
    [['Pets', 'Food'], ['Birds']]
    >>> relabelled([["Pets", "Birds"]], {"Pets", "Toys", "Toys > Balls"}, "path")
    [['Pets'], ['Toys', 'Balls']]
    """
    stripped = [[name.strip() for name in path if name and name.strip()] for path in paths or ()]
    if mode == "flat":
        kept = [[name for name in path if name in labels] for path in stripped]
    elif mode == "leaf":
        kept = [path for path in stripped if path and path[-1] in labels]
    else:
        kept = [
            path[: max((d for d in range(len(path) + 1) if SEPARATOR.join(path[:d]) in labels), default=0)]
            for path in stripped
        ]
    result = list({tuple(path): list(path) for path in kept if path}.values())
    covered = flatten(result, mode)
    for label in sorted(labels - covered, key=lambda name: (-name.count(SEPARATOR), name)):
        if label not in covered:
            result.append(
                label.split(SEPARATOR) if mode == "path" else list((homes or {}).get(label, [label]))
            )
            covered |= flatten(result[-1:], mode)
    return result


def _homes(categories: Iterable[Paths | None]) -> dict[str, tuple[str, ...]]:
    """Each last name of a path, and the path it most often ends."""
    counts = Counter(tuple(path) for paths in categories for path in paths or () if path)
    return {path[-1].strip(): path for path, _ in reversed(counts.most_common())}


def _json_rows(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    for line, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            yield line, json.loads(written)
        except ValueError as error:
            raise CatalogError(
                f"{path}, line {line}: no JSON object ({error}); expected one product a line"
            ) from None


def _table_rows(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    head = text.partition("\n")[0]
    rows = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ","
    )
    if "id" not in (rows.fieldnames or ()):
        raise CatalogError(
            f"{path} has no column id; its first line is {head[:80]!r}; expected id, decision, labels and so on"
        )
    for row in rows:
        yield rows.line_num, {name: _bare(value) for name, value in row.items() if value}


def _why(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return f"{field}: {message} (got {first['input']!r})" if field else f"the correction {message}"
