"""A file becomes a catalogue: every source record is either accepted or quarantined with its bytes and the reason."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pydantic import ValidationError

from shelfwise.catalog.columns import plan_columns
from shelfwise.catalog.formats import Record, open_source
from shelfwise.catalog.product import Product, Rules, why
from shelfwise.catalog.sources import Fault, Piece
from shelfwise.catalog.store import SCHEMA, Catalog
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

BATCH_ROWS = 10_000
MAX_FURTHER = 256
"""Columns kept besides ours; keeps a source with a new key in every record from becoming a table of a million columns."""


class _Silent:
    def advance(self, steps: int = 1) -> None:
        """Do nothing."""


class Advances(Protocol):
    """What a progress report is told: so many more bytes were read."""

    def advance(self, steps: int = 1) -> None: ...


class Reports(Protocol):
    """The part of :class:`shelfwise.contracts.Context` that reading needs."""

    def progress(self, title: str, total: int) -> AbstractContextManager[Advances]: ...


class Quiet:
    """The default: reports nothing."""

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Advances]:
        """Report nothing."""
        yield _Silent()


@dataclass(frozen=True)
class Quarantined:
    """One source record that was refused.

    Args:
        line: first physical line, from 1; in Parquet the row, from 1.
        offset: first byte in the decompressed file; -1 in Parquet, whose rows have no bytes of their own.
        length: number of bytes, line ending included.
        kind: the kind of fault in a few words, such as "duplicate id", to be counted by.
        reason: product, field, what was found and what is expected, in plain words.
        raw: the bytes; in Parquet the row as JSON.
        id: the product's id, where it could be told.
    """

    line: int
    offset: int
    length: int
    kind: str
    reason: str
    raw: bytes
    id: str | None = None


@dataclass(frozen=True)
class Reading:
    """What came of a file: ``len(catalog) + len(quarantine) == records``, always.

    Args:
        catalog: the accepted products in the order of the file, ids unique.
        quarantine: the refused records in the order of the file.
        records: records in the source; blank lines and a table's header are none.
        format: the format it was read in.
        notes: what was set aside without refusing the product, in plain words -> how many.
    """

    catalog: Catalog
    quarantine: list[Quarantined]
    records: int
    format: str
    notes: dict[str, int] = field(default_factory=dict)


def read_catalog(path: Path | str, settings: CatalogSettings | None = None, context: Reports | None = None) -> Reading:
    """Read a catalogue from JSON Lines, CSV, TSV, Parquet, or an Amazon dump of 2014 or 2018, gzip or not.

    Titles, descriptions, brands and category names become plain text. Of several records with one id the first counts. Image paths
    are relative to the file's folder.

    Args:
        path: the file; pictures lie below its folder.
        settings: format, column names and separators; by default all are found out.
        context: told of the progress in bytes.

    Raises:
        CatalogError: there is no such file, its format cannot be told, or not one record of it can be accepted.
    """
    path, settings = Path(path), settings or CatalogSettings()
    _check_file(path)
    rules = Rules(settings.category_separator, settings.category_delimiter)
    with (context or Quiet()).progress(f"reading {path.name}", path.stat().st_size) as bar:
        intake = _Intake(settings.columns, rules)
        try:
            source = open_source(path, settings.format, bar.advance)
            for record in source.records:
                intake.take(record)
        except OSError as error:
            raise CatalogError(f"{path} cannot be read: {error.strerror or error}") from None
    if not intake.accepted:
        raise CatalogError(_nothing(path, source.format, intake))
    catalog = Catalog(intake.table(), path.parent, str(path))
    return Reading(catalog, intake.quarantine, intake.accepted + len(intake.quarantine), source.format, dict(+rules.notes))


def write_quarantine(quarantine: Iterable[Quarantined], path: Path | str) -> None:
    """Write one JSON object a record: line, offset, length, id, kind, reason, raw (base64) and text (for people; bad bytes replaced)."""
    with Path(path).open("w", encoding="utf-8") as file:
        for q in quarantine:
            row = {"line": q.line, "offset": q.offset, "length": q.length, "id": q.id, "kind": q.kind, "reason": q.reason}
            row |= {"raw": base64.b64encode(q.raw).decode(), "text": q.raw.decode("utf-8", "replace")}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


class _Intake:
    """Sorts records into products and quarantine, and gathers the products as Arrow batches."""

    def __init__(self, columns: Mapping[str, str], rules: Rules) -> None:
        self.rules = rules
        self.quarantine: list[Quarantined] = []
        self.accepted = 0
        self._first_line: dict[str, int] = {}
        self._further: dict[str, None] = {}
        self._left_out: set[str] = set()
        self._waiting: list[Product] = []
        self._batches: list[pa.Table] = []
        self._plan = lru_cache(maxsize=1024)(lambda names: plan_columns(names, columns))

    def take(self, record: Record) -> None:
        """Accept or quarantine one record."""
        piece, values = record
        if isinstance(values, Fault):
            self._refuse(piece, values)
            return
        named = self._plan(tuple(values)).apply(values)
        try:
            product = Product.model_validate(named, context=self.rules)
        except ValidationError as error:
            self._refuse(piece, why(error, named), named.get("id"))
            return
        if (first := self._first_line.get(product.id)) is not None:
            reason = f"product {product.id!r}: the id is that of line {first}; expected every id once"
            self._refuse(piece, Fault("duplicate id", reason), product.id)
            return
        self._first_line[product.id] = piece.line
        self.accepted += 1
        self._waiting.append(product)
        if len(self._waiting) == BATCH_ROWS:
            self._flush()

    def table(self) -> pa.Table:
        """All accepted products; columns a batch had not are null there."""
        self._flush()
        self.rules.notes[f"columns left out, being more than {MAX_FURTHER} besides ours"] = len(self._left_out)
        return pa.concat_tables(self._batches, promote_options="default").combine_chunks()

    def _flush(self) -> None:
        if not self._waiting:
            return
        ours = {f.name: pa.array([_value(p, f.name) for p in self._waiting], type=f.type) for f in SCHEMA}
        for name in dict.fromkeys(name for p in self._waiting for name in p.further):
            if name in self._further or len(self._further) < MAX_FURTHER:
                self._further[name] = None
            else:
                self._left_out.add(name)
        further = {n: pa.array([p.further.get(n) for p in self._waiting], type=pa.string()) for n in self._further}
        self._batches.append(pa.table({**ours, **further}))
        self._waiting.clear()

    def _refuse(self, piece: Piece, fault: Fault, identifier: Any = None) -> None:
        known = str(identifier) if isinstance(identifier, str | int) and str(identifier).strip() else None
        self.quarantine.append(Quarantined(piece.line, piece.offset, len(piece.raw), fault.kind, fault.reason, piece.raw, known))


def _value(product: Product, name: str) -> Any:
    value = getattr(product, name)
    return list(value.items()) if isinstance(value, dict) else value


def _check_file(path: Path) -> None:
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.is_file())[:5]
        raise CatalogError(f"{path} is a folder; name the catalogue file in it" + (f", such as {', '.join(inside)}" if inside else ""))
    if not path.exists():
        raise CatalogError(f"there is no catalogue {path}; check the path")
    if path.stat().st_size == 0:
        raise CatalogError(f"the catalogue {path} is empty; expected one product a line, or a Parquet file")


def _nothing(path: Path, form: str, intake: _Intake) -> str:
    if not intake.quarantine:
        return f"the catalogue {path}, read as {form}, has 0 records; expected at least one product"
    kinds = ", ".join(f"{kind}: {n:,}" for kind, n in Counter(q.kind for q in intake.quarantine).most_common())
    first = intake.quarantine[0]
    return (
        f"none of the {len(intake.quarantine):,} records of {path} could be read as {form} ({kinds}); "
        f"the first, line {first.line}: {first.reason}; set format or columns if it is another kind of file"
    )
