"""Every bit of a small model, and thousands of a trained one, changed: refused, or equal answers."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Floats, State
from shelfwise.errors import BundleError
from shelfwise.export.loading import open_model
from shelfwise.model.bundle import Bundle, load_bundle, save_bundle
from tests.torture.conftest import share_of

pytestmark = pytest.mark.torture

FLIPS = share_of(3_000)


def scores_of(folder: Path, catalog: Catalog) -> Floats:
    """What the model in `folder` says of `catalog`."""
    model = open_model(folder)
    members = model.members_of(model.decide_with)
    return model.scores(model.predict_members(catalog, Context(), members))


def test_every_bit_of_a_small_model(tmp_path: Path, seen: Callable[[str], None]) -> None:
    weights = State({"w": np.arange(6, dtype=np.float32)}, {"epochs": 3})
    folder = tmp_path / "model"
    save_bundle(Bundle({"seed": 0}, ("Mugs", "Töpfe"), {"n": 1}, {"member.a": weights}), folder)
    flips = 0
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for place in range(0, len(content), 1 if share_of(10) == 10 else 10):
            for bit in range(8):
                changed = bytearray(content)
                changed[place] ^= 1 << bit
                path.write_bytes(changed)
                with pytest.raises(BundleError):
                    load_bundle(folder)
                flips += 1
        path.write_bytes(content)
    load_bundle(folder)
    seen(f"{flips:,} bits of all its files, one after the other: {flips:,} refused")


def test_bits_of_a_trained_model(shop: Path, tmp_path: Path, seen: Callable[[str], None]) -> None:
    folder = shutil.copytree(shop / "new", tmp_path / "model")
    catalog = read_catalog(shop / "old.jsonl").catalog
    expected = scores_of(folder, catalog)
    chance = random.Random(0)
    # an empty file, such as a list of nothing, has no bits
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    refused = equal = 0
    for number in range(FLIPS):
        path = files[number % len(files)]
        content = path.read_bytes()
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        try:
            found = scores_of(folder, catalog)
        except BundleError:
            refused += 1
        else:
            # the pages of the report are for people, and no part of the model
            np.testing.assert_array_equal(found, expected)
            equal += 1
        path.write_bytes(content)
    seen(f"{FLIPS:,} bits of {len(files)} files: {refused:,} refused, {equal:,} equal answers")
