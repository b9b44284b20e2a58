from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from shelfwise.disk.files import read_arrays, write_arrays
from shelfwise.nn.linear import label_tree
from shelfwise.nn.linear.label_tree import LabelTree, is_label_tree
from shelfwise.nn.linear.linear_settings import LinearSettings
from shelfwise.nn.linear.linear_weights import LinearWeights
from shelfwise.nn.linear.one_vs_rest import fit_one_vs_rest

LABELS = 60


@pytest.fixture(scope="module")
def shop() -> tuple[sp.csr_array, sp.csr_array]:
    """1,500 products of 12 kinds with one to three of their kind's five labels.

    Each label has three inputs of its own, each kind eight; 100 inputs say nothing.
    """
    random = np.random.default_rng(0)
    targets = np.zeros((1500, LABELS), np.float32)
    noise = 3 * LABELS + 8 * 12
    rows = (random.random((1500, noise + 100)) < 0.02).astype(np.float32)
    for row, kind in enumerate(random.integers(0, 12, 1500)):
        own = 5 * kind + random.choice(5, random.integers(1, 4), replace=False)
        targets[row, own] = 1
        rows[row, 3 * own + random.integers(0, 3, len(own))] = 1
        rows[row, 3 * LABELS + 8 * kind + random.integers(0, 8, 2)] = 1
    return sp.csr_array(rows), sp.csr_array(targets)


def f1(found: Any, targets: Any) -> float:
    return float(2 * (found & (targets > 0)).sum() / (found.sum() + targets.sum()))


@pytest.fixture(scope="module", params=[128, 4], ids=["two levels", "three levels"])
def tree(shop: Any, request: pytest.FixtureRequest) -> LabelTree:
    inputs, targets = shop
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_tree, "MOST_FLAT", request.param)
        return LabelTree.fit(inputs[:1000], targets[:1000], LinearSettings(), most=5)


def levels(tree: LabelTree) -> list[int]:
    """Classifiers of each level, from the labels up."""
    above = tree.matcher
    found = [len(above.bias)] if isinstance(above, LinearWeights) else levels(above)
    return [len(tree.clusters), *found]


def test_a_matcher_of_many_clusters_is_a_tree(tree: LabelTree) -> None:
    assert levels(tree) in ([60, 16], [60, 16, 4])


def test_is_nearly_as_good_as_one_classifier_over_all_products_a_label(
    shop: Any, tree: LabelTree
) -> None:
    inputs, targets = shop
    options = LinearSettings().options("logistic")
    exact = fit_one_vs_rest(inputs[:1000], targets[:1000].toarray(), options)
    truth = targets[1000:].toarray()
    found = tree.probabilities(inputs[1000:]).toarray()
    best = max(f1(found >= at, truth) for at in (0.1, 0.2, 0.3, 0.4, 0.5))
    likely = expit(exact.logits(inputs[1000:]))
    assert best > max(f1(likely >= at, truth) for at in (0.1, 0.2, 0.3, 0.4, 0.5)) - 0.03


def test_labels_outside_the_beam_get_nothing(
    shop: Any, tree: LabelTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_tree, "BEAM", 2)
    found = tree.probabilities(shop[0][1000:]).toarray()
    reached = [len(set(tree.clusters[np.flatnonzero(row)].tolist())) for row in found]
    assert max(reached) == 2


def test_a_product_gets_the_same_alone_and_among_others(shop: Any, tree: LabelTree) -> None:
    together = tree.probabilities(shop[0][:50]).toarray()
    np.testing.assert_array_equal(tree.probabilities(shop[0][[7]]).toarray()[0], together[7])


def test_survives_storage(shop: Any, tree: LabelTree, tmp_path: Any) -> None:
    write_arrays(tmp_path / "tree.safetensors", tree.arrays())
    arrays, _ = read_arrays(tmp_path / "tree.safetensors")
    assert is_label_tree(arrays)
    found = LabelTree.from_state(arrays).probabilities(shop[0][:50]).toarray()
    np.testing.assert_array_equal(found, tree.probabilities(shop[0][:50]).toarray())


def test_a_label_without_products_is_unlikely(shop: Any) -> None:
    inputs, targets = shop
    wider = sp.csr_array(
        sp.hstack([targets, sp.csr_array((1500, 7))], format="csr", dtype=np.float32)
    )
    tree = LabelTree.fit(inputs, wider, LinearSettings(), most=5)
    assert tree.probabilities(inputs[:100]).toarray()[:, LABELS:].max() < 0.1
