"""The numbers of a catalogue against an obvious count, and Fig. 2."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean, median
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from shelfwise.catalog.statistics import catalog_statistics, label_statistics
from shelfwise.core.catalog import Catalog
from shelfwise.errors import LabelError
from shelfwise.reports.figure_2 import figure_2, histogram


@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.sampled_from([0.0, 1.0]))
)
@settings(deadline=None)
def test_counts_agree_with_the_obvious_loop(targets: np.ndarray) -> None:
    names = [f"label {j}" for j in range(targets.shape[1])]
    found = label_statistics(targets, names)
    per_product = [int(sum(row)) for row in targets.tolist()]
    per_class = [int(sum(column)) for column in targets.T.tolist()]
    for spread, counts in ((found.labels_per_product, per_product), (found.products_per_class, per_class)):
        assert (spread.min, spread.max, spread.median) == (min(counts), max(counts), median(counts))
        assert spread.mean == pytest.approx(fmean(counts))
    assert found.products_with_labels == {n: per_product.count(n) for n in sorted(set(per_product))}
    assert found.class_counts == dict(zip(names, per_class, strict=True))
    assert list(found.class_counts.values()) == sorted(per_class, reverse=True)
    # an invariant of the paper's own numbers: labels a product = sum of the class counts / products
    assert found.labels_per_product.mean == pytest.approx(sum(per_class) / len(targets))


def test_no_classes_and_no_products_are_all_zeros() -> None:
    empty = label_statistics(np.zeros((3, 0)), [])
    assert empty.products_per_class.max == 0
    assert empty.products_with_labels == {0: 3}
    assert label_statistics(np.zeros((0, 2)), ["a", "b"]).labels_per_product.mean == 0.0


def test_missing_fields_and_json() -> None:
    shelf = Catalog.from_records([{"id": "1", "title": "Mug"}, {"id": "2", "price": 3}])
    found = catalog_statistics(shelf, np.array([[1, 0], [1, 1]]), ["b", "a"])
    assert found.missing["id"] == 0
    assert found.missing["title"] == found.missing["price"] == 1
    assert found.missing["image"] == 2
    assert json.loads(json.dumps(found.to_dict()))["class_counts"] == {"b": 2, "a": 1}


def test_shapes_that_do_not_agree() -> None:
    shelf = Catalog.from_records([{"id": "1"}])
    with pytest.raises(LabelError, match="2 products; expected 1"):
        catalog_statistics(shelf, np.zeros((2, 1)), ["a"])
    with pytest.raises(LabelError, match=r"\(1, 1\); expected \(products, 2\)"):
        catalog_statistics(shelf, np.zeros((1, 1)), ["a", "b"])


def test_bins_are_the_papers() -> None:
    heights, edges = histogram([558, 600, 2919, 37102])
    np.testing.assert_allclose(edges, np.linspace(558, 37102, 20))
    assert heights.sum() == 4
    assert heights[0] == 2
    assert heights[-1] == 1
    assert histogram([5, 5, 5])[0].sum() == 3


def test_figure_is_svg_the_same_every_time_and_leaves_settings_alone(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    for name in ("a.svg", "b.svg"):
        figure_2([3, 5, 8, 400], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert (root.get("width"), root.get("height")) == ("720pt", "288pt")
    text = (tmp_path / "a.svg").read_text("utf-8")
    assert "Number of products in each category" in text
    assert "Number of categories" in text
    assert "<dc:date>" not in text
    assert dict(matplotlib.rcParams) == before


def test_no_categories_no_figure(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="no category"):
        figure_2([], tmp_path / "a.svg")
    assert not list(tmp_path.iterdir())
