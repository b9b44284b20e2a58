"""Which files of a folder are catalogues, by their names."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache

from shelfwise.catalog.reading.images.image_urls import RECORD_ENDING
from shelfwise.core.registry import formats
from shelfwise.errors import PluginError

_COMPRESSED = (".gz", ".zip")


def is_catalog_name(name: str) -> bool:
    """Whether the name of a file ends as a catalogue's does; hidden ones and lists of images do not count."""
    if name.endswith(RECORD_ENDING) or name.startswith("."):
        return False
    stem, ending = os.path.splitext(name.lower())
    if ending in _COMPRESSED:
        ending = os.path.splitext(stem)[1]
    return ending in _endings()


@cache
def _endings() -> frozenset[str]:
    """How the names of catalogue files end."""
    found: set[str] = set()
    for name in formats.names():
        # a format whose library is missing cannot be read anyway
        with suppress(PluginError):
            found.update(formats.load(name).suffixes)
    return frozenset(found)
