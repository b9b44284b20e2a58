from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from shelfwise.core.types import Floats
from shelfwise.nn.linear.label_rankers import CLUSTER_POWER, LabelRankers
from shelfwise.nn.linear.linear_settings import LinearSettings
from shelfwise.nn.linear.one_vs_rest import fit_one_vs_rest

PRODUCTS, INPUTS, LABELS, CLUSTERS = 90, 40, 7, 4
# labels of a cluster do not lie side by side, and the last cluster has none of the matched products
CLUSTER_OF = np.array([1, 0, 2, 1, 0, 3, 1])
SETTINGS = LinearSettings()


@pytest.fixture(scope="module")
def shop() -> tuple[sp.csr_array, sp.csr_array, sp.csr_array]:
    """Inputs, targets, and the clusters that products are matched to: those of their labels and one more."""
    random = np.random.default_rng(0)
    targets = (random.random((PRODUCTS, LABELS)) < 0.2).astype(np.float32)
    targets[:, CLUSTER_OF == 3] = 0
    rows = (random.random((PRODUCTS, INPUTS)) < 0.1).astype(np.float32)
    rows[:, :LABELS] += targets
    matched = np.zeros((PRODUCTS, CLUSTERS), np.float32)
    for cluster in range(CLUSTERS):
        matched[:, cluster] = targets[:, cluster == CLUSTER_OF].any(axis=1)
    matched[np.arange(PRODUCTS), random.integers(0, 3, PRODUCTS)] = 1
    return sp.csr_array(rows), sp.csr_array(targets), sp.csr_array(matched)


@pytest.fixture(scope="module")
def rankers(shop: Any) -> LabelRankers:
    inputs, targets, matched = shop
    return LabelRankers.fit(inputs, targets, CLUSTER_OF, matched, SETTINGS)


def chances(random: np.random.Generator, products: int) -> sp.csr_array:
    """The probabilities of two clusters of each product."""
    likely = random.random((products, CLUSTERS)).astype(np.float32)
    return sp.csr_array(np.where(likely >= np.sort(likely)[:, [-2]], likely, 0))


def one_by_one(label: int, shop: Any) -> Floats:
    """The logits (N,) of a label by a classifier learnt from the products matched to its cluster alone."""
    inputs, targets, matched = shop
    products = np.flatnonzero(matched.toarray()[:, CLUSTER_OF[label]])
    same = np.flatnonzero(CLUSTER_OF[label] == CLUSTER_OF)
    fitted = fit_one_vs_rest(
        inputs[products],
        targets.toarray()[products][:, same],
        SETTINGS.options("logistic"),
    )
    logits: Floats = fitted.logits(inputs)[:, np.flatnonzero(same == label)[0]]
    return logits


@pytest.mark.parametrize("label", [0, 1, 2, 3, 4, 6])
def test_a_probability_is_that_of_the_label_times_a_power_of_its_clusters(
    label: int, shop: Any, rankers: LabelRankers
) -> None:
    searched = chances(np.random.default_rng(1), PRODUCTS)
    found = rankers.probabilities(shop[0], searched).toarray()[:, label]
    logits = one_by_one(label, shop)
    cluster = searched.toarray()[:, CLUSTER_OF[label]]
    np.testing.assert_allclose(found, expit(logits) * cluster**CLUSTER_POWER, atol=1e-5)


def test_a_label_that_nothing_was_learnt_of_is_unlikely(shop: Any, rankers: LabelRankers) -> None:
    everywhere = sp.csr_array(np.ones((PRODUCTS, CLUSTERS), np.float32))
    found = rankers.probabilities(shop[0], everywhere).toarray()
    assert (found[:, 5] < 1e-6).all()
    assert (found[:, :5].max(axis=0) > 0.5).all()


def test_a_product_gets_the_same_bits_alone_and_among_others(
    shop: Any, rankers: LabelRankers
) -> None:
    searched = chances(np.random.default_rng(2), PRODUCTS)
    together = rankers.probabilities(shop[0], searched).toarray()
    alone = rankers.probabilities(shop[0][[7]], searched[[7]]).toarray()
    np.testing.assert_array_equal(alone[0], together[7])


def test_nothing_is_looked_into(shop: Any, rankers: LabelRankers) -> None:
    nowhere = sp.csr_array((PRODUCTS, CLUSTERS), dtype=np.float32)
    assert rankers.probabilities(shop[0], nowhere).nnz == 0


def test_survive_storage(shop: Any, rankers: LabelRankers) -> None:
    searched = chances(np.random.default_rng(3), PRODUCTS)
    again = LabelRankers.from_state({"other": np.zeros(3), **rankers.arrays()})
    np.testing.assert_array_equal(
        again.probabilities(shop[0], searched).toarray(),
        rankers.probabilities(shop[0], searched).toarray(),
    )
