"""What a catalogue says of an image becomes a path below its folder, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.catalog.reading.images.image_paths import read_image
from shelfwise.catalog.reading.value_parsing import Rules

ELSEWHERE = "the image is no path below the catalogue's folder, so there is none"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "images").mkdir(parents=True)
    for name in ("1.png", "images/1.png", "images/a b.png"):
        (folder / name).write_bytes(b"")
    return folder


def read(value: object, root: Path) -> str | None:
    return read_image(value, Rules(root=root))


def test_absolute_paths_below_the_folder(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(f"{shop}/images/1.png", shop) == "images/1.png"
    assert read(f"{shop}/images/none.png", shop) == "images/none.png"
    assert read(f"file://{shop}/images/a%20b.png", shop) == "images/a b.png"
    # the folder may be given through a link, and as a relative path
    (shop.parent / "link").symlink_to(shop)
    assert read(f"{shop}/images/1.png", shop.parent / "link") == "images/1.png"
    assert read(f"{shop.parent}/link/images/1.png", shop.parent / "link") == "images/1.png"
    monkeypatch.chdir(shop)
    assert read(f"{shop}/images/1.png", Path()) == "images/1.png"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("C:\\Users\\me\\shop\\images\\1.png", "images/1.png"),
        ("C:\\Users\\me\\images\\1.png", "images/1.png"),
        ("C:/Users/me/shop/1.png", "1.png"),
        ("file:///C:/Users/me/shop/1.png", "1.png"),
        ("/srv/shop/images/1.png", "images/1.png"),
        ("/srv/shop/1.png", "1.png"),
    ],
)
def test_absolute_paths_of_another_machine(value: str, path: str, shop: Path) -> None:
    rules = Rules(root=shop)
    assert read_image(value, rules) == path
    assert dict(rules.notes) == {"the image was found: by the end of an absolute path": 1}


def test_a_name_alone_is_no_evidence(shop: Path) -> None:
    rules = Rules(root=shop)
    # another folder's image of the same name
    assert read_image("C:\\Users\\me\\shirts\\1.png", rules) is None
    assert dict(rules.notes) == {ELSEWHERE: 1}


@pytest.mark.parametrize("value", ["/m/b/mb01-0.jpg", "/etc/passwd", "/srv/shirts/1.png"])
def test_a_path_below_a_media_folder_stays_below_the_catalogues(value: str, shop: Path) -> None:
    assert read(value, shop) == value[1:]


@pytest.mark.parametrize(
    "value", ["../a.png", "/srv/../../etc/passwd", "C:\\..\\x.png", "D:", "file:///", "a\0b", "/"]
)
def test_nothing_leads_out_of_the_folder(value: str, shop: Path) -> None:
    rules = Rules(root=shop)
    assert read_image(value, rules) is None
    assert dict(rules.notes) == {ELSEWHERE: 1}


def test_of_several_lines_the_first_path_counts(shop: Path) -> None:
    assert read("https://x/y.png\r\n images\\1.png \n1.png", shop) == "images/1.png"
