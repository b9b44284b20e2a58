"""Images that no column names, whose files are called like the ids of products."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from shelfwise.catalog.reading.images import images_by_id
from shelfwise.catalog.reading.reader import ReadResult, open_stream, read_catalog
from shelfwise.config import CatalogSettings

PRODUCTS = [{"id": str(100 + n), "sku": f"A-{n}", "title": f"Mug {n}"} for n in range(12)]


def read(folder: Path, files: Iterable[str], products: Sequence[object] = PRODUCTS) -> ReadResult:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    path = folder / "catalog.jsonl"
    path.write_text("\n".join(map(json.dumps, products)), "utf-8")
    return read_catalog(path)


@pytest.mark.parametrize(
    ("written", "first", "how"),
    [
        (("images/{id}.jpg",), 0, "its file is called like the id"),
        (("{id}.PNG",), 0, "its file is called like the id"),
        (("photos/a-{n}.jpg",), 0, "its file is called like the sku"),
        (("images/{id}_2.jpg", "images/{id}_1.jpg"), 1, "its file, but for a number, is called"),
        (("images/{id}/10.jpg", "images/{id}/9.jpg"), 1, "its folder is called like the id"),
        (("train/image_7{n}_product_{id}.jpg",), 0, "the end of its file is called like the id"),
    ],
)
def test_files_called_like_products(
    tmp_path: Path, written: Sequence[str], first: int, how: str
) -> None:
    names = [[one.format(id=100 + n, n=n) for one in written] for n in range(12)]
    found = read(tmp_path, (one for own in names for one in own))
    assert found.catalog.column("image") == [own[first] for own in names]
    (told,) = found.notes
    assert told.startswith(f"the image was found: {how}")
    assert found.notes[told] == 12


def test_a_product_without_a_file_has_no_image(tmp_path: Path) -> None:
    found = read(tmp_path, [f"images/{100 + n}.jpg" for n in range(1, 12)])
    assert found.catalog.column("image")[:2] == [None, "images/101.jpg"]


def test_the_first_image_of_one_product_is_not_that_of_another(tmp_path: Path) -> None:
    products = [{"id": "A", "title": "Mug"}, *({"id": f"A-{n}", "title": "Mug"} for n in (1, 2, 3))]
    found = read(tmp_path, ["A-1.jpg", "A-2.jpg", "A-3.jpg"], products)
    assert found.catalog.column("image") == [None, "A-1.jpg", "A-2.jpg", "A-3.jpg"]


def test_two_files_of_one_name_are_told(tmp_path: Path) -> None:
    files = [f"{folder}/{100 + n}.jpg" for n in range(12) for folder in ("large", "small")]
    found = read(tmp_path, files)
    assert found.catalog.column("image") == [None] * 12
    assert "100: large/100.jpg or small/100.jpg" in next(iter(found.notes))


def test_other_files_are_no_images_of_products(tmp_path: Path) -> None:
    found = read(tmp_path, ["logo.png", "images/100.jpg", *(f"shot-{n}.png" for n in range(9))])
    assert found.catalog.column("image") == [None] * 12
    assert not found.notes


def test_a_column_of_images_goes_before_their_names(tmp_path: Path) -> None:
    products = [{**product, "image": None} for product in PRODUCTS]
    products[0]["image"] = "own.jpg"
    found = read(tmp_path, ["own.jpg", *(f"{100 + n}.jpg" for n in range(12))], products)
    assert found.catalog.column("image") == ["own.jpg", *[None] * 11]


def test_a_later_run_goes_on_in_the_same_way(tmp_path: Path) -> None:
    read(tmp_path, [f"images/{100 + n}.jpg" for n in range(12)])
    with open_stream(tmp_path / "catalog.jsonl", CatalogSettings()) as stream:
        list(stream)
    state = json.loads(json.dumps(stream.position.images))
    assert state["named_by"] == ["id", "its file"]


def test_a_folder_of_all_images_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was searched once for each of its files."""
    searched: list[int] = []

    def least(files: list[tuple[object, str]]) -> tuple[object, str]:
        searched.append(len(files))
        return min(files)

    monkeypatch.setattr(images_by_id, "min", least, raising=False)
    paths = {f"images/{n}.jpg": f"images/{n}" for n in range(100)}
    found = images_by_id.ImagesById(paths).files("its folder")
    assert found == {"images": ("images/0.jpg",)}
    assert searched == [100]
