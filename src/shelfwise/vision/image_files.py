"""Opening the file of an image: below its folder, regular, and not too large."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from shelfwise.core.image_sources import ImageFile
from shelfwise.vision.image_decoding import ImageRejectedError

MAX_BYTES = 50_000_000

# what a system lacks is 0
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", 0)
# a pipe without a writer would keep the caller waiting
_REGULAR = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_OPENS_BELOW = os.open in os.supports_dir_fd


def read_image_file(source: ImageFile | Path) -> bytes:
    """The bytes of a file.

    The path of an :class:`~shelfwise.core.image_sources.ImageFile` comes from a catalogue, so it must not
    lead out of the catalogue's folder, by a link neither. A path comes from the caller, and may lead
    anywhere.

    Raises:
        ImageRejectedError: no such file, no regular one, outside the folder, not readable, or beyond 50 MB.
    """
    try:
        if isinstance(source, ImageFile):
            descriptor = _open_below(source)
        else:
            descriptor = os.open(source, os.O_RDONLY | _REGULAR)
        try:
            return _read_regular(descriptor)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise ImageRejectedError("there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ImageRejectedError(f"the file cannot be read ({type(error).__name__})") from None


def _read_regular(descriptor: int) -> bytes:
    found = os.fstat(descriptor)
    if stat.S_ISDIR(found.st_mode):
        raise ImageRejectedError("the file cannot be read (it is a folder)")
    if not stat.S_ISREG(found.st_mode):
        raise ImageRejectedError("the file cannot be read (it is a pipe or device)")
    size = found.st_size
    if size > MAX_BYTES:
        raise ImageRejectedError(f"the file has {size:,} bytes, more than {MAX_BYTES:,}")
    parts: list[bytes] = []
    left = MAX_BYTES
    # no more than is allowed, even if the file grows meanwhile
    while left and (part := os.read(descriptor, min(left, max(size, 1)))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _open_below(source: ImageFile) -> int:
    """The file, opened; links are followed only to places below the folder."""
    path = PurePosixPath(source.name)
    parts = path.parts
    if path.is_absolute() or ".." in parts or not parts:
        raise _outside(source)
    if _OPENS_BELOW:
        try:
            return _walk(source.root, parts)
        except FileNotFoundError:
            raise
        # perhaps a link: one that stays below the folder may be followed
        except OSError:
            pass
    root = Path(os.path.realpath(source.root))
    target = Path(os.path.realpath(root / source.name))
    if not target.is_relative_to(root):
        raise _outside(source)
    if not _OPENS_BELOW:
        return os.open(target, os.O_RDONLY | _REGULAR)
    # opened without links, so that none can be put in between
    return _walk(root, target.relative_to(root).parts)


def _walk(root: Path, parts: Sequence[str]) -> int:
    """The file `parts` below `root`, each opened below the one before, no link followed."""
    folder = os.open(root, os.O_RDONLY | _FOLDER)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | _FOLDER | _NO_LINK, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(parts[-1], os.O_RDONLY | _REGULAR | _NO_LINK, dir_fd=folder)
    finally:
        os.close(folder)


def _outside(source: ImageFile) -> ImageRejectedError:
    return ImageRejectedError(
        f"the path leads out of the catalogue's folder {source.root}; "
        "put the images, not a link to them, below it"
    )
