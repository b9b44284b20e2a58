"""What an engine does: it has shards labelled by workers, and keeps no account of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shelfwise.errors import StorageError

MAX_DEATHS = 3
"""Workers that may die of one shard before it is given up."""


@dataclass(frozen=True)
class Advanced:
    """So many more products were labelled."""

    rows: int


@dataclass(frozen=True)
class Finished:
    """A shard has its part and its entry in the ledger.

    Args:
        number: of the shard.
        entry: what stands in the ledger.
        by_other: whether another run has written it.
    """

    number: int
    entry: dict[str, Any]
    by_other: bool = False


@dataclass(frozen=True)
class Failed:
    """A shard has no part.

    Args:
        number: of the shard.
        reason: in plain words.
    """

    number: int
    reason: str


Event = Advanced | Finished | Failed


def outcome_event(outcome: Mapping[str, Any]) -> Finished | Failed:
    """What a worker tells of a shard at its end.

    Raises:
        StorageError: the worker cannot write.
    """
    if outcome["kind"] == "stopped":
        fix = "free some space, and run the same command again"
        raise StorageError(f"{outcome['reason']}; {fix}")
    if outcome["kind"] == "finished":
        return Finished(outcome["number"], outcome["entry"], outcome["by_other"])
    return Failed(outcome["number"], outcome["reason"])


class Engine(Protocol):
    """Workers that have loaded a model."""

    def label(self, numbers: Sequence[int]) -> Iterator[Event]:
        """Have the shards of these numbers labelled, each once; every shard ends as finished or failed.

        Raises:
            StorageError: no part can be written any more.
        """
        ...
