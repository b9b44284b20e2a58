"""The catalogue's own file again: the decided categories in its category column, and nothing else changed.

What is given out was read again and compared: every product has the wanted labels, and every other value is
what it was. Where that fails, the export is refused.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.reader import open_stream, read_catalog
from shelfwise.catalog.shards.manifest import is_sharded
from shelfwise.catalog.write_back.changed_columns import Change, ChangedColumns
from shelfwise.catalog.write_back.rewriting import rewritten
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.errors import CatalogError, ShelfwiseError
from shelfwise.review.database.decision_rows import Labels
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.exports.category_writing import CategoryWriter
from shelfwise.service.answers.problems import Problem

NEW_COLUMN = "categories"
"""What the column is called in a file that has none."""

Signs = tuple[str | None, str | None]
"""What separates levels and paths of categories."""

INSTEAD = "take the export for training or the table instead"


def same_catalog(products: ReviewProducts, wanted: Mapping[str, Labels]) -> bytes:
    """The bytes of the catalogue file with other categories for some products.

    Args:
        wanted: by id, the labels that a product is to have; the others keep theirs.

    Raises:
        Problem: the file is of a kind that cannot be written back, or it would be read otherwise.
    """
    path = Path(products.catalog.source)
    try:
        content, settings = _written(path, products, wanted)
        _check(products, wanted, path, content, settings)
    except (ShelfwiseError, OSError, UnicodeError) as error:
        raise Problem(409, "not-written-back", f"{path.name}: {error}; {INSTEAD}") from None
    return content


def _written(
    path: Path, products: ReviewProducts, wanted: Mapping[str, Labels]
) -> tuple[bytes, CatalogSettings]:
    """The bytes, and how they are to be read."""
    if is_sharded(path):
        raise CatalogError(
            "a folder of shards is not written back, only the file that it was made of"
        )
    with open_stream(path, products.settings) as stream:
        # something must be read: a file without any product is an error
        next(iter(stream))
        reading = stream.reading
        opened = stream.source
    writer = CategoryWriter(products, wanted, reading)

    def passed(change: Change) -> bytes:
        return rewritten(path, opened, products.settings, _place(reading, change))

    # what an object of a category holds is known only when all products were seen
    passed(writer.look_at)
    content = passed(writer.change)
    # a column that would hold nothing is not added
    return content if writer.has_changed else path.read_bytes(), writer.settings()


def _place(reading: FileReading, change: Change) -> ChangedColumns:
    """Which columns of the file hold ids and categories.

    Raises:
        CatalogError: there is no column of ids.
    """
    identity = reading.columns.get("id")
    if identity is None:
        raise CatalogError("it has no column of ids")
    combined = reading.category_columns
    names = (reading.columns.get("categories", NEW_COLUMN),) if combined is None else combined.names
    return ChangedColumns(identity, names, change)


def _check(
    products: ReviewProducts,
    wanted: Mapping[str, Labels],
    path: Path,
    content: bytes,
    settings: CatalogSettings,
) -> None:
    """Read what was written.

    Raises:
        CatalogError: a product has other labels than wanted, or anything else has changed.
    """
    with tempfile.TemporaryDirectory() as folder:
        # a compressed file is told by the whole of its name
        copy = Path(folder) / path.name
        copy.write_bytes(content)
        after = read_catalog(copy, settings).catalog
        signs = _found_signs(copy)
        # without its folder a file may find fewer images: so is the old one read, too
        copy.write_bytes(path.read_bytes())
        read = read_catalog(copy, products.settings)
        before = read.catalog
    _check_unchanged(products, before)
    combined = read.reading.category_columns
    # where each has a column of its own, nothing separates them
    if combined is None and _found_signs(path) == _signs_of(products.settings):
        _check_signs(signs, settings)
    # a column without any value left is none to the reader
    changed = {"categories", *(() if combined is None else combined.names)}
    kept = set(before.columns) - changed
    if after.ids != before.ids or set(after.columns) - changed != kept:
        raise CatalogError("other products would be read")
    for name in sorted(kept):
        if after.column(name) != before.column(name):
            raise CatalogError(f"the column {name} would be read otherwise")
    _check_labels(products, wanted, before, after)


def _check_labels(
    products: ReviewProducts, wanted: Mapping[str, Labels], before: Catalog, after: Catalog
) -> None:
    """See whether every product has its labels.

    Raises:
        CatalogError: a product has others.
    """
    pairs = zip(before.ids, before.column("categories"), after.column("categories"), strict=True)
    for identity, old, new in pairs:
        found = flatten(new, products.mode)
        # a product that nobody decided about keeps what it had
        expected = set(wanted.get(identity, flatten(old, products.mode)))
        if found != expected:
            shown = ", ".join(sorted(expected)) or "no category"
            raise CatalogError(
                f"product {identity!r} cannot be given {shown} in this file's writing"
            )


def _check_unchanged(products: ReviewProducts, found: Catalog) -> None:
    """See whether the file is the one that is reviewed.

    Raises:
        CatalogError: it has changed since.
    """
    reviewed = products.catalog
    fix = "the file has changed since the review began; start the review again"
    if found.ids != reviewed.ids or found.columns != reviewed.columns:
        raise CatalogError(fix)
    for name in reviewed.columns:
        if name != "image" and found.column(name) != reviewed.column(name):
            raise CatalogError(f"{fix} (column {name})")


def _check_signs(found: Signs | None, settings: CatalogSettings) -> None:
    """See whether a reader that is told nothing reads the changed file as one that is told.

    Args:
        found: the signs that it finds.
        settings: how the file is to be read.

    Raises:
        CatalogError: it finds others.
    """
    if found != _signs_of(settings):
        raise CatalogError(
            "its categories would be read with other signs, because few products tell them; set "
            "category_separator and category_delimiter under [catalog] of a settings file"
        )


def _signs_of(settings: CatalogSettings) -> Signs:
    return settings.category_separator, settings.category_delimiter


def _found_signs(path: Path) -> Signs | None:
    """What separates levels and paths, as the file itself shows; None where it can be read in two ways."""
    try:
        with open_stream(path, CatalogSettings()) as stream:
            signs = stream.reading.signs
    except CatalogError:
        return None
    return signs.separator, signs.delimiter
