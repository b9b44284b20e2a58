"""A split that is asked to compare pictures keeps copies by pictures on one side."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.errors import PluginError
from shelfwise.training.dataset import LabelledSplit, split_catalog

PAIRS = 20


def picture(seed: int) -> bytes:
    patches = np.random.default_rng(seed).integers(0, 200, (20, 20, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(patches).resize((80, 80)).save(file, "PNG")
    return file.getvalue()


def pairs(**changes: Any) -> Catalog:
    """Twenty products, and then a copy of each with one picture and half of the title's words."""
    records = []
    for copy in ("first", "second"):
        for row in range(PAIRS):
            title = f"thing{row} kind{row} {copy}"
            record = {"id": f"{row} {copy}", "title": title, "image": picture(row)}
            records.append({**record, "categories": [["Home"]], **changes})
    return Catalog.from_records(records, Path())


def split(catalog: Catalog, rule: str) -> LabelledSplit:
    changes = {"labels": {"min_count": 2}, "split": {"near_copies": rule, "train_fraction": 0.5}}
    return split_catalog(catalog, Config.load("quick", changes=changes), Context(), False)


def torn(parts: LabelledSplit) -> int:
    """Pairs that stand on both sides."""
    train = {name.split()[0] for name in parts.training_set.catalog.ids}
    return len(train & {name.split()[0] for name in parts.test.ids})


def test_copies_by_picture_stay_on_one_side_where_that_is_asked_for() -> None:
    assert torn(split(pairs(), "similar_text")) > 0
    parts = split(pairs(), "similar_picture")
    assert torn(parts) == 0
    assert len(parts.test) > 0


def test_pictures_that_cannot_be_read_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "shelfwise"):
        parts = split(pairs(image=b"broken"), "similar_picture")
    assert torn(parts) > 0
    assert "40 pictures could not be compared to find near-copies" in caplog.text


def test_without_the_library_the_split_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(PluginError, match=r"shelfwise\[copies\]"):
        split(pairs(), "similar_picture")
    # what does not ask for pictures needs no such library
    split(pairs(), "same_text")
