"""Micro-F1 of names is that of a multi-hot matrix over all names."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from shelfwise.errors import LabelError
from shelfwise.metrics.label_names import micro_f1_of_names


@pytest.mark.parametrize("seed", range(5))
def test_as_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = np.array(list("abcdef"))
    # the last name is never predicted: the model does not know it
    true = [names[rng.random(6) < 0.4].tolist() for _ in range(30)]
    given = [names[:5][rng.random(5) < 0.4].tolist() for _ in range(30)]
    weights = rng.random(30)
    binarizer = MultiLabelBinarizer(classes=names)
    matrices = [binarizer.fit_transform(rows) for rows in (true, given)]
    for counts in (None, weights):
        wanted = f1_score(*matrices, average="micro", sample_weight=counts)
        assert micro_f1_of_names(true, given, counts) == pytest.approx(wanted)


def test_nothing_true_or_predicted() -> None:
    assert micro_f1_of_names([[], []], [[], []]) == 0
    assert micro_f1_of_names([], []) == 0


def test_one_weight_a_product() -> None:
    with pytest.raises(LabelError, match="expected one number for each of 2 products"):
        micro_f1_of_names([["a"], []], [["a"], []], [1.0])


def test_as_many_answers_as_products_are_needed():
    """Otherwise the last ones would not count, without a word."""
    with pytest.raises(ValueError, match="zip"):
        micro_f1_of_names([["Mugs"]], [["Mugs"], ["Lamps"]])
