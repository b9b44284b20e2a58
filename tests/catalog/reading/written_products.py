"""Forty made-up products, and tables and files of them, for tests of reading."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shelfwise.catalog.reading.reader import ReadResult, read_catalog

SHOES = "Shoes, Boots & Sandals"
MAIN = (
    ("Home & Kitchen", "Kitchen", "Mugs"),
    ("Home & Kitchen", "Kitchen", "Kettles"),
    ("Clothing", SHOES, "Sandals"),
    ("Clothing", "Shirts"),
    ("Gifts",),
    ("Clothing", SHOES, "Boots"),
    ("Home & Kitchen", "Bedding", "Pillows"),
    ("Pets", "Feeders"),
    ("Toys", "Puzzles"),
)
BRANDS = ("Kestrel", "Marlow", "Tansy")


@dataclass(frozen=True)
class Written:
    """A product as it is written, and as it should be read."""

    id: str
    title: str
    description: str
    paths: tuple[tuple[str, ...], ...]
    price: float
    brand: str

    @property
    def leaves(self) -> list[str]:
        return [path[-1] for path in self.paths]


def _paths(number: int) -> tuple[tuple[str, ...], ...]:
    """One path in nine turns; every third product is a gift, every seventh a puzzle."""
    main = number % len(MAIN)
    paths = [MAIN[main]]
    if number % 3 == 0 and main != 4:
        paths.append(MAIN[4])
    if number % 7 == 0 and main != 8:
        paths.append(MAIN[8])
    return tuple(paths)


def _product(number: int) -> Written:
    paths = _paths(number)
    brand = BRANDS[number % len(BRANDS)]
    kind = paths[0][-1].lower()
    return Written(
        id=f"SKU-{number + 1:04d}",
        title=f"{brand} {kind} no {number + 1}",
        description=f"Fine {kind}, made by hand.",
        paths=paths,
        price=round(4 + number * 37.25, 2),
        brand=brand,
    )


PRODUCTS = [_product(number) for number in range(40)]


def table(header: Iterable[str], rows: Iterable[Iterable[object]], separator: str = ",") -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def read(folder: Path, content: str | bytes, name: str = "products.csv") -> ReadResult:
    """What is read from a file of this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_catalog(path)


def paths_read(result: ReadResult) -> list[set[tuple[str, ...]]]:
    found = result.catalog.column("categories")
    return [set(map(tuple, paths or ())) for paths in found]


def names_read(result: ReadResult) -> list[set[str]]:
    return [{name for path in paths for name in path} for paths in paths_read(result)]
