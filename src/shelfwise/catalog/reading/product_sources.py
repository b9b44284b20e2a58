"""Products of any source (a file, a catalogue, what a program holds), all read by the same rules."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.python.python_containers import EXAMPLE
from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.catalog.reading.python.target_parsing import read_targets, refuse_another_order
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.errors import CatalogError

log = logging.getLogger("shelfwise")


def read_products(
    products: Any,
    settings: CatalogSettings,
    root: Path | str = ".",
    every: bool = False,
    strict: bool = False,
) -> ReadResult:
    """Read products from wherever they are.

    Args:
        products: a catalogue file; a :class:`~shelfwise.core.catalog.Catalog`, which is taken as it is; or
            what :func:`~shelfwise.catalog.reading.python.python_records.read_records` takes.
        root: the folder that image paths are relative to, where `products` is no file.
        every: each record must become a product; ids may repeat, but not in a file. Unset: what cannot be
            used is left out, and told in the log.
        strict: refuse settings that name a column which is not there.

    Raises:
        CatalogError: there is no such file, nothing in it can be used, or, with `every`, not all of it can.
    """
    reading = _read(products, settings, root, ids_repeat=every, strict=strict)
    if not reading.quarantine:
        return reading
    found = _refused_sentence(reading)
    if every:
        fix = "y has an entry a record, so mend them, or take them out of both"
        raise CatalogError(f"{found}; {fix}")
    log.warning("%s; they are left out", found)
    return reading


def read_unlabelled_products(
    products: Any, settings: CatalogSettings, root: Path | str = "."
) -> ReadResult:
    """Read products to predict on; their categories do not count, however they are written.

    What cannot be used is in the quarantine, and told in the log. Of a program's products ids may repeat, and
    those without one are numbered.

    Raises:
        CatalogError: there is no such file, or nothing in it can be used.
    """
    reading = _read(products, _without_categories(settings), root, ids_repeat=True)
    if reading.quarantine:
        log.warning("%s; they have no answer", _refused_sentence(reading))
    return reading


def _read(
    products: Any,
    settings: CatalogSettings,
    root: Path | str,
    ids_repeat: bool,
    strict: bool = False,
) -> ReadResult:
    """The products, and what cannot be used."""
    if isinstance(products, Catalog):
        return ReadResult(products, [], len(products), "catalog", settings=settings)
    if isinstance(products, str | Path):
        _check_exists(products)
        reading = read_catalog(Path(products), settings, strict=strict)
    else:
        reading = read_records(products, settings, root, ids_repeat, strict)
    for sentence in (*reading.reading.evidence, *reading.reading.rivals):
        log.info(sentence)
    return reading


@dataclass(frozen=True)
class LabelledProducts:
    """Products with their categories.

    Args:
        catalog: N products.
        settings: what later catalogues are to be read with.
        columns: of a multi-hot `y`, the label of each column.
    """

    catalog: Catalog
    settings: CatalogSettings
    columns: tuple[str, ...] | None = None


def read_labelled_products(
    products: Any,
    y: Any,
    settings: CatalogSettings,
    root: Path | str = ".",
    columns: Sequence[str] | None = None,
) -> LabelledProducts:
    """Products with the categories that they have, or those of `y`.

    Args:
        products: as :func:`read_products` takes them.
        y: as :func:`~shelfwise.catalog.reading.python.target_parsing.read_targets` takes it; None where the
            products have categories.
        columns: labels of the columns of a multi-hot `y` without names.

    Raises:
        ShelfwiseError: nothing can be used; or there is `y`, and it does not fit the products.
    """
    if y is None:
        reading = read_products(products, settings, root, strict=True)
        return LabelledProducts(reading.catalog, reading.settings)
    refuse_another_order(products, y)
    targets = read_targets(y, settings, columns)
    bare = _without_categories(settings)
    reading = read_products(products, bare, root, every=True, strict=True)
    catalog = reading.catalog.with_categories(targets.categories)
    return LabelledProducts(catalog, settings, targets.columns)


def _without_categories(settings: CatalogSettings) -> CatalogSettings:
    """`settings` with signs that need not be found in the categories, as these do not count."""
    update = {}
    for name in ("category_separator", "category_delimiter"):
        if getattr(settings, name) is None:
            update[name] = ""
    return settings.model_copy(update=update)


def _check_exists(path: str | Path) -> None:
    """Tell a text that is no path from a path that is wrong.

    Raises:
        CatalogError: there is no such file.
    """
    try:
        exists = Path(path).exists()
    except (OSError, ValueError):
        # too long for a path, or with a NUL byte
        exists = False
    if not exists:
        shown = str(path)[:80]
        raise CatalogError(
            f"there is no catalogue {shown!r}; check the path; products that are no file are dictionaries, "
            f"e.g. {EXAMPLE}"
        )


def _refused_sentence(reading: ReadResult) -> str:
    """How many records cannot be used, and why the first cannot."""
    first = reading.quarantine[0]
    source = reading.catalog.source
    of_file = f" of {source}" if source else ""
    # Python counts from 0
    place = f"line {first.line}" if source else f"number {first.line - 1}"
    count = f"{len(reading.quarantine)} of {reading.records} records{of_file}"
    return f"{count} cannot be used; the first, {place}: {first.reason}"
