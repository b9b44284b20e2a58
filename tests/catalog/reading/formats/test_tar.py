"""Tar archives with a few files for each product."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.core.image_sources import EmbeddedImage
from shelfwise.errors import CatalogError

IMAGE = b"\xff\xd8\xff the content of an image"
PRODUCTS = {
    "0001.json": b'{"id": "A", "title": "Mug", "categories": [["Kitchen", "Mugs"]]}',
    "0001.jpg": IMAGE,
    "0002.PNG": IMAGE + b"2",
    "0002.json": b'{"title": "Cup"}',
    "./more/0003.json": b'{"title": "Jug"}',
}


def archive(path: Path, files: Mapping[str, bytes]) -> Path:
    """A tar archive with a folder, a link and these files."""
    with tarfile.open(path, "w") as tar:
        for kind, name in ((tarfile.DIRTYPE, "more"), (tarfile.SYMTYPE, "0000.json")):
            other = tarfile.TarInfo(name)
            other.type = kind
            other.linkname = "/etc/passwd"
            tar.addfile(other)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["shard.tar", "no-ending"])
def test_the_files_of_one_name_are_a_product(tmp_path: Path, name: str) -> None:
    result = read_catalog(archive(tmp_path / name, PRODUCTS))
    assert result.format == "tar"
    assert not result.quarantine
    catalog = result.catalog
    assert catalog.ids == ["A", "0002", "more/0003"]
    assert catalog.column("title") == ["Mug", "Cup", "Jug"]
    assert catalog.column("categories")[0] == [["Kitchen", "Mugs"]]
    images = [source.read() for source in catalog.image_sources() if source is not None]
    assert images == [IMAGE, IMAGE + b"2"]
    assert all(isinstance(source, EmbeddedImage) for source in catalog.image_sources()[:2])


def test_other_files_are_fields(tmp_path: Path) -> None:
    files = {"1.jpg": IMAGE, "1.txt": "Grüner Becher\n".encode(), "1.cls": b"mugs", "1.json": b"{}"}
    settings = CatalogSettings(columns={"title": "txt", "categories": "cls"})
    catalog = read_catalog(archive(tmp_path / "shard.tar", files), settings).catalog
    assert catalog.ids == ["1"]
    assert catalog.column("title") == ["Grüner Becher"]
    assert catalog.column("categories") == [[["mugs"]]]


def test_what_is_no_record_is_refused_in_its_place(tmp_path: Path) -> None:
    files = {
        "1.json": b"[1]",
        "2.json": b"{broken",
        "3.json": b'{"title": "Mug"}',
        "4.txt": b"\xff",
    }
    result = read_catalog(archive(tmp_path / "shard.tar", files))
    assert result.catalog.ids == ["3"]
    assert [(one.line, one.kind) for one in result.quarantine] == [
        (1, "not a record"),
        (2, "not a record"),
        (4, "half a character"),
    ]
    assert result.quarantine[0].reason == (
        "1.json is not a JSON object (Expected `object`, got `array`); expected the product's fields"
    )


def test_an_image_that_is_too_large_for_a_record_is_refused(tmp_path: Path) -> None:
    files = {"1.json": b'{"title": "Mug"}', "1.png": bytes(17 << 20), **PRODUCTS}
    result = read_catalog(archive(tmp_path / "shard.tar", files))
    assert result.catalog.ids == ["A", "0002", "more/0003"]
    [refused] = result.quarantine
    assert refused.reason == "1.png has 17,825,792 bytes; expected at most 16,777,216"


@pytest.mark.parametrize("damage", ["header", "middle of a file", "behind a file"])
def test_damage_is_told_and_what_stands_before_it_counts(tmp_path: Path, damage: str) -> None:
    """The library takes a damaged header, and a missing end, for the end of the archive."""
    files = {f"{number:04}.json": json.dumps({"title": "Mug"}).encode() for number in range(9)}
    path = archive(tmp_path / "shard.tar", files)
    content = bytearray(path.read_bytes())
    # two headers without content, then a header and a block for each product
    header = 512 * (2 + 2 * 5)
    if damage == "header":
        content[header + 10] ^= 255
    elif damage == "middle of a file":
        del content[header + 512 + 5 :]
    else:
        del content[header:]
    path.write_bytes(content)
    result = read_catalog(path)
    # nobody knows whether the product before the damage is whole
    assert result.catalog.ids == ["0000", "0001", "0002", "0003"]
    assert [one.kind for one in result.quarantine] == ["damaged tar"]


def test_other_archives_are_refused_in_words(tmp_path: Path) -> None:
    path = archive(tmp_path / "shop.tar", {"products.csv": b"id,title\n1,Mug\n", "1.jpg": IMAGE})
    with pytest.raises(
        CatalogError, match=r"holds the catalogue products.csv, not a file for each"
    ):
        read_catalog(path)
    with tarfile.open(tmp_path / "shop.tar.gz", "w:gz") as tar:
        tar.add(path, "1.json")
    with pytest.raises(CatalogError, match="is a compressed tar archive; decompress it"):
        read_catalog(tmp_path / "shop.tar.gz")
