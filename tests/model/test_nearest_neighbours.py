"""Similar products: the index against brute force, everybody's own nearest, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise import Categorizer
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.types import Floats
from shelfwise.errors import CatalogError, ConfigError, PluginError
from shelfwise.features.vector_math import unit
from shelfwise.metrics.retrieval import label_recall
from shelfwise.model.nearest_neighbours import WIDTH, Neighbours

pytest.importorskip("faiss")


def features(seed: int, products: int = 80) -> dict[str, Floats]:
    """Two members, the second missing in every fourth product; wide enough to be cut."""
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(99).normal(size=(12, 300))  # the same space for all products
    parts = {
        "title": rng.normal(size=(products, 12)) @ basis,
        "image": rng.normal(size=(products, 40)),
    }
    parts["image"][::4] = 0
    return {name: part.astype(np.float32) for name, part in parts.items()}


def index(seed: int = 0, products: int = 80) -> Neighbours:
    targets = (np.random.default_rng(seed).random((products, 4)) < 0.4).astype(np.float32)
    return Neighbours.of(
        features(seed, products), [f"p{i}" for i in range(products)], [None] * products, targets
    )


def test_nearest_as_brute_force_finds_them() -> None:
    queries, known = features(1, 20), features(0)
    whole = [np.concatenate([unit(part) for part in f.values()], axis=1) for f in (queries, known)]
    cosines = whole[0] @ whole[1].T / np.square(whole[0]).sum(axis=1, keepdims=True)
    similarities, rows = index().nearest(queries, 5)
    np.testing.assert_allclose(similarities, -np.sort(-cosines, axis=1)[:, :5], atol=2e-3)
    np.testing.assert_allclose(np.take_along_axis(cosines, rows, axis=1), similarities, atol=2e-3)


@pytest.mark.parametrize("many", [10, 100])
def test_vectors_that_are_read_in_parts_have_the_same_nearest(
    monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    found = index().nearest(features(1), 5)
    monkeypatch.setattr("shelfwise.model.nearest_neighbours.NUMBERS_PER_BLOCK", 1000)
    # with an index of all, and without one
    monkeypatch.setattr("shelfwise.model.nearest_neighbours.MANY_QUERIES", many)
    for wanted, own in zip(found, index().nearest(features(1), 5), strict=True):
        assert np.array_equal(wanted, own)


def test_everybody_is_their_own_nearest() -> None:
    similarities, rows = index().nearest(features(0), 1)
    assert rows[:, 0].tolist() == list(range(80))
    np.testing.assert_allclose(similarities, 1, atol=2e-3)


def test_a_number_of_numpy_is_one_and_a_truth_value_is_none() -> None:
    assert index().nearest(features(0), np.int64(2))[1].shape == (80, 2)
    with pytest.raises(ConfigError, match="k is True; expected how many products"):
        index().nearest(features(0), True)


def test_wide_features_are_cut_and_small_catalogues_answer_with_what_they_have() -> None:
    near = index(products=3)
    assert near.vectors.dtype == np.float16
    assert near.vectors.shape[1] <= WIDTH
    assert near.nearest(features(1, 2), 10)[1].shape == (2, 3)
    assert index().vectors.shape == (80, 128 + 40)


def test_a_product_without_any_field_has_no_neighbour() -> None:
    nothing = {name: np.zeros_like(part[:2]) for name, part in features(0).items()}
    similarities, rows = index().nearest(nothing, 4)
    assert (rows == -1).all()
    assert (similarities == 0).all()


def test_survives_its_state() -> None:
    near = index()
    again = Neighbours.from_state(near.state())
    np.testing.assert_array_equal(near.nearest(features(1), 6)[1], again.nearest(features(1), 6)[1])
    assert json.loads(json.dumps(dict(near.state().facts))) == near.state().facts
    np.testing.assert_array_equal(near.targets(4)[7].nonzero()[0], again.labels_of(7))


def test_recall_counts_shared_and_rarest_labels() -> None:
    known = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]], bool)  # label 1 is rarer than 0
    truth = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]], bool)
    # the third has no label, the fourth has fewer neighbours
    rows = np.array([[1, 0, 3], [0, 2, 3], [0, 1, 2], [0, 1, -1]])
    found = label_recall(rows, known, truth, (1, 3))
    assert found == {
        "products": 2,
        "recall@1": pytest.approx((1 + 0) / 2),
        "rarest@1": pytest.approx((1 + 0) / 2),
        "recall@3": pytest.approx((2 / 3 + 1 / 3) / 2),
        "rarest@3": pytest.approx((1 / 3 + 1 / 3) / 2),
    }
    assert label_recall(rows[2:], known, truth[2:], (1,)) == {
        "products": 0,
        "recall@1": 0,
        "rarest@1": 0,
    }


@pytest.fixture(scope="module")
def categorizer(trained: Path) -> Categorizer:
    return Categorizer.load(trained)


def test_a_training_product_finds_itself_first(categorizer: Categorizer, sample: Path) -> None:
    near = categorizer.model_.nearest_neighbours
    assert near is not None
    catalog = read_catalog(sample).catalog
    rows = [catalog.ids.index(name) for name in near.ids[:30]]
    found = categorizer.similar(catalog.take(rows), k=3)
    same = [first["similarity"] == pytest.approx(1, abs=5e-3) for first, *_ in found]
    assert all(same)
    assert (
        sum(first["id"] == name for (first, *_), name in zip(found, near.ids, strict=False)) >= 28
    ), "only near-copies may tie"
    assert found[0][0].keys() == {"id", "title", "similarity", "labels"}
    itself = categorizer.similar_to(near.ids[0], k=5)
    assert len(itself) == 5
    assert near.ids[0] not in [product["id"] for product in itself]


def test_embeddings_are_as_wide_whatever_is_missing(categorizer: Categorizer, sample: Path) -> None:
    whole = categorizer.embed(sample).shape[1]
    for products in (
        [{"title": "brass lamp"}],
        [{"description": "for the garden"}],
        [{"id": "nothing"}],
    ):
        assert categorizer.embed(products).shape == (1, whole)
    assert categorizer.similar([{"id": "nothing"}]) == [[]]
    assert len(categorizer.similar([{"title": "brass lamp"}], k=4)[0]) == 4


def test_recall_is_in_the_results(trained: Path) -> None:
    similar: dict[str, Any] = json.loads((trained / "report" / "results.json").read_text("utf-8"))[
        "similar"
    ]
    assert similar["products"] > 0
    assert {f"{kind}@{k}" for kind in ("recall", "rarest") for k in (1, 5, 10)} < similar.keys()
    assert all(similar[f"rarest@{k}"] <= similar[f"recall@{k}"] <= 1 for k in (1, 5, 10))


def test_unknown_id(categorizer: Categorizer) -> None:
    with pytest.raises(CatalogError, match="not trained on a product with the id 'nobody'"):
        categorizer.similar_to("nobody")


def test_without_faiss_the_fix_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(PluginError, match=r"shelfwise\[similar\]"):
        index().nearest(features(0), 1)


def test_the_command(
    trained: Path, sample: Path, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    image = next((sample.parent / "images").glob("*.jpg"))
    done = command("similar", trained, "--title", "brass lamp", "--image", image, "-k", 3, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["similar"]) == 3
    refused = command("similar", trained, "--title", "brass lamp", "--id", "1")
    assert refused.returncode == 2
    assert "name one product" in refused.stderr
