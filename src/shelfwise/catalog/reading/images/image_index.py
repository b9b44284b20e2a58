"""Finding the files of images that a catalogue names in its own way: without folder, ending or right case.

The catalogue's folder is listed once, when the first image is not where the catalogue says.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from shelfwise.catalog.reading.columns.written_words import word_set
from shelfwise.catalog.reading.images.image_paths import path_parts
from shelfwise.catalog.reading.images.images_by_id import ImagesById, NamedById, may_name_files

MAX_FILES = 500_000
"""Files and folders that are listed. In a larger folder no image is searched for."""

MAX_CHECKED = 20_000
"""Paths of which the system is asked, one by one, whether the file is there."""

SAMPLE = 100
"""Paths of each further block of records of which it is asked. The first that is missing lists the folder."""

ENDINGS = word_set(".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .tif .tiff .avif")

_BETWEEN = re.compile(r"\s*[,;|]\s*")
"""What separates the paths of a cell that holds several."""

_SHOWN = 2
"""Files shown of those that one name may mean."""


@dataclass(frozen=True)
class Found:
    """What a catalogue's path means.

    Args:
        paths: the file; several, where the path may mean each of them.
        how: how it was found, in words.
    """

    paths: tuple[str, ...]
    how: str


class ImageIndex:
    """The files of images in a folder and all folders below; hidden ones are passed over.

    Args:
        paths: of the files, relative, with forward slashes.
    """

    def __init__(self, paths: list[str]) -> None:
        self.paths = frozenset(paths)
        self._by_name: dict[str, list[str]] = {}
        for path in paths:
            self._by_name.setdefault(_name_key(path), []).append(path)

    @classmethod
    def of(cls, root: Path) -> ImageIndex | None:
        """The index of a folder; None where it holds more than :data:`MAX_FILES` files."""
        entries = list(islice(_walk(root), MAX_FILES + 1))
        if len(entries) > MAX_FILES:
            return None
        return cls([path for path, is_file in entries if is_file and _may_be_image(path)])

    def find(self, path: str) -> Found | None:
        """The file that a path most likely means; None where there is none."""
        found = self._find_one(path)
        if found is not None:
            return found
        # a name may have each of these signs, so the whole comes first
        plain = unquote(path.partition("?")[0])
        found = None if plain == path else self._find_one(plain)
        if found is not None:
            return Found(found.paths, "it is written as in a web address")
        several = _BETWEEN.split(path) if _BETWEEN.search(path) else []
        for one in several:
            found = self._find_one("/".join(path_parts(one)))
            if found is not None:
                return Found(found.paths, "the first of several in a cell")
        return None

    def _find_one(self, path: str) -> Found | None:
        candidates = self._by_name.get(_name_key(path), [])
        for how, means in _WAYS:
            paths = tuple(candidate for candidate in candidates if means(candidate, path))
            if paths:
                return Found(paths, how)
        return None


class ImageFinder:
    """Puts the paths of files in the place of what a catalogue says.

    Args:
        root: the folder that paths are relative to.
        search: whether images that are not where the catalogue says are searched for.
    """

    def __init__(self, root: Path, search: bool = True) -> None:
        self.root = root
        self._search = search
        self._index: ImageIndex | None = None
        self._checked = 0
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._named_by: NamedById | None = None
        # id -> its files, once it is known how they are called
        self._by_id: Mapping[str, tuple[str, ...]] | None = None

    def locate_by_id(self, table: pa.Table) -> pa.ChunkedArray:
        """The paths of N products' images, of which the catalogue names none.

        How their files are called is decided once, by the first products.
        """
        index = self._opened()
        if index is None or not index.paths:
            return table.column("image")
        if self._by_id is None:
            images = ImagesById({path: _folded(_without_ending(path)) for path in index.paths})
            columns = filter(may_name_files, table.column_names)
            named = {name: _folded_ids(table.column(name)) for name in columns}
            self._named_by = self._named_by or images.way(named)
            self._by_id = images.files(self._named_by.way) if self._named_by else {}
        way = self._named_by
        if way is None or way.column not in table.column_names:
            return table.column("image")
        how = f"{way.way} is called like the {way.column}, and the catalogue names none"
        located: list[str | None] = []
        for name in table.column(way.column).to_pylist():
            paths = self._by_id.get(_folded(name), ()) if name else ()
            located.append(self._tell(name, Found(paths, how)) if paths else None)
        return pa.chunked_array([pa.array(located, pa.string())])

    def locate(self, names: pa.ChunkedArray) -> pa.ChunkedArray:
        """The paths of N images, None where the product has none.

        What is not found stays as it is, and what may mean several files is None.
        """
        if not self._search or (self._index is None and self._are_there(names)):
            return names
        index = self._opened()
        # where there is no image at all, none can be found
        if index is None or not index.paths:
            return names
        written: list[str | None] = names.to_pylist()
        located: list[str | None] = []
        for name in written:
            found = None if name is None or name in index.paths else index.find(name)
            located.append(name if found is None else self._tell(name, found))
        return pa.chunked_array([pa.array(located, names.type)])

    def state(self) -> dict[str, Any]:
        """What was found out so far, JSON-ready, so that a later run can go on."""
        return {
            "listed": self._index is not None,
            "search": self._search,
            "checked": self._checked,
            "counts": dict(self._counts),
            "examples": dict(self._examples),
            "named_by": self._named_by,
        }

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Go on from what :meth:`state` told."""
        if state is None:
            return
        self._search = state["search"]
        self._checked = state["checked"]
        self._counts = Counter(state["counts"])
        self._examples = dict(state["examples"])
        named_by = state.get("named_by")
        self._named_by = NamedById(*named_by) if named_by else None
        # once the folder is listed, every image is looked up there
        if state["listed"]:
            self._index = ImageIndex.of(self.root)

    def notes(self) -> Counter[str]:
        """How images were found, in words with an example -> number of products."""
        notes: Counter[str] = Counter()
        for what, count in self._counts.items():
            example = self._examples.get(what)
            notes[what if example is None else f"{what} ({example})"] = count
        return notes

    def _are_there(self, names: pa.ChunkedArray) -> bool:
        """Whether all images are files; after many that were, a sample tells."""
        step = 1
        if self._checked + len(names) > MAX_CHECKED:
            step = max(1, len(names) // SAMPLE)
        asked = names.take(pa.array(range(0, len(names), step), pa.int64())).drop_null()
        self._checked += len(asked)
        folder = str(self.root)
        return all(os.path.isfile(os.path.join(folder, name)) for name in asked.to_pylist())

    def _opened(self) -> ImageIndex | None:
        """The list of the folder, made now if need be; None where it is too large."""
        if self._index is None and self._search:
            self._index = ImageIndex.of(self.root)
            self._search = self._index is not None
            if not self._search:
                note = f"images are not searched for, since the folder has more than {MAX_FILES:,} files"
                self._counts[note] = 1
        return self._index

    def _tell(self, name: str | None, found: Found) -> str | None:
        """The path that stands for `name`, counted; None where there are several."""
        if len(found.paths) == 1:
            what = f"the image was found: {found.how}"
            example = f"{name} is {found.paths[0]}"
        else:
            what = "the image may be one of several files, so there is none"
            example = f"{name}: {' or '.join(sorted(found.paths)[:_SHOWN])}"
        self._counts[what] += 1
        self._examples.setdefault(what, example)
        return found.paths[0] if len(found.paths) == 1 else None


def _walk(root: Path) -> Iterator[tuple[str, bool]]:
    """All files and folders below: the relative path, and whether it is a file. Links are not followed."""
    folders = [""]
    while folders:
        below = folders.pop()
        try:
            with os.scandir(root / below) as entries:
                # a bound here too: a single folder may be too large
                listed = sorted(islice(entries, MAX_FILES + 1), key=lambda entry: entry.name)
        # what cannot be listed cannot be read either
        except OSError:
            continue
        for entry in listed:
            # a name that is no text cannot stand in a catalogue
            if entry.name.startswith(".") or not entry.name.isprintable():
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            path = below + entry.name
            if is_folder:
                folders.append(path + "/")
            yield path, not is_folder


def _may_be_image(path: str) -> bool:
    ending = os.path.splitext(path)[1].lower()
    return ending in ENDINGS or not ending


def _without_ending(path: str) -> str:
    stem, dot, ending = path.rpartition(".")
    return stem if dot + ending.lower() in ENDINGS else path


def _folded(path: str) -> str:
    """The path without its letter case; accents as one character, as other systems than macOS write them."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", path).casefold()


def _folded_ids(values: pa.ChunkedArray) -> list[str]:
    return [_folded(value) for value in values.drop_null().to_pylist()]


def _name_key(path: str) -> str:
    return _folded(_without_ending(path.rpartition("/")[2]))


def _ends_with(path: str, end: str) -> bool:
    return path == end or path.endswith("/" + end)


_WAYS: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
    ("where the catalogue says", lambda path, name: path == name),
    ("below a subfolder", _ends_with),
    ("its ending is not in the catalogue", lambda path, name: _without_ending(path) == name),
    (
        "below a subfolder, its ending is not in the catalogue",
        lambda path, name: _ends_with(_without_ending(path), name),
    ),
    ("in other letter case", lambda path, name: _ends_with(_folded(path), _folded(name))),
    (
        "in other letter case, its ending is not in the catalogue",
        lambda path, name: _ends_with(_folded(_without_ending(path)), _folded(name)),
    ),
)
"""How a path may be meant, the likeliest way first: of those that fit a file, the first counts."""
