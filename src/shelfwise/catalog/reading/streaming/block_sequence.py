"""The blocks of a source in their order, each with what came of it; a record may span two of them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice

from shelfwise.catalog.reading.byte_stream import Block
from shelfwise.catalog.reading.file_format import OpenedFile
from shelfwise.catalog.reading.streaming.blocks import CheckedBlock
from shelfwise.catalog.reading.streaming.parallel import BlockCheck, ReadingPool, shared


@dataclass(frozen=True)
class SequencedBlock:
    """A block and what came of it.

    Args:
        done: how many blocks of the source are accounted for with this one; None while a record is begun
            that the next block ends.
    """

    block: Block
    checked: CheckedBlock
    done: int | None


def checked_in_order(
    source: OpenedFile,
    check: BlockCheck,
    pool: ReadingPool | None,
    skip: int = 0,
) -> Generator[SequencedBlock, None, None]:
    """Every block with what came of it.

    A record that a block does not end is read again with the block that follows.

    Args:
        pool: worker processes that help; None where this process works alone.
        skip: blocks at the beginning that were accounted for before.
    """
    begun: Block | None = None
    blocks = islice(source.blocks, skip, None)
    number = skip
    with closing(shared(blocks, check, pool, source.file)) as results:
        for number, (block, promise) in enumerate(results, start=skip + 1):
            if begun is not None and block.fault is None:
                # what was promised for the block alone does not count
                block = replace(begun, data=begun.data + block.data)
                checked = check(block)
                begun = None
            else:
                if begun is not None:
                    # what follows is damaged, and ends the record as the end of the file does
                    yield _last(begun, check, number - 1)
                    begun = None
                checked = promise()
            yield SequencedBlock(block, checked, number if checked.rest is None else None)
            if checked.rest is not None:
                begun = _from_byte(block, checked.rest)
    if begun is not None:
        yield _last(begun, check, number)


def _last(block: Block, check: BlockCheck, done: int) -> SequencedBlock:
    """A block that nothing follows, and what comes of it."""
    last = replace(block, last=True)
    return SequencedBlock(last, check(last), done)


def _from_byte(block: Block, begin: int) -> Block:
    """The end of a block, from one of its bytes on."""
    lines_before = block.data.count(b"\n", 0, begin)
    return Block(
        line=block.line + lines_before,
        offset=block.offset + begin,
        data=block.data[begin:],
    )
