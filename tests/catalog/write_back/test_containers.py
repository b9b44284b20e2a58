"""Compressed files and archives around other content."""

from __future__ import annotations

import gzip
import io
import warnings
import zipfile
from pathlib import Path

import pytest

from shelfwise.catalog.write_back.containers import unpack, with_member
from shelfwise.errors import CatalogError


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


def archive_of(*members: tuple[str, bytes]) -> bytes:
    written = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        # a name that stands twice is what is tested
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(name, content)
    return written.getvalue()


def test_an_archive_of_many_members_keeps_all_others() -> None:
    members = [(f"note-{number}.md", b"x" * number) for number in range(3_000)]
    packed = with_member(archive_of(("a.csv", b"old"), *members), "a.csv", b"new")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        found = [(name, archive.read(name)) for name in archive.namelist()]
    assert found == [("a.csv", b"new"), *members]


def test_a_member_that_stands_twice_is_refused() -> None:
    packed = archive_of(("a.csv", b"one"), ("a.csv", b"two"))
    with pytest.raises(CatalogError, match=r"holds a\.csv more than once"):
        with_member(packed, "a.csv", b"new")


def test_another_member_that_expands_without_measure_is_refused() -> None:
    packed = archive_of(("a.csv", b"old"), ("bomb.bin", bytes(100 << 20)))
    with pytest.raises(CatalogError, match="expands to 104,857,603 bytes, more than 200 times"):
        with_member(packed, "a.csv", b"new")


def test_another_member_that_is_damaged_is_refused() -> None:
    packed = archive_of(("a.csv", b"old"), ("photo.raw", b"some light and more light"))
    place = packed.index(b"photo.raw") + len(b"photo.raw")
    damaged = packed[:place] + b"\xff\xff\xff" + packed[place + 3 :]
    with pytest.raises(CatalogError, match=r"cannot be copied .*; make it anew"):
        with_member(damaged, "a.csv", b"new")


def test_another_member_with_a_password_is_refused() -> None:
    packed = archive_of(("a.csv", b"old"), ("secret.md", b"a secret"))
    # the first of its flags, in the list at the end, tells of a password
    place = packed.rindex(b"PK\x01\x02") + 8
    locked = packed[:place] + bytes([packed[place] | 1]) + packed[place + 1 :]
    with pytest.raises(CatalogError, match="password"):
        with_member(locked, "a.csv", b"new")
