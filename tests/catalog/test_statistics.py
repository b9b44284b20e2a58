"""The numbers of a catalogue against an obvious count."""

from __future__ import annotations

import json
from statistics import fmean, median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from shelfwise.catalog.statistics import catalog_statistics, label_statistics
from shelfwise.core.catalog import Catalog
from shelfwise.errors import LabelError


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.sampled_from([0.0, 1.0]),
    )
)
@settings(deadline=None)
def test_counts_agree_with_the_obvious_loop(targets: np.ndarray) -> None:
    names = [f"label {j}" for j in range(targets.shape[1])]
    found = label_statistics(targets, names)
    per_product = [int(sum(row)) for row in targets.tolist()]
    per_class = [int(sum(column)) for column in targets.T.tolist()]
    for spread, counts in (
        (found.labels_per_product, per_product),
        (found.products_per_class, per_class),
    ):
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
