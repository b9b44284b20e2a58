"""The catalogue's own file again: the decided categories in its category column, and nothing else changed.

What is given out was read again and compared: every product has the wanted labels, and every other value is
what it was. Where that fails, the export is refused.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shelfwise.catalog.corrections import relabelled
from shelfwise.catalog.labels import Mode, flatten
from shelfwise.catalog.reading.category_signs import CategorySigns
from shelfwise.catalog.reading.file_detection import FileReading
from shelfwise.catalog.reading.reader import open_stream, read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError, ShelfwiseError
from shelfwise.review.cell_rewriting import rewrite_json_lines, rewrite_table
from shelfwise.review.decision_rows import Labels
from shelfwise.review.products import ReviewProducts
from shelfwise.service.problems import Problem

NEW_COLUMN = "categories"
"""What the column is called in a file that has none."""

INSTEAD = "take the export for training or the table instead"

_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def same_catalog(products: ReviewProducts, wanted: Mapping[str, Labels]) -> bytes:
    """The bytes of the catalogue file with other categories for some products.

    Args:
        wanted: by id, the labels that a product is to have; the others keep theirs.

    Raises:
        Problem: the file is of a kind that cannot be written back, or it would be read otherwise.
    """
    path = Path(products.catalog.source)
    try:
        before = path.read_bytes()
        with open_stream(path, products.settings) as stream:
            # something must be read: a file without any product is an error
            next(iter(stream))
            name = stream.source.name
            delimiter = getattr(stream.source.form, "delimiter", None)
            reading = stream.reading
        text, encoding = _decoded(before)
        writer = _Writer(products, wanted, reading.signs)
        after = _rewritten(text, name, delimiter, reading, writer)
        content = after.encode(encoding)
        _check(products, wanted, path.suffix, content, writer.settings())
    except (ShelfwiseError, OSError, UnicodeError) as error:
        raise Problem(409, "not-written-back", f"{path.name}: {error}; {INSTEAD}") from None
    return content


def _decoded(content: bytes) -> tuple[str, str]:
    """The text of a file, with its mark, and the encoding that gives the same bytes again."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding), encoding
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        # the reader takes what is no UTF-8 for Windows' letters, too
        return content.decode("cp1252"), "cp1252"


def _rewritten(
    text: str, name: str, delimiter: str | None, reading: FileReading, writer: _Writer
) -> str:
    """The text with its category column changed.

    Raises:
        CatalogError: a file of this kind is not written back.
    """
    identity = reading.columns.get("id")
    if identity is None:
        raise CatalogError("it has no column of ids")
    if reading.category_columns is not None:
        raise CatalogError("its categories stand in several columns")
    column = reading.columns.get("categories", NEW_COLUMN)
    if delimiter is not None and name in ("csv", "tsv"):
        return rewrite_table(text, delimiter, identity, column, writer.cell)
    if name == "jsonl":
        return rewrite_json_lines(text, identity, column, writer.member)
    raise CatalogError(f"a file of the format {name} is not written back; CSV, TSV and JSONL are")


class _Writer:
    """What the category column of each product is to hold."""

    def __init__(
        self, products: ReviewProducts, wanted: Mapping[str, Labels], signs: CategorySigns
    ) -> None:
        self.products = products
        self.wanted = wanted
        # a column that is new, or has one name a product, gets the commonest signs
        self.signs = CategorySigns(
            signs.separator or " > ", signs.delimiter or "|", signs.escaped, signs.bare
        )
        self.paths = dict(
            zip(products.catalog.ids, products.catalog.column("categories"), strict=True)
        )
        self.seen: set[str] = set()
        self.found = signs
        self.written_as_text = False

    def settings(self) -> CatalogSettings:
        """How what was written is to be read."""
        if self.signs.escaped or self.signs.bare:
            # settings cannot say so: the reader finds it out again
            return self.products.settings
        # a sign that the file did not have separates only where it was needed
        signs = self.signs if self.written_as_text else self.found
        found = {"category_separator": signs.separator, "category_delimiter": signs.delimiter}
        return self.products.settings.model_copy(update=found)

    def cell(self, identity: str, old: str | None) -> str | None:
        """As text."""
        paths = self._paths(identity)
        if paths is None:
            return old
        if old is not None and old.lstrip().startswith("["):
            return json.dumps(paths, ensure_ascii=False)
        return self._text(paths)

    def member(self, identity: str, old: Any) -> Any:
        """As JSON: text stays text, and lists of paths stay lists."""
        paths = self._paths(identity)
        if paths is None:
            return old
        if isinstance(old, str):
            return self._text(paths)
        if isinstance(old, list) and old and all(isinstance(one, str) for one in old):
            return [(self.signs.separator).join(path) for path in paths]
        return paths

    def _paths(self, identity: str) -> list[list[str]] | None:
        """The new paths of a product; None where it keeps its own."""
        # of several rows of one id the first counts, for the reader too
        if identity not in self.wanted or identity in self.seen:
            return None
        self.seen.add(identity)
        old = self.paths[identity]
        labels = set(self.wanted[identity])
        if flatten(old, self.products.mode) == labels:
            return None
        return _as_paths(self.products, old, labels)

    def _text(self, paths: list[list[str]]) -> str:
        self.written_as_text = True
        return self.signs.delimiter.join(self.signs.separator.join(path) for path in paths)


def _as_paths(products: ReviewProducts, old: Any, labels: set[str]) -> list[list[str]]:
    """Paths with exactly these labels: those of the taxonomy where they fit, else as like the old ones."""
    mode: Mode = products.mode
    if old is None and mode == "flat":
        # the longest paths of the taxonomy that hold nothing but wanted names
        known = [list(products.path_of(name)) for name in sorted(labels)]
        fitting = [path for path in known if set(path) <= labels]
        longest = [
            path
            for path in fitting
            if not any(path == other[: len(path)] != other for other in fitting)
        ]
        if flatten(longest, mode) == labels:
            return longest
    homes = {name: products.path_of(name) for name in labels}
    return relabelled(old, labels, mode, homes)


def _check(
    products: ReviewProducts,
    wanted: Mapping[str, Labels],
    suffix: str,
    content: bytes,
    settings: CatalogSettings,
) -> None:
    """Read what was written.

    Raises:
        CatalogError: a product has other labels than wanted, or anything else has changed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"catalog{suffix}"
        path.write_bytes(content)
        again = read_catalog(path, settings).catalog
    before = products.catalog
    if again.ids != before.ids:
        raise CatalogError("the file has changed since the review began; start the review again")
    for name in before.columns:
        same = name == "categories" or again.column(name) == before.column(name)
        if not same:
            raise CatalogError(f"the column {name} would be read otherwise")
    old_paths = before.column("categories")
    for identity, old, new in zip(before.ids, old_paths, again.column("categories"), strict=True):
        found = flatten(new, products.mode)
        expected = set(wanted.get(identity, flatten(old, products.mode)))
        if found != expected:
            shown = ", ".join(sorted(expected)) or "no category"
            raise CatalogError(
                f"product {identity!r} cannot be given {shown} in this file's writing"
            )
