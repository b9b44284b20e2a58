"""The benchmark of near-copies by pictures plants what it tells, and finds it, among a few products."""

from __future__ import annotations

import importlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shelfwise.core.catalog import Catalog

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def picture(seed: int) -> bytes:
    patches = np.random.default_rng(seed).integers(0, 200, (20, 20, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(patches).resize((100, 100)).save(file, "PNG")
    return file.getvalue()


def test_planted_copies_are_found_and_placeholders_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    benchmark = importlib.import_module("near_copies_by_picture")
    monkeypatch.setattr(benchmark, "PLANTED", 22)
    records = []
    for row in range(50):
        title = " ".join(f"word{row}{letter}" for letter in "abcdef")
        records.append({"id": f"p{row}", "title": title, "image": picture(row)})
    planted = benchmark.plant(Catalog.from_records(records, Path()), 50, seed=0)
    assert len(planted.records) == 50 + (len(benchmark.CHANGES) + 2) * 22
    figures = benchmark.measured(planted)
    assert figures["pairs_of_the_catalogue_itself"] == 0
    assert figures["recall"][benchmark.SAME] >= 0.9
    assert figures["precision"] >= 0.95
    assert figures["precision_of_pictures_alone"] < figures["precision"]
    assert figures["placeholders_with_another"] == 0
