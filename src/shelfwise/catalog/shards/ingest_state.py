"""What an ingestion has done so far: shards, refused records, accounts, and where to go on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shelfwise.catalog.reading.arrow import one_chunk
from shelfwise.catalog.reading.duplicate_ids import DuplicateIds
from shelfwise.catalog.reading.streaming.stream_position import StreamPosition
from shelfwise.catalog.shards.ledger import Ledger
from shelfwise.catalog.shards.manifest import QUARANTINE, Shard, SourceAccount
from shelfwise.catalog.shards.shard_writer import SHARDS, ShardWriter
from shelfwise.core.image_sources import EMBEDDED
from shelfwise.core.types import Int64Array
from shelfwise.disk.files import arrow_path, sha256_of_file
from shelfwise.disk.folders import sync
from shelfwise.errors import StorageError

UNFINISHED = "unfinished"
"""The folder of what a run needs to go on; it is gone when the manifest is there."""

SHARD_BYTES = 64 << 20
"""In memory; a shard of large products is full before it has its number of them."""

_BLOCK_BYTES = 1 << 20


class IngestState:
    """An ingestion in the middle; what is behind a checkpoint is on the disk.

    Args:
        folder: of the shards. If a run was begun there, its state is taken up.
        plan: what a new run is begun with.

    Attributes:
        plan: what the run was begun with.
        seen: the ids of all products so far, each with its line among those of all sources.
        shards: the finished ones.
        accounts: of the sources that are read to their end.
        position: in the source behind them; None for its beginning.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self._folder = folder
        self._work = folder / UNFINISHED
        self._ledger = Ledger(self._work / "ledger.jsonl")
        if not self._ledger.entries:
            self._ledger.append({"plan": plan})
        self.plan: dict[str, Any] = self._ledger.entries[0]["plan"]
        self.seen = DuplicateIds()
        self.shards: list[Shard] = []
        self.accounts: list[SourceAccount] = []
        self.position: StreamPosition | None = None
        self._between_records = True
        # since the last checkpoint
        self._new_accounts: list[SourceAccount] = []
        self._lines: list[Int64Array] = []
        for number, entry in enumerate(self._ledger.entries[1:], start=1):
            self._restore(number, entry)
        paths = [folder / shard.name for shard in self.shards]
        # begun after the last checkpoint, or of a run before this one
        for path in set(folder.glob(SHARDS)) - set(paths):
            path.unlink()
        self._writer = ShardWriter(folder, self.plan["shard_rows"], SHARD_BYTES, paths)
        self._quarantine_digest = hashlib.sha256()
        self._quarantine = self._opened_quarantine(self._ledger.entries[-1])

    @property
    def quarantine_bytes(self) -> int:
        """The size of the quarantine."""
        return self._quarantine.tell()

    def close(self) -> None:
        """Close all files; what is not behind a checkpoint is done again by a later run."""
        self._writer.abandon()
        self._quarantine.close()
        self._ledger.close()
        self.seen.close()

    def add(self, table: pa.Table, lines: Int64Array, refused: Sequence[str]) -> None:
        """Take in a batch of products and the lines of the quarantine that belong to it.

        Args:
            lines: (N,) of the products, among those of all sources.
        """
        if self._writer.lacks_columns_of(table):
            self._writer.close()
            # what is finished here need not be done again
            if self._between_records:
                self.checkpoint()
        for line in refused:
            content = line.encode()
            self._quarantine.write(content)
            self._quarantine_digest.update(content)
        self._writer.write(table)
        self._lines.append(lines)

    def reached(self, position: StreamPosition | None) -> None:
        """Tell how far the source is read; None in the middle of a record."""
        self._between_records = position is not None
        if position is not None:
            self.position = position
            self._checkpoint_if_full()

    def finish_source(self, account: SourceAccount) -> None:
        """Tell that a source is read to its end."""
        self.accounts.append(account)
        self._new_accounts.append(account)
        self.position = None
        self._between_records = True
        self._checkpoint_if_full()

    def checkpoint(self) -> None:
        """Finish the open shard, and write down that a later run goes on behind it."""
        self._writer.close()
        self._quarantine.flush()
        # all of it is on the disk before the line of the ledger that says so
        os.fsync(self._quarantine.fileno())
        paths = self._writer.paths[len(self.shards) :]
        shards = [_described(path) for path in paths]
        lines = self._write_lines(len(self._ledger.entries))
        position = None if self.position is None else self.position.to_dict()
        self._ledger.append(
            {
                "shards": [asdict(shard) for shard in shards],
                "accounts": [asdict(account) for account in self._new_accounts],
                "position": position,
                "quarantine_bytes": self.quarantine_bytes,
                "quarantine_sha256": self._quarantine_digest.hexdigest(),
                "lines": lines,
            }
        )
        self.shards += shards
        self._new_accounts = []

    def release_quarantine(self) -> None:
        """Let the refused records stand beside the shards, all being read."""
        (self._work / QUARANTINE).rename(self._folder / QUARANTINE)

    def _checkpoint_if_full(self) -> None:
        if self._writer.is_full:
            self.checkpoint()

    def _restore(self, number: int, entry: Mapping[str, Any]) -> None:
        """Take in a checkpoint of an earlier run."""
        path = self._lines_path(number)
        self._check_unchanged(path, entry["lines"])
        lines: Int64Array = np.load(path)
        for facts in entry["shards"]:
            shard = Shard(**facts)
            ids = self._ids_of(shard)
            # the lines of the entry's shards stand behind each other
            self.seen.add(ids, lines[: len(ids)])
            lines = lines[len(ids) :]
            self.shards.append(shard)
        self.accounts += [SourceAccount(**facts) for facts in entry["accounts"]]
        found = entry["position"]
        self.position = None if found is None else StreamPosition(**found)

    def _check_unchanged(self, path: Path, sha256: str) -> None:
        """Refuse to go on from something else than what was written.

        Raises:
            StorageError: the file is missing, or was changed.
        """
        if not path.is_file() or sha256_of_file(path) != sha256:
            raise self._damaged(path)

    def _damaged(self, path: Path) -> StorageError:
        fix = f"remove {self._folder} and ingest again"
        return StorageError(f"{path} is missing, or was changed after it was written; {fix}")

    def _ids_of(self, shard: Shard) -> pa.Array:
        """The ids of a finished shard."""
        path = self._folder / shard.name
        self._check_unchanged(path, shard.sha256)
        return one_chunk(pq.read_table(arrow_path(path), columns=["id"]).column("id"))

    def _lines_path(self, number: int) -> Path:
        return self._work / f"lines-{number:05}.npy"

    def _write_lines(self, number: int) -> str:
        """Keep on which line each product since the last checkpoint stands; the digest of the file."""
        path = self._lines_path(number)
        np.save(path, np.concatenate([np.empty(0, np.int64), *self._lines]))
        sync(path)
        self._lines = []
        return sha256_of_file(path)

    def _opened_quarantine(self, last: Mapping[str, Any]) -> BinaryIO:
        """The refused records, to be continued behind those of the last checkpoint.

        Args:
            last: the last entry; without a checkpoint it is the plan.
        """
        path = self._work / QUARANTINE
        released = self._folder / QUARANTINE
        # a run was stopped between the last two steps
        if released.exists():
            released.rename(path)
        path.touch()
        file = path.open("r+b")
        left = last.get("quarantine_bytes", 0)
        while block := file.read(min(left, _BLOCK_BYTES)):
            self._quarantine_digest.update(block)
            left -= len(block)
        found = self._quarantine_digest.hexdigest()
        if found != last.get("quarantine_sha256", found):
            file.close()
            raise self._damaged(path)
        # what was written behind the last checkpoint is written again
        file.truncate()
        return file


def _described(path: Path) -> Shard:
    """A finished shard as the manifest has it."""
    images = pq.read_table(arrow_path(path), columns=["image"]).column("image")
    files = pc.sum(pc.not_equal(images, EMBEDDED)).as_py() or 0
    return Shard(path.name, len(images), path.stat().st_size, sha256_of_file(path), files)
