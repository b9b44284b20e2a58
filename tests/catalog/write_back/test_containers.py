"""Compressed files and archives around other content."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from shelfwise.catalog.write_back.containers import unpack


@pytest.mark.parametrize("extra", [b"", b"AB\x02\x00xy"])
def test_a_gzip_file_with_or_without_further_facts(tmp_path: Path, extra: bytes) -> None:
    plain = gzip.compress(b"old", mtime=7)
    flags = 8 | (4 if extra else 0)
    length = len(extra).to_bytes(2, "little") if extra else b""
    path = tmp_path / "shop.csv.gz"
    path.write_bytes(
        plain[:3] + bytes([flags]) + plain[4:10] + length + extra + b"a.csv\0" + plain[10:]
    )
    unpacked = unpack(path)
    assert unpacked.content == b"old"
    packed = unpacked.pack(b"new")
    assert gzip.decompress(packed) == b"new"
    assert packed[10:16] == b"a.csv\0"
    assert packed[4:8] == (7).to_bytes(4, "little")


def test_a_gzip_file_of_several_parts_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv.gz"
    path.write_bytes(gzip.compress(b"a") + gzip.compress(b"b"))
    assert unpack(path).content == b"ab"


def test_a_plain_file_is_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(b"id,title")
    assert unpack(path).pack(b"x") == b"x"
