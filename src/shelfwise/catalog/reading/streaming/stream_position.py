"""Where a file stands among those of its catalogue, and how far it has been read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shelfwise.catalog.reading.duplicate_ids import DuplicateIds
from shelfwise.catalog.reading.streaming.parallel import ReadingPool


@dataclass(frozen=True)
class StreamPosition:
    """How far a file has been read, and what came of it until there; JSON-ready.

    Args:
        blocks: of the file that are accounted for.
        accepted: number of products.
        refused: kind of fault -> number of records.
        notes: plain words -> how many.
        further: columns besides ours, in the order in which they turned up.
        left_out: columns that were too many.
        images: what the search for images has found out; None where none are searched for.
    """

    blocks: int = 0
    accepted: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    further: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    images: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)


def _line(number: int) -> str:
    return f"line {number}"


@dataclass(frozen=True)
class StreamPlace:
    """A file among those of its catalogue.

    Args:
        seen: the ids of the catalogue, each with its line.
        lines_before: added to the file's line numbers, so that those of all files differ.
        describe: such a number, in words.
        pool: worker processes that help; None where this process reads alone.
        start: from where to go on; None from the beginning.
    """

    seen: DuplicateIds = field(default_factory=DuplicateIds)
    lines_before: int = 0
    describe: Callable[[int], str] = _line
    pool: ReadingPool | None = None
    start: StreamPosition | None = None
