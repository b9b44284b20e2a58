"""The blocks of a source shared among processes, and handed back in the order of the file.

The calling process works too: it checks a block whenever the others have enough to do, so that it waits
neither for them to start nor for the slowest of them.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from loky import ProcessPoolExecutor

from shelfwise.catalog.reading.byte_stream import Block
from shelfwise.catalog.reading.streaming.blocks import CheckedBlock
from shelfwise.errors import ReadingStoppedError, StorageError

BlockCheck = Callable[[Block], CheckedBlock]
Promise = Callable[[], CheckedBlock]
"""Gives what came of a block, and waits for it where need be."""

# blocks that a worker process has before it, so that it never waits for the next
_BLOCKS_A_WORKER = 3

# blocks that may be checked before one in front of them: this process checks some while workers start
_BLOCKS_AHEAD = 24

# for glibc, in the worker processes.
# What a block needed serves the next one instead of going back to the system each time
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
}


@dataclass(frozen=True)
class ReadingPool:
    """Worker processes that check blocks, of one file after the other.

    Args:
        executor: the processes.
        workers: how many they are.
        folder: through which their tables come.
    """

    executor: ProcessPoolExecutor
    workers: int
    folder: Path


@contextmanager
def reading_pool(processes: int) -> Iterator[ReadingPool | None]:
    """Worker processes, so that `processes` work together with this one; None for this one alone."""
    if processes < 2:
        yield None
        return
    with TemporaryDirectory(prefix="shelfwise-") as folder:
        # a block makes many lists and no cycles, so collecting garbage finds nothing
        executor = ProcessPoolExecutor(processes - 1, initializer=gc.disable, env=_KEEP_MEMORY)
        try:
            yield ReadingPool(executor, processes - 1, Path(folder))
        finally:
            executor.shutdown(kill_workers=True)


def shared(
    blocks: Iterable[Block], check: BlockCheck, pool: ReadingPool | None, file: Path | None
) -> Generator[tuple[Block, Promise], None, None]:
    """Every block with a promise of what comes of it.

    Args:
        pool: worker processes; None where this process works alone.
        file: where the bytes of the blocks can be read again as they are; None where they cannot.
    """
    if pool is None:
        for block in blocks:
            yield block, partial(check, block)
        return
    try:
        yield from _SharedFile(pool, check, file).in_order(blocks)
    except BrokenExecutor:
        raise _worker_was_killed() from None


@dataclass(frozen=True)
class _Waiting:
    """A block whose turn has not come yet.

    Args:
        future: whether it is checked.
        promise: gives what came of it, complete.
    """

    block: Block
    future: Future[CheckedBlock]
    promise: Promise


@dataclass(frozen=True)
class _SharedFile:
    """The blocks of one file, shared among the processes of a pool; see :func:`shared`."""

    pool: ReadingPool
    check: BlockCheck
    file: Path | None

    def in_order(self, blocks: Iterable[Block]) -> Iterator[tuple[Block, Promise]]:
        """Every block with its promise, in the order of the file."""
        waiting: deque[_Waiting] = deque()
        most_sent = _BLOCKS_A_WORKER * self.pool.workers
        most_waiting = most_sent + _BLOCKS_AHEAD
        for number, block in enumerate(blocks):
            unfinished = sum(not other.future.done() for other in waiting)
            if unfinished < most_sent:
                waiting.append(self._sent(block, number))
            else:
                # the workers have enough to do: this process takes a block itself
                future = _finished(self.check(block))
                waiting.append(_Waiting(block, future, future.result))
            # what is handed out need not be finished: whoever takes it waits for it
            while waiting and (waiting[0].future.done() or len(waiting) > most_waiting):
                first = waiting.popleft()
                yield first.block, first.promise
        for other in waiting:
            yield other.block, other.promise

    def _sent(self, block: Block, number: int) -> _Waiting:
        """A block that a worker is to check, which leaves the table in a file of that number."""
        table = self.pool.folder / str(number)
        future = self.pool.executor.submit(_check_and_store, self._light(block), self.check, table)
        return _Waiting(block, future, partial(_fetch, future, table))

    def _light(self, block: Block) -> Block:
        """The block as it is sent to a worker: without its bytes, where that can read them from the file."""
        if self.file is None or block.fault:
            return block
        place = _FileSpan(self.file, block.offset, len(block.data))
        return replace(block, data=place)


@dataclass(frozen=True)
class _FileSpan:
    """Bytes that a process had better read from the file than be sent."""

    file: Path
    offset: int
    length: int

    def read(self) -> bytes:
        with self.file.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.length)


def _finished(result: CheckedBlock) -> Future[CheckedBlock]:
    future: Future[CheckedBlock] = Future()
    future.set_result(result)
    return future


def _check_and_store(block: Block, check: BlockCheck, path: Path) -> CheckedBlock:
    """What comes of a block, but for the table, which goes through the file `path`: pipes are slow."""
    if isinstance(block.data, _FileSpan):
        block = replace(block, data=block.data.read())
    checked = check(block)
    table = checked.table
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return replace(checked, table=None)


def _fetch(future: Future[CheckedBlock], path: Path) -> CheckedBlock:
    """What a worker made of a block, with the table that it left in the file `path`."""
    try:
        checked = future.result()
    except BrokenExecutor:
        raise _worker_was_killed() from None
    except OSError as error:
        found = f"the temporary folder {path.parent} cannot be used: {error}"
        raise StorageError(f"{found}; free some space or set TMPDIR") from error
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    # the mapped bytes stay as long as the table needs them
    path.unlink()
    return replace(checked, table=table)


def _worker_was_killed() -> ReadingStoppedError:
    found = "a process that helped with reading was killed, perhaps for want of memory"
    return ReadingStoppedError(f"{found}; end other programs and try again")
