"""An image given as bytes is the image in a file: in training, prediction, explanation and export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise import Categorizer
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.reports.explanation_report import write_explanations
from shelfwise.reports.page import thumbnail
from shelfwise.training.fit import fit_catalog

Product = dict[str, Any]


@pytest.fixture(scope="module")
def from_files(sample: Path, records: list[Product]) -> list[Product]:
    """Products with images that can be read, as paths."""
    chosen = []
    for record in records:
        if record["image"] is not None and is_whole(sample.parent / record["image"]):
            chosen.append({**record, "image": str(sample.parent / record["image"])})
    assert len(chosen) > 100
    return chosen


@pytest.fixture(scope="module")
def from_bytes(from_files: list[Product]) -> list[Product]:
    """The same products with the content of the same files."""
    return [{**product, "image": Path(product["image"]).read_bytes()} for product in from_files]


def is_whole(path: Path) -> bool:
    return thumbnail(path) is not None


@pytest.fixture(scope="module", params=["torch", "onnx"])
def categorizer(trained: Path, request: pytest.FixtureRequest) -> Categorizer:
    if request.param == "torch":
        return Categorizer.load(trained)
    pytest.importorskip("onnxruntime")
    from shelfwise.commands.export import exported

    return Categorizer.from_model(exported(Categorizer.load(trained).model_))


def test_equal_probabilities(
    categorizer: Categorizer, from_files: list[Product], from_bytes: list[Product]
) -> None:
    bare = [{**product, "image": None} for product in from_files[:20]]
    wanted = categorizer.predict_proba(from_files[:20])
    np.testing.assert_array_equal(categorizer.predict_proba(from_bytes[:20]), wanted)
    assert np.abs(categorizer.predict_proba(bare) - wanted).max() > 0.01, (
        "images count for something"
    )
    # files and bytes side by side
    mixed = [*from_files[:5], *from_bytes[5:20]]
    np.testing.assert_array_equal(categorizer.predict_proba(mixed), wanted)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:60], lambda data: b"", lambda data: b"no image"]
)
def test_broken_bytes_cost_the_image(
    categorizer: Categorizer, from_bytes: list[Product], damage: Callable[[bytes], bytes]
) -> None:
    whole = from_bytes[0]
    broken = {**whole, "id": "broken", "image": damage(whole["image"])}
    bare = {**whole, "id": "bare", "image": None}
    scores = categorizer.predict_proba([broken, bare])
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)
    decided, _ = categorizer.label([broken, bare])
    assert "image" in decided.missing_modalities
    assert [(one.id, one.field) for one in decided.rejected] == [("broken", "image")]
    assert decided.warnings[0].startswith("the image was not used: ")


def test_equal_models_with_and_without_a_cache(
    quick: dict[str, Any], from_files: list[Product], from_bytes: list[Product], tmp_path: Path
) -> None:
    settings = quick["members"]["image"]["settings"]
    members = {"image": {"modality": "image", "field": "image", "settings": settings}}
    config = Config.parse(
        {"members": members, "labels": {"min_count": 8}, "catalog": {"require": []}}
    )
    scores = []
    for products, cache in ((from_files, tmp_path), (from_bytes, tmp_path), (from_bytes, None)):
        catalog = Catalog.from_records(products[:100])
        fitted = Categorizer.from_model(fit_catalog(catalog, config, Context(cache=cache)))
        scores.append(fitted.predict_proba(from_files[100:110]))
    np.testing.assert_array_equal(scores[1], scores[0])
    np.testing.assert_array_equal(scores[2], scores[0])
    assert scores[0].std() > 0


def test_equal_explanations(
    trained: Path, from_files: list[Product], from_bytes: list[Product]
) -> None:
    categorizer = Categorizer.load(trained)
    categorizer.model_.config = categorizer.model_.config.model_copy(update={"threshold": 0.0})
    [wanted] = categorizer.explain(from_files[:1], evidence=True)
    [reasons] = categorizer.explain(from_bytes[:1], evidence=True)
    assert reasons == wanted
    assert np.shape(next(iter(reasons.values()))["picture"]) == (8, 8)


def test_pages_show_images_from_bytes(from_bytes: list[Product], tmp_path: Path) -> None:
    image = from_bytes[0]["image"]
    assert thumbnail(image).startswith("data:image/jpeg")  # type: ignore[union-attr]
    assert thumbnail(image[:60]) is None
    explained = {"id": "1", "texts": {}, "reasons": {}}
    page = write_explanations([explained], tmp_path, {"1": image}.get).read_text("utf-8")
    assert "data:image/jpeg" in page
