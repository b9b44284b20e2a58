from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from shelfwise.disk.files import read_arrays, write_arrays
from shelfwise.nn.linear import one_vs_rest as linear
from shelfwise.nn.linear.linear_weights import LinearWeights, embedding_bags, sparse_product
from shelfwise.nn.linear.one_vs_rest import LinearOptions, fit_one_vs_rest


@pytest.fixture(scope="module")
def problem() -> tuple[sp.csr_array, np.ndarray[Any, np.dtype[np.float32]]]:
    """300 sparse rows, 400 inputs, 9 labels from every second product to two products."""
    rng = np.random.default_rng(0)
    inputs = sp.random_array((300, 400), density=0.05, rng=rng, dtype=np.float32).tocsr()
    scores = inputs @ rng.normal(size=(400, 9)) + rng.normal(0, 0.3, (300, 9))
    share = np.array([0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01])
    targets = np.stack(
        [scores[:, i] > np.quantile(scores[:, i], 1 - share[i]) for i in range(9)], axis=1
    )
    return sp.csr_array(inputs), targets.astype(np.float32)


@pytest.mark.parametrize(("cost", "positive_weight"), [(0.5, 1.0), (10.0, 1.0), (10.0, 3.0)])
def test_agrees_with_liblinear(problem: Any, cost: float, positive_weight: float) -> None:
    inputs, targets = problem
    ours = fit_one_vs_rest(inputs, targets, LinearOptions(cost, positive_weight, tolerance=1e-05))
    weights, bias = ours.weights.toarray(), ours.bias
    for label in range(targets.shape[1]):
        theirs = LogisticRegression(
            C=cost,
            solver="liblinear",
            tol=1e-8,
            max_iter=10_000,
            class_weight={0: 1, 1: positive_weight},
        )
        theirs.fit(inputs, targets[:, label])
        np.testing.assert_allclose(weights[:, label], theirs.coef_[0], atol=2e-3)
        np.testing.assert_allclose(bias[label], theirs.intercept_[0], atol=2e-3)


@pytest.mark.parametrize(("cost", "positive_weight"), [(0.1, 1.0), (1.0, 1.0), (1.0, 3.0)])
def test_squared_hinges_agree_with_liblinear(
    problem: Any, cost: float, positive_weight: float
) -> None:
    inputs, targets = problem
    options = LinearOptions(cost, positive_weight, tolerance=1e-06, loss="squared_hinge")
    ours = fit_one_vs_rest(inputs, targets, options)
    for label in range(targets.shape[1]):
        theirs = LinearSVC(
            C=cost, dual=False, tol=1e-8, max_iter=10_000, class_weight={0: 1, 1: positive_weight}
        )
        theirs.fit(inputs, targets[:, label])
        # a margin of 1 is a logit of 5
        np.testing.assert_allclose(ours.weights.toarray()[:, label], 5 * theirs.coef_[0], atol=2e-3)
        np.testing.assert_allclose(ours.bias[label], 5 * theirs.intercept_[0], atol=2e-3)


@pytest.mark.parametrize("prune", [0.0, 0.1])
@pytest.mark.parametrize("width", [20, 200], ids=["many products", "few products"])
def test_dense_inputs_count_as_sparse_ones_do_but_are_never_pruned(
    problem: Any, width: int, prune: float
) -> None:
    inputs, targets = problem
    # all together count the same, however many there are
    spread = 0.3 * np.sqrt(20 / width)
    dense = np.random.default_rng(1).normal(0, spread, (inputs.shape[0], width)).astype(np.float32)
    joined = sp.csr_array(sp.hstack([inputs, dense], format="csr"))
    apart, together = (
        fit_one_vs_rest(inputs, targets, LinearOptions(10, 3, 0.0001, prune), dense=dense),
        fit_one_vs_rest(joined, targets, LinearOptions(10, 3, 0.0001)),
    )
    assert apart.dense is not None
    assert apart.dense.shape == (width, targets.shape[1])
    whole, bound = together.weights.toarray(), 5e-3
    sparse = apart.weights.toarray()
    np.testing.assert_allclose(sparse[sparse != 0], whole[:400][sparse != 0], atol=bound)
    assert (np.abs(whole[:400][sparse == 0]) < prune + bound).all()
    assert np.abs(whole[400:]).min() < 0.1, "some of these would be pruned"
    np.testing.assert_allclose(apart.dense, whole[400:], atol=bound)
    np.testing.assert_allclose(apart.bias, together.bias, atol=bound)
    if not prune:
        np.testing.assert_allclose(apart.logits(inputs, dense), together.logits(joined), atol=2e-2)


