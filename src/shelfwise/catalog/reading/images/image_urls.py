"""Images that a catalogue names by URL: what the URLs are, and the files of those that were fetched."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shelfwise.config.written_files import read_written_text
from shelfwise.errors import CatalogError

_BETWEEN_URLS = re.compile(r"[\s,;|]+(?=(?i:https?:)?//)")
"""What separates the URLs of a cell that holds several; a comma inside a URL separates nothing."""

RECORD_ENDING = ".images.json"
"""The record of ``shelfwise fetch`` has the catalogue's name and this ending."""

NOT_FETCHED = (
    "the image is a URL that was not fetched (`shelfwise fetch` does it), so there is none"
)
"""Counted where an image is named by nothing but URLs."""


@dataclass(frozen=True)
class FetchedImages:
    """The folder in which the fetched images of a catalogue lie.

    Args:
        root: the catalogue's folder.
        below: the images' folder, relative to `root`, with forward slashes.
    """

    root: Path
    below: str

    @classmethod
    def of(cls, catalog: Path) -> FetchedImages | None:
        """Those of a catalogue; None where none were fetched for it.

        Raises:
            CatalogError: the record of what was fetched cannot be read.
        """
        record = record_path(catalog)
        try:
            below = json.loads(read_written_text(record))["folder"]
            parts = Path(below).parts
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            fix = "delete it, and run `shelfwise fetch` again"
            raise CatalogError(f"{record} is no record of fetched images; {fix}") from None
        # somebody else may have written it: it must not lead out of the catalogue's folder
        if Path(below).is_absolute() or ".." in parts:
            fix = "fetch the images to a folder below the catalogue's"
            raise CatalogError(f"{record} names the folder {below}, which is outside; {fix}")
        return cls(catalog.parent, below)

    def image(self, urls: Sequence[str]) -> str | None:
        """The path, below the catalogue's folder, of the first URL that was fetched; None without one."""
        for url in urls:
            path = f"{self.below}/{file_name(url)}"
            if (self.root / path).is_file():
                return path
        return None


@dataclass(frozen=True)
class UrlsThemselves:
    """Puts the first URL in the place of the image, so that it can be fetched."""

    def image(self, urls: Sequence[str]) -> str | None:
        """The first of `urls`."""
        return urls[0] if urls else None


def stand_in(
    values: Sequence[str], images: FetchedImages | UrlsThemselves | None, notes: Counter[str]
) -> str | None:
    """What stands for an image that is named by the URLs in `values`; None, and noted, without one."""
    if not values:
        return None
    image = None if images is None else images.image(urls_in(values))
    if image is None:
        notes[NOT_FETCHED] += 1
    return image


def record_path(catalog: Path) -> Path:
    """Where ``shelfwise fetch`` writes what it did, and where reading looks for the images."""
    return catalog.with_name(catalog.name + RECORD_ENDING)


def file_name(url: str) -> str:
    """The file of a URL below the images' folder.

    It depends on nothing but the URL, so a file that is there has been fetched, and a name in a URL never
    becomes a name on the disk. It has no ending, since a URL need not tell the format.
    """
    digest = hashlib.sha256(url.encode()).hexdigest()
    # a folder of a million files is slow to list
    return f"{digest[:2]}/{digest[2:40]}"


def urls_in(values: Sequence[str]) -> list[str]:
    """The URLs of http and https in the texts of a field, in their order."""
    urls = []
    for value in values:
        for text in _BETWEEN_URLS.split(value.strip()):
            # as pages write it, for whichever scheme they are shown with
            url = f"https:{text}" if text.startswith("//") else text
            if url.lower().startswith(("http://", "https://")):
                urls.append(url)
    return urls
