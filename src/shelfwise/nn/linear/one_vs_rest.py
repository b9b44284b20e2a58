"""One linear classifier a label on sparse inputs, all labels solved at once.

Each label's weights are a weighted sum of the training rows, w = X'a (representer theorem). So the unknowns
are one dual number a product and label, (N, L), far fewer than the (F, L) weights. They are found by
Newton's method, whose systems are solved by conjugate gradients in the inner product of K = XX'. These are
the same steps as in weight space (Lin, Weng and Keerthi 2008), at the price of one sparse product with X and
one with X' a step for all labels together. Labels leave as soon as they are solved. The squared hinge loss
has no second derivative at a margin of 1; either side's will do (Keerthi and DeCoste 2005).

Dimensions: N products, F sparse inputs, D dense inputs, L labels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from shelfwise.core.sparse_rows import stack_columns
from shelfwise.core.sparse_scores import dense as as_dense
from shelfwise.core.types import Floats, Matrix
from shelfwise.nn.device import device_with_room
from shelfwise.nn.linear.linear_weights import (
    LinearWeights,
    bags_on,
    embedding_bags,
    sparse_product,
    sparse_weights,
)
from shelfwise.nn.linear.losses import LOSSES, Loss, LossName
from shelfwise.text.gram_counts import SparseParts

_NEWTON_STEPS = 40
_GRADIENT_STEPS = 60

_FORCING_TERM = 0.3
"""How far a Newton step's own system is solved: exactness there does not pay (Eisenstat and Walker 1996)."""

_FORCING_TERM_OF_FEW = 0.1
"""The same where a block has few labels, or not all of them.

A block goes on until its slowest label is there, so that most come further than they must. In a block without
a slow one they would all stop early.
"""

_FEW_LABELS = 32
"""Labels of a block up to which they are few."""

CELLS_PER_BLOCK = 1 << 23
"""Numbers (products x labels) solved at a time: about 20 arrays have as many, with any number of labels."""

_CELLS_WORTH_A_GPU = 1 << 26
"""Values of the inputs times labels: fewer are multiplied on a processor while a GPU is still being asked."""

_BLOCKS_IN_MEMORY = 24
"""Arrays (N, L) that a solution needs at once, at most."""

_TINY = 1e-30
"""Keeps the divisions of a label that is solved exactly from being 0 / 0."""


class LinearOptions(NamedTuple):
    """What is minimised, and how exactly.

    Args:
        cost: C, the weight of the data against the penalty.
        positive_weight: how many times the loss of a product that has the label counts.
        tolerance: a label is solved once its gradient has shrunk by this factor.
        prune: sparse inputs' weights nearer to 0 than this are dropped.
        loss: of a product that is not right, or not surely.
    """

    cost: float
    positive_weight: float = 1.0
    tolerance: float = 1e-2
    prune: float = 0.0
    loss: LossName = "logistic"


