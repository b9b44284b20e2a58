"""The cache folder of a user: private, bounded, and what was used longest ago goes first."""

from __future__ import annotations

import logging
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from shelfwise.disk.folders import make_folders
from shelfwise.errors import ConfigError

log = logging.getLogger("shelfwise")

SIZE_VARIABLE = "SHELFWISE_CACHE_GB"
"""The environment variable with the largest size of the cache, in gigabytes."""

DEFAULT_GIGABYTES = 20.0

GRACE_SECONDS = 3600.0
"""What was used more recently may be in use by another run, and stays."""

CACHED = (".safetensors", ".part")
"""Endings of what may be removed: shards, and what killed runs have left of them."""


def opened_cache(folder: Path) -> Path | None:
    """`folder`, private where it is new, and within its limit; None where it is not to be trusted.

    Raises:
        ConfigError: the limit is no number of gigabytes.
    """
    limit = _limit()
    try:
        make_folders(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        mode = folder.stat().st_mode
    except OSError as error:
        # a cache that cannot be had costs time only
        log.warning("nothing is cached: %s cannot be used (%s)", folder, error.strerror)
        return None
    # whoever may write there could make the networks see what they like
    if mode & stat.S_IWOTH:
        fix = f"chmod o-w {folder}, or name another folder in SHELFWISE_CACHE"
        log.warning("nothing is cached: everybody may write to %s; %s", folder, fix)
        return None
    trim(folder, limit)
    return folder


def trim(folder: Path, limit: int) -> None:
    """Remove what was used longest ago until at most `limit` bytes are left."""
    used: list[tuple[float, int, Path]] = []
    for path in folder.rglob("*"):
        # another run may be removing the same file
        with suppress(OSError):
            if path.suffix in CACHED and not path.is_symlink():
                found = path.stat()
                used.append((found.st_mtime, found.st_size, path))
    size = sum(bytes_ for _, bytes_, _ in used)
    recent = time.time() - GRACE_SECONDS
    for seconds, bytes_, path in sorted(used):
        if size <= limit or seconds > recent:
            break
        with suppress(OSError):
            path.unlink()
            size -= bytes_


def _limit() -> int:
    """The largest size of the cache, in bytes."""
    given = os.environ.get(SIZE_VARIABLE) or str(DEFAULT_GIGABYTES)
    try:
        gigabytes = float(given)
    except ValueError:
        gigabytes = -1.0
    # also refuses nan
    if not 0 <= gigabytes < float("inf"):
        raise ConfigError(
            f"{SIZE_VARIABLE} is {given!r}, expected a number of gigabytes such as {DEFAULT_GIGABYTES:g}"
        )
    return int(gigabytes * 1e9)
