"""What a catalogue says of an image: a path below the catalogue's folder, or the image itself."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote

from shelfwise.catalog.reading.categories.written_lists import is_written_list, unpacked
from shelfwise.catalog.reading.images.embedded_images import embedded_image
from shelfwise.catalog.reading.images.image_urls import stand_in
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.objects.json_objects import address_of
from shelfwise.catalog.reading.value_parsing import Rules

_URL = re.compile(r"(?i)(?:https?:)?//|data:")
_FILE_URL = re.compile(r"(?i)file:/+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LINE_BREAK = re.compile(r"[\r\n]+")
_SHARE = re.compile(r"^\\\\(?=\w)")
_DRIVE = re.compile(r"[A-Za-z]:/")

_MIN_PARTS = 2
"""Names at the end of an absolute path from another machine, so that a file may be taken for its own."""


def read_image(value: Any, rules: Rules) -> str | bytes | None:
    """A relative path with forward slashes, the first of a list that is no URL; or the content of a file.

    Of a list with images that lie in the catalogue itself the first of these counts. Where all are URLs, the
    file of the first that was fetched. None, and noted, where none was, or where the path leads out of the
    catalogue's folder.
    """
    value = unpacked(value) if is_written_list(value) else value
    values = value if isinstance(value, list | tuple) else [value]
    for one in values:
        content = embedded_image(one, rules.notes)
        if content is not None:
            return content
    addresses = map(address_of, values)
    # false is what programs such as Odoo answer where there is none
    candidates = [one for one in addresses if not is_missing(one) and one is not False]
    if not all(isinstance(candidate, str) for candidate in candidates):
        rules.notes["the image is no path, so there is none"] += 1
        return None
    paths = _lines(candidates)
    # a file is there at once, an address may have been fetched
    local = next((path for path in paths if not _URL.match(path)), None)
    if local is None:
        return stand_in(candidates, rules.urls, rules.notes)
    relative = _relative(local, rules)
    if relative is None:
        rules.notes["the image is no path below the catalogue's folder, so there is none"] += 1
    return relative


def path_parts(path: str) -> list[str]:
    """The names that a path with forward slashes is made of."""
    return [part for part in path.split("/") if part not in ("", ".")]


def _lines(texts: Sequence[str]) -> list[str]:
    """The paths of all texts, one a line, with forward slashes."""
    paths = []
    for text in texts:
        for line in _LINE_BREAK.split(text):
            # a share of Windows, \\server\images, begins as addresses do once its strokes are turned
            path = _SHARE.sub("/", line.strip()).replace("\\", "/")
            # what follows is written as in a web address
            if _FILE_URL.match(path):
                path = "/" + unquote(_FILE_URL.sub("", path))
            if path:
                paths.append(path)
    return paths


def _relative(path: str, rules: Rules) -> str | None:
    """The path below the catalogue's folder; None where it leads elsewhere."""
    root = rules.root
    parts = path_parts(path)
    if not parts or ".." in parts or not path.isprintable():
        return None
    is_absolute = path.startswith("/") or _SCHEME.match(path)
    if not is_absolute:
        return "/".join(parts)
    if root is None:
        return None
    # a file address of Windows has a slash before its drive
    path = path.lstrip("/") if _DRIVE.match(path.lstrip("/")) else path
    below = _below(path, root)
    if below is None:
        below = _from_elsewhere(path_parts(path), root)
        if below is not None:
            rules.notes["the image was found: by the end of an absolute path"] += 1
    if below is None and path.startswith("/"):
        # as shops write paths below their own media folder
        below = "/".join(parts)
    return below


def _below(path: str, root: Path) -> str | None:
    """An absolute path below `root`, as it is or through links."""
    for folder in dict.fromkeys((os.path.abspath(root), os.path.realpath(root))):
        if PurePath(path).is_relative_to(folder):
            return PurePath(path).relative_to(folder).as_posix()
    return None


def _from_elsewhere(parts: Sequence[str], root: Path) -> str | None:
    """The end of an absolute path that another machine wrote, where it is a file below `root`.

    So that no other file is taken for it, two names must agree: the file's and its folder's. Of a file that
    lies in `root` itself the folder's name is that of `root`.
    """
    for start in range(1, len(parts)):
        end = "/".join(parts[start:])
        agrees = len(parts) - start >= _MIN_PARTS or parts[start - 1] == root.absolute().name
        if agrees and (root / end).is_file():
            return end
    return None
