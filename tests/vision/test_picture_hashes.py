"""Hashes stay near when a picture is saved anew, and tell which pictures cannot be compared."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.errors import PluginError
from shelfwise.vision import picture_hashes as module
from shelfwise.vision.picture_hashes import PictureHashes, picture_hashes
from shelfwise.vision.similar_pictures import MOST_DIFFERING


def thing(seed: int) -> Image.Image:
    """A picture of patches, different for each seed."""
    patches = np.random.default_rng(seed).integers(0, 200, (20, 20, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize((120, 120), Image.Resampling.BICUBIC)


def saved(image: Image.Image, quality: int = 90) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def hashed(*images: bytes | str | None, context: Context | None = None) -> PictureHashes:
    records = [{"id": str(row), "title": "a", "image": one} for row, one in enumerate(images)]
    return picture_hashes(Catalog.from_records(records, Path()), context or Context())


def differing(found: PictureHashes, one: int, other: int) -> int:
    """The bits in which the nearest views differ."""
    unequal = found.hashes[one][:, None] ^ found.hashes[other][None]
    return int(np.unpackbits(unequal, axis=2).sum(axis=2).min())


CHANGED = {
    "saved anew": saved(thing(0), quality=30),
    "smaller": saved(thing(0).resize((60, 60))),
    "border": saved(ImageOps.expand(thing(0), 12, "white")),
    "darker": saved(ImageEnhance.Brightness(thing(0)).enhance(0.8)),
    "padded": saved(ImageOps.pad(thing(0), (200, 120), color="white")),
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_picture_stays_near_and_another_is_far(change: str) -> None:
    found = hashed(saved(thing(0)), CHANGED[change], saved(thing(1)))
    assert found.usable.all()
    assert differing(found, 0, 1) <= MOST_DIFFERING
    assert differing(found, 0, 2) > 2 * MOST_DIFFERING
    assert differing(found, 1, 2) > 2 * MOST_DIFFERING


def test_pictures_of_one_colour_and_what_is_no_picture_cannot_be_compared() -> None:
    white = saved(Image.new("RGB", (50, 50), "white"))
    found = hashed(saved(thing(0)), white, None, b"no picture", "nowhere.jpg")
    assert found.usable.tolist() == [True, False, False, False, False]
    assert found.flat == 1
    assert set(found.refused) == {3, 4}
    assert "no such file" in found.refused[4]


def test_products_without_pictures_and_no_products_are_no_error() -> None:
    assert hashed(None, None).usable.tolist() == [False, False]
    assert hashed().hashes.shape == (0, 3, 32)


def test_hashes_are_kept_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = Context(cache=tmp_path)
    first = hashed(saved(thing(0)), saved(thing(1)), context=context)

    def compute(*arguments: object) -> None:
        raise AssertionError("hashed again")

    monkeypatch.setattr(module, "_hashed", compute)
    again = hashed(saved(thing(1)), saved(thing(0)), context=context)
    assert np.array_equal(again.hashes, first.hashes[::-1])
    with pytest.raises(AssertionError, match="hashed again"):
        hashed(saved(thing(2)), context=context)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(PluginError, match=r"needs the library 'imagehash'.*shelfwise\[copies\]"):
        hashed(saved(thing(0)))
