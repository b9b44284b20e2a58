"""The facade: scikit-learn's conventions, any subset of fields, explanations that add up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from shelfwise import Categorizer
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.errors import BundleError, CatalogError, ConfigError, LabelError, NotFittedError


@pytest.fixture(scope="module")
def categorizer(trained: Path) -> Categorizer:
    return Categorizer.load(trained)


def test_any_subset_of_fields(categorizer: Categorizer, sample: Path) -> None:
    image_file = next((sample.parent / "images").glob("*.jpg"))
    products = [
        {"title": "brass lamp"},
        {"image": str(image_file.relative_to(sample.parent))},
        {"description": "for the garden"},
        {"id": "nothing but an id"},
    ]
    categorizer.root = sample.parent
    scores = categorizer.predict_proba(products)
    assert scores.shape == (4, len(categorizer.classes_))
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert (scores <= 1).all()
    assert (scores[:3].max(axis=1) > 0).all()
    assert (scores[3] == 0).all(), "a product without any modality has probability 0 everywhere"
    assert categorizer.categorize(products)[3] == []


def test_scores_of_a_product_do_not_depend_on_its_company(
    categorizer: Categorizer, sample: Path
) -> None:
    together = categorizer.predict_proba(sample)
    products = read_catalog(sample, CatalogSettings()).catalog
    alone = np.concatenate([categorizer.predict_proba(products.take([i])) for i in range(5)])
    np.testing.assert_allclose(alone, together[:5], atol=1e-5)


def test_explanations_add_up_to_the_score(categorizer: Categorizer, sample: Path) -> None:
    categorizer.model_.thresholds[categorizer.model_.decide_with] = 0.0
    explained = [label for product in categorizer.explain(sample) for label in product.values()]
    for label in explained:
        assert sum(label["contributions"].values()) == pytest.approx(label["score"], abs=1e-5)
        assert (
            label["members"].keys()
            == label["contributions"].keys()
            == {"image", "description", "title"}
        )


def test_embeddings_are_finite_and_zero_where_absent(categorizer: Categorizer) -> None:
    vectors = categorizer.embed([{"title": "brass lamp"}, {"id": "empty"}])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-5)
    assert (vectors[1] == 0).all()


def test_save_and_load_in_a_new_process(
    categorizer: Categorizer, sample: Path, tmp_path: Path
) -> None:
    categorizer.save(tmp_path / "copy")
    script = (
        "import sys, numpy as np; from shelfwise import Categorizer\n"
        "np.save(sys.argv[3], Categorizer.load(sys.argv[1]).predict_proba(sys.argv[2]))"
    )
    subprocess.run(
        [
            sys.executable,
            "-c",
            script,
            str(tmp_path / "copy"),
            str(sample),
            str(tmp_path / "scores.npy"),
        ],
        check=True,
    )
    np.testing.assert_array_equal(
        np.load(tmp_path / "scores.npy"), categorizer.predict_proba(sample)
    )


def test_fit_on_records_and_labels(quick: dict[str, Any], records: list[dict[str, Any]]) -> None:
    products = [{"title": r["title"], "description": r["description"]} for r in records[:80]]
    y = [["even"] if i % 2 else ["odd", "number"] for i in range(len(products))]
    fitted = Categorizer("paper", {**quick, "catalog": {"require": []}}, seed=1).fit(products, y)
    assert fitted.classes_.tolist() == ["even", "number", "odd"]
    again = clone(fitted).fit(products, y)
    np.testing.assert_array_equal(fitted.predict_proba(products), again.predict_proba(products))


def test_unfitted(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        Categorizer().predict([{"title": "mug"}])
    with pytest.raises(BundleError, match="not a shelfwise model"):
        Categorizer.load(tmp_path)


def test_products_of_a_wrong_kind(categorizer: Categorizer) -> None:
    with pytest.raises(CatalogError, match="dictionaries"):
        categorizer.predict(["mug"])


@pytest.mark.parametrize("folder", [5, b"model", None])
def test_a_model_that_is_no_folder_is_refused_in_a_sentence(
    categorizer: Categorizer, folder: Any
) -> None:
    for use in (Categorizer.load, categorizer.save):
        with pytest.raises(BundleError, match="a model is a folder, and this is of the type"):
            use(folder)


def test_the_working_folder_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match="is not a shelfwise model"):
        Categorizer.load(".")


def test_settings_of_another_type_are_refused_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match=r"the settings are of the type list; give a TOML file"):
        Categorizer(config=[1]).fit([{"title": "Mug", "categories": ["Mugs"]}])  # type: ignore[arg-type]


def test_columns_that_the_model_does_not_know_are_told(
    categorizer: Categorizer, caplog: pytest.LogCaptureFixture
) -> None:
    categorizer.categorize([{"id": 1, "tytle": "brass lamp"}, {"id": 2}])
    assert "no product has a value in what the model reads" in caplog.text
    assert "tytle" in caplog.text
    caplog.clear()
    categorizer.categorize([{"id": 1, "tytle": "brass lamp"}, {"title": "brass lamp"}])
    assert not caplog.text


@pytest.mark.parametrize("count", [0, -1, 2.5])
def test_no_product_is_no_answer(categorizer: Categorizer, count: Any) -> None:
    product = [{"title": "brass lamp"}]
    with pytest.raises(ConfigError, match="expected how many products to find"):
        categorizer.similar(product, count)
    if count < 1:
        with pytest.raises(ConfigError, match="expected how many scores to keep"):
            list(categorizer.label(product, top=count))


def test_labels_and_weights_in_another_order_are_refused(categorizer: Categorizer) -> None:
    products = pd.DataFrame({"title": ["brass lamp", "mug"]})
    labels = pd.Series(["Lamps", "Mugs"])
    with pytest.raises(LabelError, match="y has the rows of the products in another order"):
        categorizer.score(products, labels.iloc[::-1])
    with pytest.raises(
        LabelError, match=r"sample_weight has .*; give sample_weight\.loc\[X\.index\]"
    ):
        categorizer.score(products, labels, sample_weight=pd.Series([1.0, 0.0], index=[1, 0]))


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_weights_are_numbers_from_0_on(categorizer: Categorizer, weight: float) -> None:
    with pytest.raises(LabelError, match="a weight is below 0 or no finite number"):
        categorizer.score([{"title": "brass lamp"}], [["Lamps"]], sample_weight=[weight])
