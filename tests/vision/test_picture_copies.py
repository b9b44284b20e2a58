"""A picture binds two products only where their titles agree, too; what many have binds nothing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.vision.picture_copies import PictureCopies, picture_copies
from shelfwise.vision.similar_pictures import MAX_SHARING_PICTURE

LAMP = "bright desk lamp with long arm"
SAME_LAMP = "desk lamp with long arm white"
CHAIR = "folding garden chair"


def picture(seed: int, border: int = 0, quality: int = 90) -> bytes:
    patches = np.random.default_rng(seed).integers(0, 200, (20, 20, 3), dtype=np.uint8)
    image = Image.fromarray(patches).resize((120, 120), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    ImageOps.expand(image, border, "white").save(file, "JPEG", quality=quality)
    return file.getvalue()


def copies(*products: tuple[str | None, bytes | None]) -> PictureCopies:
    records = [
        {"id": f"p{row}", "title": title, "image": image}
        for row, (title, image) in enumerate(products)
    ]
    return picture_copies(Catalog.from_records(records, Path()), Context())


def groups(*products: tuple[str | None, bytes | None]) -> list[int]:
    return copies(*products).groups.tolist()


def test_the_same_picture_with_titles_that_share_words_makes_near_copies() -> None:
    assert groups((LAMP, picture(0)), (SAME_LAMP, picture(0))) == [0, 0]


@pytest.mark.parametrize("changed", [picture(0, border=10), picture(0, quality=25)])
def test_so_does_one_that_is_nearly_the_same(changed: bytes) -> None:
    assert groups((LAMP, picture(0)), (CHAIR, picture(1)), (SAME_LAMP, changed)) == [0, 1, 0]


def test_a_shared_picture_alone_binds_nothing() -> None:
    assert groups((LAMP, picture(0)), (CHAIR, picture(0)), ("lamp", picture(0))) == [0, 1, 2]


def test_titles_that_share_words_alone_bind_nothing() -> None:
    assert groups((LAMP, picture(0)), (SAME_LAMP, picture(1)), (SAME_LAMP, None)) == [0, 1, 2]


def test_products_without_titles_have_no_second_witness() -> None:
    assert groups((None, picture(0)), (None, picture(0)), ("!", picture(0))) == [0, 1, 2]


def test_groups_are_transitive_over_different_borders() -> None:
    titles = [f"{LAMP} {number}" for number in range(3)]
    images = [picture(0), picture(0, border=6), picture(0, border=25)]
    assert groups(*zip(titles, images, strict=True)) == [0, 0, 0]


@pytest.mark.parametrize("more", [0, 1])
def test_a_picture_that_too_many_have_binds_nothing(more: int) -> None:
    count = MAX_SHARING_PICTURE + more
    # some are saved anew, and would pass for others if only equal ones were counted
    products = [(f"{LAMP} {row}", picture(0, quality=60 + row)) for row in range(count)]
    assert len(set(groups(*products))) == (count if more else 1)


def test_pictures_of_one_colour_bind_nothing_and_are_told() -> None:
    white = io.BytesIO()
    Image.new("RGB", (60, 60), "white").save(white, "PNG")
    found = copies((LAMP, white.getvalue()), (SAME_LAMP, white.getvalue()))
    assert found.groups.tolist() == [0, 1]
    (note,) = found.notes
    assert note == "2 pictures of one colour were not compared to find near-copies"


def test_what_cannot_be_read_binds_nothing_and_is_told() -> None:
    found = copies((LAMP, b"broken"), (SAME_LAMP, b"broken"), (SAME_LAMP, picture(0)))
    assert found.groups.tolist() == [0, 1, 2]
    (note,) = found.notes
    assert "2 pictures could not be compared" in note
    assert "that of p0: the file is not an image" in note
    assert copies((LAMP, picture(0)), (CHAIR, None)).notes == ()


def test_no_products_and_no_pictures_are_no_error() -> None:
    assert groups() == []
    assert groups((LAMP, None), (LAMP, None)) == [0, 1]
