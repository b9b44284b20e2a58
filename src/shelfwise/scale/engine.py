"""What an engine does: it has shards labelled by workers, and keeps no account of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Advanced:
    """So many more products were labelled."""

    rows: int


@dataclass(frozen=True)
class Encoded:
    """A worker is getting on with products that are not done yet.

    Args:
        stage: what it does with them, such as "images".
        steps: how many more of them that was done with.
    """

    stage: str
    steps: int


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


Event = Advanced | Encoded | Finished | Failed


class Engine(Protocol):
    """Workers that have loaded a model."""

    def label(self, numbers: Sequence[int]) -> Iterator[Event]:
        """Have the shards of these numbers labelled, each once; every shard ends as finished or failed.

        Raises:
            StorageError: no part can be written any more.
        """
        ...
