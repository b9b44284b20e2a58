"""``shelfwise fetch``: the images that a catalogue names by URL, into a folder below the catalogue's."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.images.image_urls import record_path
from shelfwise.config import CatalogSettings
from shelfwise.config.written_files import read_written_text
from shelfwise.core.libraries import missing_library
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import json_text, write_text_atomically
from shelfwise.errors import CatalogError, ConfigError, StorageError

try:
    from shelfwise.fetching.allowlist import (
        Allowlist,
        RefusedUrlError,
        origin,
        shown,
    )
    from shelfwise.fetching.catalog_urls import image_urls
    from shelfwise.fetching.download import Limits
    from shelfwise.fetching.fetcher import Fetcher, Tally
    from shelfwise.fetching.image_folder import ImageFolder
except ModuleNotFoundError as error:
    if error.name != "httpx":
        raise
    raise missing_library(error, "fetch", "fetching images") from None

_HOSTS_SHOWN = 5


def fetch_images(
    source: Path,
    folder: Path,
    allowlist: Allowlist,
    settings: CatalogSettings,
    context: Context,
    limits: Limits | None = None,
    *,
    retry_failed: bool = False,
) -> dict[str, Any]:
    """Fetch the images that `source` names by URL, but those that are in `folder` already.

    What was done stands in a record beside the catalogue. Reading the catalogue finds the images by it.

    Args:
        source: the catalogue.
        folder: for the images; below the catalogue's folder.
        allowlist: the hosts that may be asked.
        settings: how the catalogue is read.
        context: reports the progress.
        limits: how much an image may cost, and how gently hosts are asked.
        retry_failed: ask again for what failed for good in earlier runs.

    Returns:
        What the record holds: folder; urls, how many distinct ones; there_already; fetched; failed, reason ->
        how many, of all runs; later, reason -> how many may succeed in another run; not_allowed, host -> how
        many; malformed, how many; and finished, whether nothing is left for another run.

    Raises:
        CatalogError: `source` cannot be read, or names no image by a URL.
        ConfigError: no host of the catalogue is allowed, or the certificates to trust cannot be read.
        StorageError: `folder` is not below the catalogue's, another run is writing to it, or the record's
            place holds something else.
    """
    below = _below(source, folder)
    _keep_other_files(record_path(source))
    # each once, in the order of the catalogue
    urls = list(dict.fromkeys(image_urls(source, settings, context)))
    if not urls:
        raise CatalogError(f"{source} names no image by a URL; there is nothing to fetch")
    allowed, elsewhere, malformed = _sort_out(urls, allowlist)
    if not allowed:
        raise ConfigError(_none_allowed(source, elsewhere, malformed))
    limits = limits or Limits()
    with claimed(folder):
        images = ImageFolder(folder)
        if retry_failed:
            images.forget_failures()
        missing = [url for url in allowed if not images.has(url)]
        wanted = [url for url in missing if url not in images.failed]
        found = {
            "folder": below,
            "urls": len(urls),
            "there_already": len(allowed) - len(missing),
            "not_allowed": dict(elsewhere.most_common()),
            "malformed": malformed,
        }
        fetcher = Fetcher(images, allowlist, limits)
        # written now too: what a run has fetched is used even if it is killed
        _write_record(source, {**found, "finished": False})
        with context.progress("images", len(wanted)) as progress:
            tally = asyncio.run(fetcher.fetch(wanted, progress))
        found.update(_outcome(tally, images, allowed))
        _write_record(source, found)
    return found


def outcome_lines(found: Mapping[str, Any]) -> list[str]:
    """What :func:`fetch_images` did, for people."""
    lines = [
        f"{found['urls']:,} image URLs: {found['fetched']:,} fetched now, "
        f"{found['there_already']:,} were there"
    ]
    lines += [f"  failed: {count:,} x {why}" for why, count in found["failed"].items()]
    lines += [f"  not this time: {count:,} x {why}" for why, count in found["later"].items()]
    for host, count in found["not_allowed"].items():
        lines.append(f"  not allowed: {count:,} x {host}")
    if found["malformed"]:
        lines.append(f"  malformed: {found['malformed']:,}")
    if not found["finished"]:
        lines.append("run the same command again to fetch what is missing")
    return lines


def _outcome(tally: Tally, images: ImageFolder, allowed: Sequence[str]) -> dict[str, Any]:
    failed = Counter(images.failed[url] for url in allowed if url in images.failed)
    return {
        "fetched": tally.fetched,
        "failed": dict(failed.most_common()),
        "later": dict(tally.later.most_common()),
        "finished": not tally.later,
    }


def _keep_other_files(record: Path) -> None:
    """Refuse to write over a file that has the record's name, and is none.

    Raises:
        StorageError: it would be lost.
    """
    # a link that leads nowhere would be written through
    if not os.path.lexists(record):
        return
    try:
        is_ours = record.is_file() and "folder" in json.loads(read_written_text(record))
    except (ValueError, TypeError, RecursionError):
        is_ours = False
    if not is_ours:
        raise StorageError(f"{record} exists and is no record of fetched images; move it away")


def _write_record(source: Path, found: dict[str, Any]) -> None:
    write_text_atomically(record_path(source), json_text(found) + "\n")


def _below(source: Path, folder: Path) -> str:
    """The path of `folder` from the catalogue's folder."""
    root = Path(os.path.realpath(source.parent))
    target = Path(os.path.realpath(folder))
    # images outside the catalogue's folder are never opened
    if not target.is_relative_to(root) or target == root:
        fix = f"expected a folder below {source.parent}, such as {source.parent / 'images'}"
        raise StorageError(f"--images {folder}: training would not find images there; {fix}")
    return target.relative_to(root).as_posix()


def _sort_out(urls: Sequence[str], allowlist: Allowlist) -> tuple[list[str], Counter[str], int]:
    """The URLs that may be asked for, the hosts of the others, and how many URLs are malformed."""
    allowed = []
    elsewhere: Counter[str] = Counter()
    malformed = 0
    for url in urls:
        try:
            host, port = origin(url)
        except RefusedUrlError:
            malformed += 1
            continue
        if allowlist.permits(url):
            allowed.append(url)
        else:
            # by host, as --allow takes them
            elsewhere[shown(host, port)] += 1
    return allowed, elsewhere, malformed


def _none_allowed(source: Path, hosts: Counter[str], malformed: int) -> str:
    """What to write so that images are fetched."""
    if not hosts:
        return f"all {malformed:,} image URLs of {source} are malformed; correct them"
    # most images are on one or two hosts; others may be mistakes
    common = hosts.most_common(_HOSTS_SHOWN)
    listed = ", ".join(f"{host} ({count:,})" for host, count in common)
    others = len(hosts) - len(common)
    more = f" and {others:,} more hosts" if others else ""
    options = " ".join(f"--allow {host}" for host, _ in common)
    return (
        f"{source} names images at {listed}{more}; no image is fetched from a host that is not allowed: "
        f"write {options}"
    )
