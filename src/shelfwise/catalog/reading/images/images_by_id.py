"""Images of a catalogue that names none: files that are called like the ids of its products.

``images/7.jpg`` is the image of the product 7, as ``7_1.jpg``, ``7/front.jpg`` and ``image_12_product_7.jpg``
(Rakuten) are. One of these ways, and one column, counts for the whole catalogue: ``A-1.jpg`` may be the first
image of the product A, or the image of the product A-1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS

_BARCODES = frozenset({"ean", "ean13", "gtin", "upc", "barcode", "isbn", "mpn"})

_MOST = 0.5
_SOME = 0.1
"""Share of the products that have a file, from which on it is no chance: by itself, and where most of the
files are those of products."""

_NUMBERED = re.compile(r"(.+)[ _.-]\(?(\d{1,3})\)?")
_OF_PRODUCT = re.compile(r"(?:.*[_-])?product[_-]?(.+)")
_DIGITS = re.compile(r"(\d+)")

_Rank = tuple[int | str, ...]
"""Of several files of a product the least counts."""


class NamedById(NamedTuple):
    """How files are called: like what a column holds, in one of the ways that there are."""

    column: str
    way: str


def may_name_files(column: str) -> bool:
    """Whether files may be called like what a column holds.

    >>> may_name_files("SKU"), may_name_files("title")
    (True, False)
    """
    plain = normal_name(column)
    return bool(plain) and (plain in SYNONYMS["id"] or plain in _BARCODES)


class ImagesById:
    """The files of images by the ids that they are called like.

    Args:
        paths: the files -> their paths without ending, in lower case.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = paths

    def way(self, columns: Mapping[str, Iterable[str]]) -> NamedById | None:
        """How the files are called; None where they are not called like products.

        Args:
            columns: those that files may be called like, the likeliest first, with values in lower case.
        """
        best, most = None, 0
        for way in WAYS:
            files = self.files(way)
            for column, values in columns.items():
                wanted = set(values)
                found = len(wanted & files.keys())
                are_many = found >= _MOST * len(wanted)
                are_theirs = found >= max(_SOME * len(wanted), _MOST * len(files))
                if found > most and (are_many or are_theirs):
                    best, most = NamedById(column, way), found
        return best

    def files(self, way: str) -> Mapping[str, tuple[str, ...]]:
        """The files of each id; several where it is unclear which one is meant."""
        ranked: dict[str, list[tuple[_Rank, str]]] = {}
        for path, plain in self._paths.items():
            found = WAYS[way](plain)
            if found is not None:
                ranked.setdefault(found[0], []).append((found[1], path))
        return {identity: _of_least_rank(files) for identity, files in ranked.items()}


def _of_least_rank(files: list[tuple[_Rank, str]]) -> tuple[str, ...]:
    # once for all: a folder may hold every image there is
    least, _ = min(files)
    return tuple(path for rank, path in files if rank == least)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _by_name(path: str) -> tuple[str, _Rank] | None:
    return _name(path), ()


def _by_name_and_number(path: str) -> tuple[str, _Rank] | None:
    found = _NUMBERED.fullmatch(_name(path))
    return None if found is None else (found[1], (int(found[2]),))


def _by_folder(path: str) -> tuple[str, _Rank] | None:
    folder, _, name = path.rpartition("/")
    # numbers stand in their own order, and not in that of texts
    parts = (f"{part:0>9}" if part.isdecimal() else part for part in _DIGITS.split(name))
    return (_name(folder), tuple(parts)) if folder else None


def _by_product(path: str) -> tuple[str, _Rank] | None:
    found = _OF_PRODUCT.fullmatch(_name(path))
    return None if found is None else (found[1], ())


WAYS: Mapping[str, Callable[[str], tuple[str, _Rank] | None]] = {
    "its file": _by_name,
    "its file, but for a number,": _by_name_and_number,
    "its folder": _by_folder,
    "the end of its file": _by_product,
}
"""How files are called, in words, and what gives the id and the rank of one; the likeliest first."""
