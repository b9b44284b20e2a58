import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from shelfwise.config import LossName
from shelfwise.errors import ConfigError
from shelfwise.nn import losses
from shelfwise.taxonomy.tree_scores import levels

NAMES: tuple[LossName, ...] = (
    "keras_cce",
    "bce",
    "softmax_ce",
    "focal",
    "asymmetric",
    "class_balanced",
)


def sample(rows: int = 7, labels: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return 2 * torch.randn(rows, labels, generator=generator), (
        torch.rand(rows, labels, generator=generator) < 0.4
    ).float()


def per_cell(logits: Tensor, targets: Tensor, loss: Callable[[float, float], float]) -> float:
    """The mean over all cells of a loss of (probability, target), in plain Python."""
    cells = [
        loss(1 / (1 + math.exp(-z)), y)
        for zs, ys in zip(logits.tolist(), targets.tolist(), strict=True)
        for z, y in zip(zs, ys, strict=True)
    ]
    return sum(cells) / len(cells)


def cross_entropy(p: float, y: float) -> float:
    return -math.log(p if y else 1 - p)


def test_keras_cce_is_that_of_keras() -> None:
    logits, targets = sample()
    total = 0.0
    for zs, ys in zip(logits.tolist(), targets.tolist(), strict=True):
        scores = [1 / (1 + math.exp(-z)) for z in zs]
        total -= sum(
            y * math.log(min(max(s / sum(scores), 1e-7), 1 - 1e-7))
            for s, y in zip(scores, ys, strict=True)
        )
    assert losses.keras_cce(logits, targets).item() == pytest.approx(total / len(logits), rel=1e-5)


@given(st.floats(0.05, 0.99))
def test_keras_cce_knows_only_proportions(scale: float) -> None:
    scores = torch.tensor([[0.9, 0.3, 0.6], [0.2, 0.2, 0.8]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0, 1], [0, 1, 0]], dtype=torch.float64)
    whole, part = (
        losses.keras_cce(torch.logit(scores), targets),
        losses.keras_cce(torch.logit(scale * scores), targets),
    )
    assert part.item() == pytest.approx(whole.item(), rel=1e-9)


def test_keras_cce_has_a_floor_and_no_hole() -> None:
    targets = torch.tensor([[1.0, 1, 1, 0]])
    logits = torch.tensor([[30.0, 30, 30, -30]])
    assert losses.keras_cce(logits, targets).item() == pytest.approx(3 * math.log(3), rel=1e-5)
    assert torch.isfinite(losses.keras_cce(torch.full((1, 4), -200.0), targets))


def test_cell_by_cell_losses() -> None:
    logits, targets = sample()

    def focal(p: float, y: float) -> float:
        right = p if y else 1 - p
        return -((1 - right) ** 2) * math.log(right)

    def asymmetric(p: float, y: float) -> float:
        shifted = max(p - 0.05, 0)
        return -math.log(p) if y else -(shifted**4) * math.log(1 - shifted)

    assert losses.bce(logits, targets).item() == pytest.approx(
        per_cell(logits, targets, cross_entropy), rel=1e-5
    )
    assert losses.focal(logits, targets).item() == pytest.approx(
        per_cell(logits, targets, focal), rel=1e-4
    )
    assert losses.asymmetric(logits, targets).item() == pytest.approx(
        per_cell(logits, targets, asymmetric), rel=1e-4
    )


def test_softmax_ce_shares_the_target_and_ignores_the_unlabelled() -> None:
    logits, targets = sample()
    targets[2] = 0
    expected = 0.0
    for zs, ys in zip(logits.double().numpy(), targets.double().numpy(), strict=True):
        if ys.any():
            expected -= float(ys / ys.sum() @ (zs - np.log(np.exp(zs).sum())))
    assert losses.softmax_ce(logits, targets).item() == pytest.approx(
        expected / len(logits), rel=1e-5
    )


def test_class_balanced() -> None:
    logits, targets = sample()
    counts = torch.tensor([0.0, 1, 10, 100, 10_000])
    weights = [(1 - 0.999) / (1 - 0.999 ** max(n, 1)) for n in counts.tolist()]
    relative = torch.tensor([w * len(weights) / sum(weights) for w in weights])
    cells = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    assert losses.class_balanced(counts)(logits, targets).item() == pytest.approx(
        (cells * relative).mean().item(), rel=1e-3
    )
    assert losses.class_balanced(counts, beta=0.0)(logits, targets).item() == pytest.approx(
        cells.mean().item(), rel=1e-5
    )


PARENTS = np.array([-1, 0, 1, 0, -1])


def test_max_constraint_is_the_formula() -> None:
    """``-y_A ln max_B(y_B h_B) - (1 - y_A) ln(1 - max_B h_B)`` over A and all B below it, label by label."""
    logits, targets = sample()
    targets[:, 1] = torch.maximum(targets[:, 1], targets[:, 2])
    targets[:, 0] = targets[:, [0, 1, 3]].amax(dim=1)
    below = {0: [0, 1, 2, 3], 1: [1, 2], 2: [2], 3: [3], 4: [4]}
    total = 0.0
    for h, y in zip(torch.sigmoid(logits).tolist(), targets.tolist(), strict=True):
        for a in range(5):
            total -= (
                math.log(max(y[b] * h[b] for b in below[a]))
                if y[a]
                else math.log(1 - max(h[b] for b in below[a]))
            )
    loss_of = losses.max_constraint(levels(PARENTS))
    assert loss_of(logits, targets).item() == pytest.approx(total / logits.numel(), rel=1e-5)


def test_max_constraint_without_a_tree_is_bce() -> None:
    loss_of = losses.max_constraint(levels(np.full(5, -1)))
    assert loss_of(*sample()).item() == pytest.approx(losses.bce(*sample()).item(), rel=1e-6)


def test_max_constraint_teaches_no_label_by_one_the_product_lacks() -> None:
    """The product has A, not B below it, and B's output is the highest: A must learn from A, and B fall."""
    logits = torch.tensor([[-1.0, 2.0, -3.0, -3.0, 0.0]], requires_grad=True)
    loss = losses.max_constraint(levels(PARENTS))(logits, torch.tensor([[1.0, 0, 0, 0, 0]]))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0, 0] < 0 < gradient[0, 1]
    extreme = torch.tensor([[200.0, -200.0, 0.0, 80.0, -80.0]], requires_grad=True)
    for answers in (torch.ones(1, 5), torch.zeros(1, 5)):
        value = losses.max_constraint(levels(PARENTS))(extreme, answers)
        (gradient,) = torch.autograd.grad(value, extreme)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_is_finite_and_falls_along_its_gradient(name: LossName) -> None:
    logits, targets = sample()
    loss_of = losses.make_loss(name, targets)
    logits.requires_grad_()
    loss = loss_of(logits, targets)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss_of(logits - 0.1 * gradient / gradient.norm(), targets) < loss
    extreme = torch.tensor([[200.0, -200.0, 0.0, 80.0, -80.0]], requires_grad=True)
    for answers in (torch.ones(1, 5), torch.zeros(1, 5)):
        value = loss_of(extreme, answers)
        (gradient,) = torch.autograd.grad(value, extreme)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()


def test_an_unknown_loss() -> None:
    with pytest.raises(ConfigError, match="no loss called 'hinge'; known: keras_cce"):
        losses.make_loss("hinge", torch.zeros(1, 1))  # type: ignore[arg-type]
