"""The entry of a finished part in the ledger, as its file has it: facts, and a digest of them.

Whoever continues a run believes its entries. One with a wrong digit, or that of another part, would lose
products or count them twice without a word.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from shelfwise.disk.files import json_text
from shelfwise.errors import StorageError
from shelfwise.scale.plan import LabelPlan

_CHECKSUM = "checksum"

FILES_BESIDE = ("refusals", "quarantine")
"""What an entry calls the files beside a part; each is None where there is nothing to tell."""


def entry_bytes(entry: Mapping[str, Any]) -> bytes:
    """The content of an entry's file."""
    sealed = {**entry, _CHECKSUM: _checksum(entry)}
    return (json_text(sealed) + "\n").encode()


def read_entry(content: bytes, plan: LabelPlan, number: int) -> dict[str, Any]:
    """What :func:`entry_bytes` was given.

    Args:
        number: of the shard whose entry it is to be.

    Raises:
        StorageError: it was damaged, or is the entry of another part.
    """
    try:
        entry = dict(json.loads(content))
        # the checksum is of all else
        is_whole = entry.pop(_CHECKSUM) == _checksum(entry)
    except (ValueError, KeyError, TypeError, RecursionError):
        is_whole = False
    if not is_whole or entry.get("part") != plan.part_name(number):
        name = plan.entry_name(number)
        raise StorageError(
            f"the entry {name} of the ledger was damaged; run the same command again"
        )
    return entry


def files_of(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and sha256 of each file that a shard has become."""
    yield entry["part"], entry["sha256"]
    for kind in FILES_BESIDE:
        if entry[kind] is not None:
            yield entry[kind]["file"], entry[kind]["sha256"]


def _checksum(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(json_text(entry).encode()).hexdigest()
