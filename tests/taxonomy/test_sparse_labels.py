"""Sparse scores and decisions follow a taxonomy as dense ones do."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from shelfwise.taxonomy import sparse_labels
from shelfwise.taxonomy.hierarchy import Taxonomy

NAMES = tuple("abcdef")
# a above b above c; d below b and e; f alone
EDGES = np.array([[1, 0], [2, 1], [3, 1], [3, 4]])


def random_scores(products: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    scores = np.round(rng.random((products, len(NAMES))), 1).astype(np.float32)
    # a few rows have nothing at all
    return np.where(rng.random(scores.shape) < 0.6, 0, scores) * (rng.random((products, 1)) < 0.9)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_a_label_scores_what_the_highest_label_below_it_scores(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse_labels, "PRODUCTS_PER_BLOCK", rows)
    tree = Taxonomy(NAMES, EDGES)
    scores = random_scores(50)
    raised = tree.propagate_to_ancestors(sp.csr_array(scores))
    assert np.array_equal(raised.toarray(), tree.propagate_to_ancestors(scores))
    closed = tree.close_under_ancestors(sp.csr_array(scores > 0.5))
    assert np.array_equal(closed.toarray(), tree.close_under_ancestors(scores > 0.5))


def test_no_product_has_no_scores() -> None:
    tree = Taxonomy(NAMES, EDGES)
    nothing = sp.csr_array((0, len(NAMES)), dtype=np.float32)
    assert tree.propagate_to_ancestors(nothing).shape == (0, len(NAMES))
