import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.spatial.distance import pdist

from shelfwise.nn.linear import linear_weights as linear
from shelfwise.nn.linear.linear_weights import (
    LinearWeights,
    embedding_bags,
    random_projection,
    used_inputs,
)
from shelfwise.nn.linear.one_vs_rest import LinearOptions, fit_one_vs_rest


def test_logits_of_few_labels_are_the_features_and_of_many_a_mix_that_keeps_distances() -> None:
    logits = np.random.default_rng(0).normal(size=(40, 2000)).astype(np.float32)
    assert random_projection(logits, 2000) is logits
    mixed = random_projection(logits, 256)
    assert mixed.shape == (40, 256)
    assert np.allclose(random_projection(logits[3:5], 256), mixed[3:5], atol=1e-4), (
        "the same mix every time"
    )
    ratio = pdist(mixed) / pdist(logits)
    assert 0.75 < ratio.min() < ratio.max() < 1.25


@pytest.mark.parametrize("many", [5, 1000])
@pytest.mark.parametrize("cells", [1 << 23, 1, 75])
@pytest.mark.parametrize("density", [0.01, 0.4])
def test_logits_are_the_product_however_sparse_the_weights(
    density: float, cells: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "_MANY_LABELS", many)
    monkeypatch.setattr(linear, "_CELLS_PER_BLOCK", cells)
    monkeypatch.setattr(linear, "_LABELS_PER_BLOCK", 4)
    rng = np.random.default_rng(0)
    weights = sp.random_array((50, 6), density=density, format="csr", dtype=np.float32, rng=rng)
    rows = rng.random((9, 50), np.float32) * (rng.random((9, 50)) < 0.2)
    rows[3] = 0
    inputs = sp.csr_array(rows)
    found = LinearWeights(weights, np.arange(6, dtype=np.float32)).logits(inputs)
    np.testing.assert_allclose(
        found, inputs.toarray() @ weights.toarray() + np.arange(6), atol=1e-5
    )
    alone = LinearWeights(weights, np.arange(6, dtype=np.float32)).logits(inputs[[7]])
    np.testing.assert_array_equal(alone[0], found[7])


@pytest.mark.parametrize("rows", [1, 7])
def test_weights_kept_dense_give_the_same_bits_as_those_written_out(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    values = generator.standard_normal((60, 9), np.float32)
    weights = sp.csr_array(np.where(generator.random((60, 9)) < 0.6, values, 0))
    inputs = sp.csr_array(sp.random_array((rows, 60), density=0.3, dtype=np.float32, rng=1))
    bias = values[0]
    kept = LinearWeights(weights, bias)
    assert kept._written is not None
    monkeypatch.setattr(linear, "_MOST_WRITTEN", 0)
    written_out = LinearWeights(weights, bias)
    assert written_out._written is None
    assert np.array_equal(kept.logits(inputs), written_out.logits(inputs))
    chosen = np.array([5, 0, 59])
    assert np.array_equal(linear._written_out(weights, chosen), weights.toarray()[chosen])


def test_beyond_two_thousand_million_values_places_have_64_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = sp.csr_array(sp.random_array((20, 30), density=0.3, dtype=np.float32, rng=1))
    targets = (np.arange(20)[:, None] % np.array([2, 3]) == 0).astype(np.float32)
    expected = fit_one_vs_rest(inputs, targets, LinearOptions(1.0))
    assert {each.dtype for each in embedding_bags(inputs)[:2]} == {torch.int32}
    # as many values as there are here stand for more than 32 bits count
    monkeypatch.setattr(linear, "MOST_SHORT_PLACES", inputs.nnz - 1)
    assert {each.dtype for each in embedding_bags(inputs)[:2]} == {torch.int64}
    found = fit_one_vs_rest(inputs, targets, LinearOptions(1.0))
    assert np.array_equal(found.weights.toarray(), expected.weights.toarray())
    assert np.array_equal(found.logits(inputs), expected.logits(inputs))


@pytest.mark.parametrize("rows", [2, 40], ids=["fewer entries than inputs", "more"])
def test_rows_with_the_used_inputs_alone_are_the_same_rows(rows: int) -> None:
    inputs = sp.random_array((rows, 60), density=0.2, format="csr", dtype=np.float32, rng=0)
    inputs = sp.csr_array(inputs * (np.arange(60) % 3 > 0))
    inputs.eliminate_zeros()
    used, known = used_inputs(inputs)
    assert used.tolist() == np.flatnonzero(inputs.toarray().any(axis=0)).tolist()
    assert np.array_equal(known.toarray(), inputs.toarray()[:, used])


def test_rows_that_cannot_be_written_to_are_copied_without_a_warning() -> None:
    inputs = sp.csr_array(np.eye(3, dtype=np.float32))
    inputs.data.flags.writeable = False
    values = embedding_bags(inputs)[2]
    values[0] = 7
    assert inputs.data[0] == 1


def test_saved_weights_are_read_and_saved_again_without_a_copy() -> None:
    weights = sp.random_array((50, 6), density=0.4, format="csr", dtype=np.float32)
    saved = LinearWeights(weights, np.zeros(6, np.float32)).arrays()
    again = LinearWeights.from_state(saved).arrays()
    assert list(again) == list(saved)
    for name in ("weights.values", "weights.columns"):
        assert np.shares_memory(again[name], saved[name]), name
    assert again["weights.rows"].dtype == saved["weights.rows"].dtype
    assert np.array_equal(again["weights.rows"], saved["weights.rows"])
