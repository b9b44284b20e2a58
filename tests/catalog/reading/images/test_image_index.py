"""Images are found where the catalogue does not say it quite right, and never taken for another's."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from shelfwise.catalog.reading.images import image_index
from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.catalog.reading.to_parquet import convert_catalog

FILES = (
    "images/1.png",
    "images/deep/2.JPG",
    "images/a,b.png",
    "mugs/3.png",
    "kettles/3.png",
    "both/4.png",
    "both/4.jpg",
    "images/Caf\u00e9 5.webp",
    "notes.txt",
    ".hidden/6.png",
    "images/7",
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def read(folder: Path, images: Sequence[str | None]) -> ReadResult:
    records = [{"id": str(i), "title": "Mug", "image": image} for i, image in enumerate(images)]
    lines = map(json.dumps, records)
    (folder / "catalog.jsonl").write_text("\n".join(lines), "utf-8")
    return read_catalog(folder / "catalog.jsonl")


def images(reading: ReadResult) -> list[str | None]:
    return reading.catalog.column("image")


@pytest.mark.parametrize(
    ("written", "file", "how"),
    [
        ("1.png", "images/1.png", "below a subfolder"),
        ("deep/2.JPG", "images/deep/2.JPG", "below a subfolder"),
        ("images/1", "images/1.png", "its ending is not in the catalogue"),
        ("1", "images/1.png", "below a subfolder, its ending is not in the catalogue"),
        ("7", "images/7", "below a subfolder"),
        ("Images/1.PNG", "images/1.png", "in other letter case"),
        ("DEEP/2", "images/deep/2.JPG", "in other letter case, its ending is not in the catalogue"),
        ("images/Cafe\u0301 5.webp", "images/Caf\u00e9 5.webp", "in other letter case"),
        ("images/1.png,images/8.png", "images/1.png", "the first of several in a cell"),
        ("8.png; ./1.png", "images/1.png", "the first of several in a cell"),
        ("1|2", "images/1.png", "the first of several in a cell"),
        ("images/1.png?v=2", "images/1.png", "it is written as in a web address"),
        (
            "images/Caf%C3%A9%205.webp",
            "images/Caf\u00e9 5.webp",
            "it is written as in a web address",
        ),
    ],
)
def test_found_and_told(shop: Path, written: str, file: str, how: str) -> None:
    reading = read(shop, [written, None, written])
    assert images(reading) == [file, None, file]
    assert reading.notes == {f"the image was found: {how} ({written} is {file})": 2}


@pytest.mark.parametrize("written", ["images/1.png", "images/a,b.png", "images/deep/2.JPG"])
def test_a_path_that_is_right_stays(shop: Path, written: str) -> None:
    reading = read(shop, [written])
    assert images(reading) == [written]
    assert not reading.notes


@pytest.mark.parametrize(
    "written",
    ["shirts/1.png", "1.jpg", "images/1.png.bak", "notes", "6.png", "none.png", "deep", "1.png/x"],
)
def test_nothing_else_is_taken_for_it(shop: Path, written: str) -> None:
    reading = read(shop, [written])
    assert images(reading) == [written]
    assert not reading.notes


@pytest.mark.parametrize(
    ("written", "first", "second"),
    [("3.png", "kettles/3.png", "mugs/3.png"), ("both/4", "both/4.jpg", "both/4.png")],
)
def test_what_may_be_several_files_is_refused_and_both_are_shown(
    shop: Path, written: str, first: str, second: str
) -> None:
    reading = read(shop, [written, "images/1.png"])
    assert images(reading) == [None, "images/1.png"]
    assert len(reading.catalog) == 2
    note = (
        f"the image may be one of several files, so there is none ({written}: {first} or {second})"
    )
    assert reading.notes == {note: 1}


def test_a_large_folder_is_not_searched_and_that_is_told(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_index, "MAX_FILES", 5)
    reading = read(shop, ["1.png", "images/1.png"])
    assert images(reading) == ["1.png", "images/1.png"]
    assert reading.notes == {
        "images are not searched for, since the folder has more than 5 files": 1
    }


def test_many_images_are_looked_up_in_the_list(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_index, "MAX_CHECKED", 1)
    (shop / "link.png").symlink_to("images/1.png")
    written = ["images/1.png", "mugs/3.png", "deep/2.JPG", "none.png", "link.png"]
    reading = read(shop, written)
    assert images(reading) == [
        "images/1.png",
        "mugs/3.png",
        "images/deep/2.JPG",
        "none.png",
        "link.png",
    ]


def test_the_folder_is_listed_once_and_only_where_it_is_needed(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = []
    once = image_index._walk

    def walk(root: Path):  # type: ignore[no-untyped-def]
        listed.append(root)
        return once(root)

    monkeypatch.setattr(image_index, "_walk", walk)
    read(shop, ["images/1.png"] * 3)
    assert not listed
    read(shop, ["1.png", "none.png", "2.JPG", "3.png"])
    assert listed == [shop]


def test_links_to_folders_are_not_followed(shop: Path) -> None:
    (shop / "images/again").symlink_to(shop / "images")
    (shop / "elsewhere").symlink_to("/etc")
    assert images(read(shop, ["1.png", "passwd"])) == ["images/1.png", "passwd"]


def test_every_way_to_read_finds_the_same(shop: Path, tmp_path: Path) -> None:
    written = ["1.png", "Images/1.PNG", "none.png", None, "3.png", f"{shop}/images/1.png"]
    wanted = ["images/1.png", "images/1.png", "none.png", None, None, "images/1.png"]
    records = [{"id": str(i), "image": image} for i, image in enumerate(written)]
    # an absolute path is a program's own, and stays
    assert images(read_records(records[:-1], root=shop)) == wanted[:-1]
    with (shop / "catalog.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["id", "image"])
        table.writeheader()
        table.writerows(records)
    assert images(read_catalog(shop / "catalog.csv")) == wanted
    convert_catalog(shop / "catalog.csv", shop / "shards")
    found: list[str | None] = []
    for path in sorted((shop / "shards").glob("*.parquet")):
        found += images(read_catalog(path))
    assert found == wanted
