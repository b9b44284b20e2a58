import numpy as np
import scipy.sparse as sp

from shelfwise.nn.linear.label_clusters import cluster_labels


def test_labels_of_like_products_share_a_cluster_and_clusters_are_of_about_one_size() -> None:
    """Twelve labels in three groups; products of a group share twenty inputs of their own."""
    random = np.random.default_rng(0)
    group = random.integers(0, 3, 600)
    rows = random.random((600, 60)) < 0.02
    own = np.arange(60) // 20 == group[:, None]
    rows |= own & (random.random((600, 60)) < 0.5)
    targets = np.zeros((600, 12), np.float32)
    targets[np.arange(600), random.integers(0, 4, 600) * 3 + group] = 1
    inputs = sp.csr_array(rows.astype(np.float32))
    clusters = cluster_labels(inputs, sp.csr_array(targets), most=3)
    assert np.bincount(clusters).tolist() == [3, 3, 3, 3]
    # three groups of four labels in four clusters of three: one cluster is mixed
    groups = [set((np.flatnonzero(clusters == one) % 3).tolist()) for one in range(4)]
    assert sum(len(found) == 1 for found in groups) >= 2
    again = cluster_labels(inputs, sp.csr_array(targets), most=3)
    np.testing.assert_array_equal(clusters, again)


def test_labels_without_a_product_have_a_cluster() -> None:
    inputs = sp.csr_array(np.eye(4, 9, dtype=np.float32))
    targets = sp.csr_array(np.eye(4, 8, dtype=np.float32))
    assert np.bincount(cluster_labels(inputs, targets, most=2)).tolist() == [2, 2, 2, 2]


def test_few_labels_are_one_cluster() -> None:
    inputs = sp.csr_array(np.eye(4, 9, dtype=np.float32))
    assert (
        cluster_labels(inputs, sp.csr_array(np.eye(4, dtype=np.float32)), most=4).tolist()
        == [0] * 4
    )