def test_dense_inputs_alone() -> None:
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(200, 6)).astype(np.float32)
    targets = (dense @ rng.normal(size=(6, 3)) + rng.normal(0, 0.5, (200, 3)) > 0).astype(
        np.float32
    )
    none = sp.csr_array((200, 0), dtype=np.float32)
    ours = fit_one_vs_rest(none, targets, LinearOptions(2, tolerance=1e-05), dense=dense)
    for label in range(3):
        theirs = LogisticRegression(C=2, solver="liblinear", tol=1e-8, max_iter=10_000).fit(
            dense, targets[:, label]
        )
        np.testing.assert_allclose(
            ours.logits(none, dense)[:, label], theirs.decision_function(dense), atol=5e-3
        )


@pytest.mark.parametrize(
    "width", [None, 0, 5], ids=["no dense inputs", "dense inputs of width 0", "five dense inputs"]
)
def test_weights_survive_storage(problem: Any, width: int | None, tmp_path: Path) -> None:
    inputs, targets = problem
    dense = (
        None
        if width is None
        else np.random.default_rng(1).normal(size=(inputs.shape[0], width)).astype(np.float32)
    )
    model = fit_one_vs_rest(inputs, targets, LinearOptions(10), dense=dense)
    write_arrays(tmp_path / "x.safetensors", {**model.arrays(), "another": np.zeros(2)})
    restored = LinearWeights.from_state(read_arrays(tmp_path / "x.safetensors")[0])
    assert (restored.dense is None) == (width is None)
    assert np.array_equal(restored.logits(inputs, dense), model.logits(inputs, dense))


def test_labels_may_be_solved_in_portions(problem: Any) -> None:
    together = fit_one_vs_rest(*problem, LinearOptions(10, tolerance=1e-05))
    cells = 2 * problem[0].shape[0]
    portions = fit_one_vs_rest(*problem, LinearOptions(10, tolerance=1e-05), cells_per_block=cells)
    np.testing.assert_allclose(portions.weights.toarray(), together.weights.toarray(), atol=5e-3)
    np.testing.assert_allclose(portions.bias, together.bias, atol=5e-3)


def test_rare_labels_are_solved_as_well_in_portions() -> None:
    rng = np.random.default_rng(0)
    inputs = sp.random_array((400, 300), density=0.05, rng=rng, dtype=np.float32).tocsr()
    # five products a label: none is slow, so that all labels of a block would stop early
    targets = np.zeros((400, 80), np.float32)
    for label in range(80):
        targets[rng.choice(400, 5, replace=False), label] = 1
    exact = fit_one_vs_rest(inputs, targets, LinearOptions(10, tolerance=1e-06)).weights.toarray()

    def error(labels: int) -> float:
        found = fit_one_vs_rest(inputs, targets, LinearOptions(10), cells_per_block=labels * 400)
        return float(np.abs(found.weights.toarray() - exact).mean())

    assert error(40) < 0.6 * error(80)


def test_prunes_small_weights_only(problem: Any) -> None:
    full, pruned = (
        fit_one_vs_rest(*problem, LinearOptions(10, prune=prune)).weights for prune in (0.0, 0.5)
    )
    dense = full.toarray()
    assert np.array_equal(pruned.toarray(), np.where(np.abs(dense) < 0.5, 0, dense))
    assert pruned.nnz < full.nnz


def test_labels_that_all_or_none_have(problem: Any) -> None:
    inputs, _ = problem
    targets = np.repeat(np.array([[0, 1]], np.float32), inputs.shape[0], axis=0)
    model = fit_one_vs_rest(inputs, targets, LinearOptions(10))
    logits = inputs @ model.weights.toarray() + model.bias
    assert logits[:, 0].max() < -2
    assert logits[:, 1].min() > 2


def test_rows_and_inputs_without_a_value() -> None:
    inputs = sp.csr_array(np.array([[1, 0, 0], [0, 0, 0], [1, 0, 1], [0, 0, 1]], np.float32))
    targets = np.array([[1], [0], [1], [0]], np.float32)
    model = fit_one_vs_rest(inputs, targets, LinearOptions(100))
    assert model.weights.toarray()[1] == 0
    assert np.array_equal((inputs @ model.weights.toarray() + model.bias) > 0, targets > 0)


def test_no_inputs_leave_the_bias() -> None:
    model = fit_one_vs_rest(
        sp.csr_array((50, 0), dtype=np.float32),
        np.eye(50, 1, dtype=np.float32),
        LinearOptions(1000, tolerance=0.0001),
    )
    assert model.weights.shape == (0, 1)
    assert 1 / (1 + np.exp(-model.bias[0])) == pytest.approx(1 / 50, rel=0.05)


