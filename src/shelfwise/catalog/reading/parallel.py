"""The blocks of a source shared among processes, and handed back in the order of the file.

The process that asks works too: it settles a block whenever the others have enough to do, so that it waits neither for them to start nor
for the slowest of them.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from loky import ProcessPoolExecutor

from shelfwise.catalog.reading.blocks import CheckedBlock
from shelfwise.catalog.reading.byte_stream import Block
from shelfwise.errors import CatalogError, StorageError

Settle = Callable[[Block], CheckedBlock]

_ASKED = 3
"""Blocks that a helping process has before it, so that it never waits for the next."""

_AHEAD = 24
"""Blocks that may be settled before one that stands in front of them: what this process does while the others start."""

_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
"""For glibc, in the helping processes: what a block needed serves the next one instead of going back to the system each time."""


def shared(
    blocks: Iterable[Block], work: Settle, processes: int, file: Path | None
) -> Generator[tuple[Block, Callable[[], CheckedBlock]], None, None]:
    """Every block with a promise of what comes of it.

    Args:
        processes: how many work, this one among them.
        file: where the bytes of the blocks stand as they are; None where they do not.
    """
    if processes < 2:
        yield from ((block, partial(work, block)) for block in blocks)
        return
    waiting: deque[tuple[Block, Future[CheckedBlock], Callable[[], CheckedBlock]]] = deque()
    asked = _ASKED * (processes - 1)
    with TemporaryDirectory(prefix="shelfwise-") as folder:
        # a block makes many lists and no cycles
        executor = ProcessPoolExecutor(processes - 1, initializer=gc.disable, env=_KEEP_MEMORY)
        try:
            for number, block in enumerate(blocks):
                if sum(not sent.done() for _, sent, _ in waiting) < asked:
                    table = Path(folder, str(number))
                    sent = executor.submit(_send, _light(block, file), work, table)
                    waiting.append((block, sent, partial(_fetch, sent, table)))
                else:
                    waiting.append((block, (own := _done(work(block))), own.result))
                while waiting and (waiting[0][1].done() or len(waiting) > asked + _AHEAD):
                    first, _, promise = waiting.popleft()
                    yield first, promise
            yield from ((block, promise) for block, _, promise in waiting)
        except BrokenExecutor:
            raise _killed() from None
        finally:
            executor.shutdown(kill_workers=True)


@dataclass(frozen=True)
class _Span:
    """Bytes that a process had better read from the file than be sent."""

    file: Path
    offset: int
    length: int

    def read(self) -> bytes:
        with self.file.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)


def _light(block: Block, file: Path | None) -> Block:
    """The block as it is sent to another process."""
    return (
        block
        if file is None or block.fault
        else replace(block, data=_Span(file, block.offset, len(block.data)))
    )


def _done(settled: CheckedBlock) -> Future[CheckedBlock]:
    future: Future[CheckedBlock] = Future()
    future.set_result(settled)
    return future


def _send(block: Block, work: Settle, path: Path) -> CheckedBlock:
    """What comes of a block, but for the table, which goes through the file `path`: pipes are slow."""
    settled = work(replace(block, data=block.data.read()) if isinstance(block.data, _Span) else block)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, settled.table.schema) as writer:
        writer.write_table(settled.table)
    return replace(settled, table=None)


def _fetch(sent: Future[CheckedBlock], path: Path) -> CheckedBlock:
    try:
        settled = sent.result()
    except BrokenExecutor:
        raise _killed() from None
    except OSError as error:
        raise StorageError(
            f"the temporary folder {path.parent} cannot be used: {error}; free some space or set TMPDIR"
        ) from error
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    path.unlink()
    return replace(settled, table=table)


def _killed() -> CatalogError:
    return CatalogError(
        "a process that helped with reading was killed, perhaps for want of memory; end other programs and try again"
    )
