"""What a labelling run is: a model, the shards of a catalogue, and what is wanted of each product."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, TypeAdapter

from shelfwise.catalog.shards.manifest import NOTHING_ELSE, Shard
from shelfwise.disk.files import sha256_of_json
from shelfwise.errors import StorageError

PLAN = "plan.json"
"""Written before any part: a folder that has one belongs to that run."""

LEDGER = "ledger"
"""The folder with an entry for each finished part."""

_PART = "part-"
_DIGEST_LETTERS = 16
_FORMAT = {"kind": "shelfwise labels", "version": 1}
_KEPT = ("model", "settings", "shards")


@dataclass(frozen=True)
class LabelSettings:
    """What is wanted of every product; see :func:`shelfwise.model.labelling.label`.

    Args:
        format: of the parts, jsonl or parquet.
        top: how many scores of a product are written; None for all.
        precision: the promised one, or None.
        novelty_rate: the share of false alarms, or None.
    """

    __pydantic_config__: ClassVar[ConfigDict] = NOTHING_ELSE

    format: str = "jsonl"
    top: int | None = None
    precision: float | None = None
    novelty_rate: float | None = None


@dataclass(frozen=True)
class LabelPlan:
    """A labelling run; the same plan gives the same parts, byte by byte.

    Args:
        model: the fingerprint of the model.
        settings: what is wanted.
        shards: in the order of the catalogue.
    """

    model: str
    settings: LabelSettings
    shards: Sequence[Shard]

    @property
    def rows(self) -> int:
        """Products of all shards."""
        return sum(shard.rows for shard in self.shards)

    def part_stem(self, number: int) -> str:
        """The name of a shard's part without its ending: its number, and a digest of all that makes it."""
        made_of = [self.shards[number].sha256, self.model, asdict(self.settings)]
        digest = sha256_of_json(made_of)
        return f"{_PART}{number:05}-{digest[:_DIGEST_LETTERS]}"

    def part_name(self, number: int) -> str:
        """The file name of a shard's part."""
        return f"{self.part_stem(number)}.{self.settings.format}"

    def entry_name(self, number: int) -> str:
        """The file name of a part's entry in the ledger."""
        return f"{self.part_stem(number)}.json"

    def to_bytes(self) -> bytes:
        """The plan as its file has it."""
        content = {
            **_FORMAT,
            "model": self.model,
            "settings": asdict(self.settings),
            "shards": [asdict(shard) for shard in self.shards],
        }
        return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes, place: str) -> Self:
        """The plan in a file.

        Raises:
            StorageError: it is none.
        """
        try:
            found: Mapping[str, Any] = json.loads(content)
            # what a later version notes may mean something else
            if {name: found[name] for name in _FORMAT} != _FORMAT:
                raise ValueError("another kind or version")
            return TypeAdapter(cls).validate_python({name: found[name] for name in _KEPT})
        except (ValueError, KeyError, TypeError, RecursionError):
            fix = "choose another --out, or remove the folder"
            raise StorageError(
                f"{place}/{PLAN} is not the plan of a labelling run; {fix}"
            ) from None

    def refuse_other(self, found: LabelPlan, place: str) -> None:
        """Refuse to go on with what was begun in another way.

        Raises:
            StorageError: `found` is another plan; the message names the first difference.
        """
        fix = "choose another --out, or remove the folder"
        if found.model != self.model:
            before, now = found.model[:_DIGEST_LETTERS], self.model[:_DIGEST_LETTERS]
            raise StorageError(
                f"{place} was begun with another model: expected the fingerprint {before}, found {now}; "
                f"{fix}"
            )
        wanted = asdict(self.settings)
        for name, before in asdict(found.settings).items():
            if before != wanted[name]:
                option = _OPTIONS[name]
                raise StorageError(
                    f"{place} was begun with {option} {before}, not {wanted[name]}; {fix}"
                )
        # a changed shard says more than another number of them, which is told below
        for shard, other in zip(found.shards, self.shards, strict=False):
            if shard != other:
                raise StorageError(
                    f"the shard {shard.name} changed since {place} was begun; restore it, or {fix}"
                )
        if len(found.shards) != len(self.shards):
            counts = f"{len(found.shards)} shards, not {len(self.shards)}"
            raise StorageError(f"{place} was begun with {counts}; {fix}")


_OPTIONS = {
    "format": "--format",
    "top": "--top",
    "precision": "--target-precision",
    "novelty_rate": "--novelty-rate",
}


def is_part_name(name: str) -> bool:
    """Whether a file is called as parts and what stands beside them are."""
    return name.startswith(_PART)
