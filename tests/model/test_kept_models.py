"""Models of every format that was ever written open, and predict what they predicted then.

A file ``model_of_format_N.zip`` has a small model, products, and what ``predict`` wrote for them at the time.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from shelfwise.commands.predict import predict_catalog
from shelfwise.core.types import Context
from shelfwise.errors import BundleError
from shelfwise.export.loading import open_model
from shelfwise.model.bundle import FORMAT, load_bundle
from shelfwise.model.bundle_reader import FORMATS, manifest_text

HERE = Path(__file__).parent

ASKED: dict[int, tuple[float, ...]] = {1: (0.9, 0.05), 2: ()}
"""By format, the promised precision and the novelty rate that the predictions were made with."""


def kept(number: int, folder: Path) -> Path:
    with zipfile.ZipFile(HERE / f"model_of_format_{number}.zip") as packed:
        packed.extractall(folder)
    return folder


def test_there_is_a_model_of_every_format() -> None:
    """Whoever raises the format keeps a model of the one before."""
    assert tuple(range(1, FORMAT + 1)) == FORMATS
    for number in FORMATS:
        assert (HERE / f"model_of_format_{number}.zip").is_file()


@pytest.mark.parametrize("number", FORMATS)
def test_it_predicts_what_it_predicted(number: int, tmp_path: Path) -> None:
    folder = kept(number, tmp_path)
    written = json.loads((folder / "model" / "MANIFEST.json").read_text("utf-8"))
    assert written["format"] == number
    model = open_model(folder / "model")
    predict_catalog(
        model, folder / "catalog.jsonl", folder / "new.jsonl", Context(), *ASKED[number]
    )
    rows = {}
    for name in ("predictions", "new"):
        lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        rows[name] = [json.loads(line) for line in lines]
    assert len(rows["new"]) == len(rows["predictions"]) > 0
    for now, then in zip(rows["new"], rows["predictions"], strict=True):
        assert (now["id"], now["labels"]) == (then["id"], then["labels"])
        assert now["scores"] == pytest.approx(then["scores"], abs=1e-6)


@pytest.mark.parametrize("number", [0, FORMAT + 1, "2", None, True])
def test_other_formats_are_refused_in_words(number: object, tmp_path: Path) -> None:
    folder = kept(FORMAT, tmp_path) / "model"
    manifest = json.loads((folder / "MANIFEST.json").read_text("utf-8"))
    manifest["format"] = number
    (folder / "MANIFEST.json").write_text(manifest_text(manifest), "utf-8")
    with pytest.raises(BundleError, match="was saved by a newer shelfwise, or is none"):
        load_bundle(folder)