def fit_one_vs_rest(
    inputs: sp.csr_array,
    targets: Matrix,
    options: LinearOptions,
    dense: Floats | None = None,
    cells_per_block: int = CELLS_PER_BLOCK,
) -> LinearWeights:
    """Minimise ``|w|^2 / 2 + cost * sum(loss)`` for each label; the weights give logits.

    The bias is the weight of an input that is always 1 and is penalised like the others, as in LIBLINEAR.

    Args:
        inputs: (N, F) sparse rows, N > 0.
        targets: (N, L) of 0 and 1, dense or sparse; a label that no row has gets low logits everywhere.
        dense: (N, D) further inputs.
        cells_per_block: N times the labels that are solved at a time.
    """
    products, labels = targets.shape
    labels_per_block = min(labels, max(1, cells_per_block // products))
    loss = LOSSES[options.loss]
    few = labels_per_block < labels or labels <= _FEW_LABELS
    forcing = _FORCING_TERM_OF_FEW if few else _FORCING_TERM
    place = _place(inputs, dense, labels_per_block)
    kernel = _Kernel(inputs, dense, place)
    # sparse targets are read a block of labels at a time
    by_label = targets.tocsc() if sp.issparse(targets) else targets
    weights: list[SparseParts] = []
    dense_weights, bias = [], []
    for start in range(0, labels, labels_per_block):
        block = np.ascontiguousarray(as_dense(by_label[:, start : start + labels_per_block]))
        wanted = torch.from_numpy(block).to(place)
        loss_weights = options.cost * (1 + (options.positive_weight - 1) * wanted)
        dual = _solve(kernel, wanted, (loss, loss_weights), (options.tolerance, forcing))
        sparse_part, dense_part = kernel.to_weights(dual)
        # the weight of the input that is always 1
        constant = dual.sum(dim=0).cpu().numpy()
        del dual, wanted, loss_weights
        kept = sparse_weights(sparse_part.cpu().numpy(), options.prune)
        weights.append((kept.data, kept.indices, kept.indptr))
        dense_weights.append(dense_part.cpu().numpy())
        bias.append(constant)
    del kernel, sparse_part  # neither is needed beside all weights
    # without dense inputs there are weights (0, L), which nobody needs
    all_dense = np.concatenate(dense_weights, axis=1) if dense is not None else None
    joined = stack_columns(weights, [len(one) for one in bias])
    return LinearWeights(joined, np.concatenate(bias), all_dense)


def _place(inputs: sp.csr_array, dense: Floats | None, labels: int) -> torch.device:
    """Where so many labels are solved at a time: on a GPU, if it is worth it and all has room there."""
    dense_values = 0 if dense is None else dense.size
    if (inputs.nnz + dense_values) * labels < _CELLS_WORTH_A_GPU:
        return torch.device("cpu")
    products, width = inputs.shape
    # a sparse value is there by rows and by columns, with its place; the products of dense rows with each
    # other are fewer than twice the rows' values
    numbers = 4 * inputs.nnz + 3 * dense_values
    numbers += labels * (_BLOCKS_IN_MEMORY * products + 2 * width)
    return device_with_room(numbers * np.dtype(np.float32).itemsize)


class _Kernel:
    """Products with K = XX' + DD' + 1, where X is sparse (N, F), D dense (N, D), and the 1 is the bias.

    Args:
        place: the device that computes them.
    """

    def __init__(self, inputs: sp.csr_array, dense: Floats | None, place: torch.device) -> None:
        self._rows = bags_on(place, embedding_bags(inputs))
        # the transpose once more by rows: a product by columns would write to the same place from many
        # threads
        self._columns = bags_on(place, embedding_bags(inputs.T.tocsr()))
        if dense is None:
            dense = np.zeros((inputs.shape[0], 0), np.float32)
        self._dense = torch.from_numpy(np.ascontiguousarray(dense)).to(place)
        # with few products DD' + 1 is smaller than D and D' together, and takes their place in each step
        self._dense_kernel: Tensor | None = None
        if len(dense) < 2 * dense.shape[1]:
            products = dense @ dense.T
            products += 1
            self._dense_kernel = torch.from_numpy(products).to(place)

    def to_weights(self, dual: Tensor) -> tuple[Tensor, Tensor]:
        """X'a and D'a: (N, L) to (F, L) and (D, L)."""
        return sparse_product(self._columns, dual), self._dense.T @ dual

    def __matmul__(self, dual: Tensor) -> Tensor:
        if self._dense_kernel is not None:
            sparse = sparse_product(self._columns, dual)
            return sparse_product(self._rows, sparse).addmm_(self._dense_kernel, dual)
        sparse, dense = self.to_weights(dual)
        return sparse_product(self._rows, sparse).addmm_(self._dense, dense).add_(dual.sum(dim=0))


@torch.inference_mode()
def _solve(
    kernel: _Kernel, targets: Tensor, losses: tuple[Loss, Tensor], exactness: tuple[float, float]
) -> Tensor:
    """The dual numbers (N, L) of logits.

    Args:
        losses: what a product loses, and (N, L) what each product's loss counts.
        exactness: by which factor gradients are to shrink, and the residual of each Newton step's system.
    """
    loss, loss_weights = losses
    tolerance, forcing = exactness
    solution = torch.zeros_like(targets)
    unsolved = torch.arange(targets.shape[1], device=targets.device)
    sign = 2 * targets - 1
    dual = torch.zeros_like(targets)
    logits = torch.zeros_like(targets)
    goal: Tensor | None = None
    for _ in range(_NEWTON_STEPS):
        # in place wherever it can be: with many products nothing takes as much memory as these arrays
        error = loss.descent(sign * logits)
        # minus the gradient: in weight space it is X'descent
        descent = (loss_weights * sign).mul_(error).sub_(dual)
        kernel_descent = kernel @ descent
        # (L,) the gradient's squared length in weight space
        size = (descent * kernel_descent).sum(dim=0)
        if goal is None:
            goal = tolerance**2 * size
        todo = size > goal
        if not todo.any():
            break
        # solved labels leave, so that the following steps cost less
        if not todo.all():
            unsolved, goal, size = unsolved[todo], goal[todo], size[todo]
            sign = sign[:, todo]
            dual = dual[:, todo]
            logits = logits[:, todo]
            loss_weights = loss_weights[:, todo]
            error = error[:, todo]
            descent = descent[:, todo]
            kernel_descent = kernel_descent[:, todo]
        curvature = loss.curvature(error, loss_weights)
        step_goal = forcing**2 * size
        step, change = _newton_step(kernel, curvature, (descent, kernel_descent), size, step_goal)
        scale = _line_search((loss, loss_weights), sign, (dual, logits), (step, change))
        dual.add_(step.mul_(scale))
        logits.add_(change.mul_(scale))
        solution[:, unsolved] = dual
    return solution.mul_(loss.scale)


def _newton_step(
    kernel: _Kernel, curvature: Tensor, residuals: tuple[Tensor, Tensor], size: Tensor, goal: Tensor
) -> tuple[Tensor, Tensor]:
    """Solve (1 + C K) q = residual roughly, C the curvature of the loss, by conjugate gradients.

    Args:
        curvature: (N, L).
        residuals: (N, L) the residual of q = 0, and K times it; both are changed.
        size: (L,) the product of both, the residual's squared length in weight space.
        goal: (L,) the squared length that is small enough.

    Returns:
        q and Kq, both (N, L).
    """
    residual, kernel_residual = residuals
    step = torch.zeros_like(residual)
    change = torch.zeros_like(residual)
    direction = residual.clone()
    kernel_direction = kernel_residual.clone()
    for _ in range(_GRADIENT_STEPS):
        curved = curvature * kernel_direction
        applied = direction + curved
        # how far along the direction the residual is smallest, each label by itself
        curved_length = (kernel_direction * applied).sum(dim=0)
        # a label that is solved while others are not has only rounding left, which may have any sign
        unsolved = (size > 0) & (curved_length > _TINY)
        length = torch.where(unsolved, size / curved_length, 0.0)
        step.addcmul_(length, direction)
        change.addcmul_(length, kernel_direction)
        residual.addcmul_(length, applied, value=-1)
        # K applied, with one product in place of two
        kernel_residual.addcmul_(length, (kernel @ curved).add_(kernel_direction), value=-1)
        size_before = size
        size = (residual * kernel_residual).sum(dim=0)
        if (size <= goal).all():
            break
        # below 0 is rounding
        ratio = size.clamp_min(0) / size_before.clamp_min(_TINY)
        direction.mul_(ratio).add_(residual)
        kernel_direction.mul_(ratio).add_(kernel_residual)
    return step, change


def _line_search(
    losses: tuple[Loss, Tensor],
    sign: Tensor,
    here: tuple[Tensor, Tensor],
    step: tuple[Tensor, Tensor],
) -> Tensor:
    """(L,) the first of 1, 1/2, 1/4 ... of the step at which each label's objective falls.

    Args:
        here: the dual numbers and the logits, both (N, L).
        step: their change by a whole step.
    """
    loss, loss_weights = losses

    def objective(scale: Tensor) -> Tensor:
        dual = here[0] + scale * step[0]
        logits = here[1] + scale * step[1]
        penalty = (dual * logits).sum(dim=0) / 2
        return penalty + (loss_weights * loss.value(sign * logits)).sum(dim=0)

    scale = torch.ones_like(sign[0])
    # single precision cannot tell a smaller rise
    highest = objective(torch.zeros_like(scale)) * (1 + 1e-6)
    for _ in range(10):
        is_worse = objective(scale) > highest
        if not is_worse.any():
            break
        scale = torch.where(is_worse, scale / 2, scale)
    return scale
