"""Pieces and blocks tile any file: nothing is lost, and each knows its line and its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.catalog.reading.byte_stream import CorruptFileError, split_lines
from shelfwise.catalog.reading.streaming import block_cutting
from shelfwise.catalog.reading.streaming.block_cutting import cut_blocks
from shelfwise.errors import ShelfwiseError


@given(st.lists(st.binary(max_size=9) | st.sampled_from([b"\n", b"\n\n", b"\r\n"])))
def test_pieces_tile_any_file(chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    pieces = list(split_lines(chunks))
    assert b"".join(p.raw for p in pieces) == data
    at = 0
    for piece in pieces:
        assert piece.offset == at
        assert piece.line == data[:at].count(b"\n") + 1
        at += len(piece.raw)
    assert pieces == list(split_lines([data]))


@given(
    st.lists(st.binary(max_size=9) | st.sampled_from([b"\n", b"\n\n", b"\r\n"])),
    st.integers(1, 12),
    st.integers(0, 3),
)
def test_blocks_tile_what_follows_the_header(chunks: list[bytes], size: int, header: int) -> None:
    data = b"".join(chunks)
    pieces = list(split_lines([data]))
    after = pieces[header - 1] if 0 < header <= len(pieces) else None
    at = 0 if after is None else after.offset + len(after.raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_cutting, "BLOCK_BYTES", size)
        blocks = list(cut_blocks(chunks, after))
    assert b"".join(b.data for b in blocks) == data[at:]
    for block in blocks:
        assert block.offset == at
        assert block.line == data[:at].count(b"\n") + 1
        assert block is blocks[-1] or block.data.endswith(b"\n")
        at += len(block.data)


def test_damage_is_one_of_the_errors_raised_on_purpose() -> None:
    assert issubclass(CorruptFileError, ShelfwiseError)