def test_what_rounding_leaves_of_a_solved_label_stays_small_while_another_label_is_solved() -> None:
    """Of a label that all products have, 65,000 products leave a squared length just below 0."""

    class Kernel:
        """The identity; for the first label its rounded remainder, below 0."""

        def __matmul__(self, dual: torch.Tensor) -> torch.Tensor:
            return dual * torch.tensor([-1e-3, 1.0])

    residual = torch.ones(5, 2)
    curvature = torch.ones(5, 2)
    kernel_residual = Kernel() @ residual
    for size in ((residual * kernel_residual).sum(dim=0), torch.tensor([1e-3, 5.0])):
        # both are changed
        residuals = (residual.clone(), kernel_residual.clone())
        step, change = linear._newton_step(Kernel(), curvature, residuals, size, 0.09 * size)
        # half of a step of 1: (1 + 1) q = 1
        np.testing.assert_allclose(step.numpy(), [[0, 0.5]] * 5, rtol=1e-5)
        np.testing.assert_allclose(change.numpy(), [[0, 0.5]] * 5, rtol=1e-5)


def test_a_label_alone_is_solved_as_far_as_beside_many_others() -> None:
    draw = np.random.default_rng(1)
    # words of a long tail, and for each of 30 labels a few words that hint at it
    share = 1 / np.arange(1, 2001)
    hints = draw.integers(0, 2000, (30, 12))
    own = draw.integers(0, 30, 2000)
    rows = np.zeros((2000, 2000), np.float32)
    for row, label in enumerate(own):
        rows[row, draw.choice(2000, 14, p=share / share.sum())] = 1
        rows[row, draw.choice(hints[label], 4)] = 1
    rows *= np.log(2000 / np.maximum(1, (rows > 0).sum(axis=0)))
    inputs = sp.csr_array(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
    targets = (own[:, None] == np.arange(10)).astype(np.float32)
    exact = fit_one_vs_rest(inputs, targets, LinearOptions(10.0, tolerance=1e-06)).logits(inputs)
    alone = [
        fit_one_vs_rest(inputs, targets[:, [label]], LinearOptions(10.0)).logits(inputs)
        for label in range(10)
    ]
    # solved as roughly as beside many others, labels by themselves are .66 away on average
    assert np.abs(np.concatenate(alone, axis=1) - exact).mean() < 0.4


@pytest.mark.parametrize("width", [20, 200], ids=["many products", "few products"])
def test_large_problems_are_solved_where_there_is_room(
    problem: Any, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, targets = problem
    dense = np.random.default_rng(1).normal(0, 0.1, (inputs.shape[0], width)).astype(np.float32)
    asked: list[int] = []

    def noted(needed: int) -> torch.device:
        asked.append(needed)
        return torch.device("cpu")

    monkeypatch.setattr(linear, "device_with_room", noted)
    expected = fit_one_vs_rest(inputs, targets, LinearOptions(10), dense=dense)
    assert asked == [], "a GPU is asked about a small problem"
    monkeypatch.setattr(linear, "_CELLS_WORTH_A_GPU", 1)
    # whatever is made without naming a device now has no numbers, and cannot meet those that have
    with torch.device("meta"):
        found = fit_one_vs_rest(inputs, targets, LinearOptions(10), dense=dense)
    assert np.array_equal(found.weights.toarray(), expected.weights.toarray())
    assert np.array_equal(found.bias, expected.bias)
    values = inputs.nnz + dense.size + targets.size * linear._BLOCKS_IN_MEMORY
    assert asked[0] > values * 4


def test_what_stays_on_the_processor_is_refused_by_another_device(problem: Any) -> None:
    inputs, targets = problem
    dense = np.ones((inputs.shape[0], 3), np.float32)
    kernel = linear._Kernel(inputs, dense, torch.device("meta"))
    dual = torch.from_numpy(targets)
    assert (kernel @ dual.to("meta")).is_meta
    with pytest.raises(RuntimeError, match="device"):
        kernel @ dual


def test_a_product_without_inputs_or_products_is_empty_on_any_device() -> None:
    bags = embedding_bags(sp.csr_array((3, 0), dtype=np.float32))
    assert sparse_product(bags, torch.ones(0, 2)).tolist() == [[0, 0]] * 3
    bags = embedding_bags(sp.csr_array((0, 3), dtype=np.float32))
    assert sparse_product(bags, torch.ones(3, 2)).shape == (0, 2)
