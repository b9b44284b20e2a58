"""Files of images: nothing outside the catalogue's folder is opened, and nothing that is no regular file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from shelfwise.core.image_sources import ImageFile
from shelfwise.vision.image_decoding import ImageRejectedError
from shelfwise.vision.image_files import read_image_file

CONTENT = b"the bytes of an image"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A catalogue's folder with one image, beside a folder that is none of its business."""
    for folder in ("shop/images", "secrets"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "shop/images/a.png").write_bytes(CONTENT)
    (tmp_path / "secrets/key.png").write_bytes(b"secret")
    return tmp_path / "shop"


def read(shop: Path, name: str) -> bytes:
    return read_image_file(ImageFile(shop, name))


@pytest.mark.parametrize("name", ["images/a.png", "./images/a.png", "images//a.png"])
def test_a_file_below_the_folder(shop: Path, name: str) -> None:
    assert read(shop, name) == CONTENT


def test_the_folder_may_be_a_link_or_relative(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop.parent / "link").symlink_to(shop)
    assert read(shop.parent / "link", "images/a.png") == CONTENT
    monkeypatch.chdir(shop)
    assert read(Path(), "images/a.png") == CONTENT


def test_links_that_stay_below_the_folder_are_followed(shop: Path) -> None:
    (shop / "again.png").symlink_to("images/a.png")
    (shop / "pictures").symlink_to(shop / "images")
    assert read(shop, "again.png") == CONTENT
    assert read(shop, "pictures/a.png") == CONTENT


def test_nothing_leads_out_of_the_folder(shop: Path) -> None:
    secrets = shop.parent / "secrets"
    (shop / "key.png").symlink_to(secrets / "key.png")
    (shop / "folder").symlink_to(secrets)
    (shop / "twice").symlink_to("folder")
    (shop / "zero.png").symlink_to("/dev/zero")
    names = ["key.png", "folder/key.png", "twice/key.png", "zero.png", "../secrets/key.png"]
    names += [str(secrets / "key.png"), "images/../../secrets/key.png", ".", ""]
    for name in names:
        with pytest.raises(ImageRejectedError, match="out of the catalogue's folder"):
            read(shop, name)


def test_what_is_no_regular_file_is_refused_at_once(shop: Path) -> None:
    os.mkfifo(shop / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(shop / "s.png"))
        for name in ("pipe.png", "s.png", "images", "images/a.png/b.png", "a\0b"):
            with pytest.raises(ImageRejectedError, match="cannot be read"):
                read(shop, name)
    # a path that the caller gives may lead anywhere, but to a file
    for path in (shop / "pipe.png", Path("/dev/zero"), shop):
        with pytest.raises(ImageRejectedError, match="cannot be read"):
            read_image_file(path)


@pytest.mark.parametrize("name", ["none.png", "none/a.png", "dangling.png"])
def test_missing_files(shop: Path, name: str) -> None:
    (shop / "dangling.png").symlink_to("images/none.png")
    with pytest.raises(ImageRejectedError, match="no such file"):
        read(shop, name)


def test_a_file_that_grows_while_it_is_read_stays_bounded(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shelfwise.vision.image_files.MAX_BYTES", 100)
    exactly = os.read

    def grow(descriptor: int, count: int) -> bytes:
        with (shop / "images/a.png").open("ab") as file:
            file.write(CONTENT)
        return exactly(descriptor, count)

    monkeypatch.setattr(os, "read", grow)
    assert len(read(shop, "images/a.png")) == 100


def test_no_file_is_left_open(shop: Path) -> None:
    opened = Path("/proc/self/fd")
    if not opened.exists():
        pytest.skip("the system does not list open files")
    (shop / "key.png").symlink_to(shop.parent / "secrets/key.png")
    os.mkfifo(shop / "pipe.png")
    before = len(list(opened.iterdir()))
    for name in ("images/a.png", "key.png", "pipe.png", "none/a.png", "images"):
        try:
            read(shop, name)
        except ImageRejectedError:
            continue
    assert len(list(opened.iterdir())) == before
