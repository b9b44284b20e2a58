"""One-vs-rest linear classifiers of sparse inputs, all labels solved at once.

Each label's weights are a weighted sum of the training rows, w = X'a (representer theorem), so the unknowns are kept as
one number a product and label, (N, L), which is far less than the (F, L) weights. Newton's method, its systems solved by
conjugate gradients in the inner product of K = XX': the same steps as in weight space (Lin, Weng and Keerthi 2008), at
the price of one sparse product with X and one with X' a step for all labels together. Labels leave once they are solved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn import functional as F

from shelfwise.contracts import Floats

_NEWTON_STEPS = 40
_GRADIENT_STEPS = 60
_CELLS = 1 << 22
"""Numbers (products x labels) worked on at a time: bounds the memory, whatever the number of labels."""


@dataclass(frozen=True)
class LinearWeights:
    """L linear classifiers of F inputs: ``logits = x @ weights + bias``.

    Args:
        weights: (F, L).
        bias: (L,).
    """

    weights: Floats
    bias: Floats


def fit_logistic(inputs: sp.csr_array, targets: Floats, cost: float, tolerance: float = 1e-2) -> LinearWeights:
    """Minimise ``|w|^2 / 2 + cost * sum(log loss)`` for each label.

    The bias is learnt as the weight of an input that is always 1, as LIBLINEAR does.

    Args:
        inputs: (N, F) sparse.
        targets: (N, L) of 0 and 1; a label that no row has gets a low constant.
        cost: C, the weight of the data against the penalty.
        tolerance: stop a label once its gradient has shrunk by this factor.
    """
    kernel = _Kernel(inputs)
    chunk = max(1, _CELLS // max(1, len(targets)))
    parts = [_solve(kernel, torch.from_numpy(targets[:, i : i + chunk]), cost, tolerance) for i in range(0, targets.shape[1], chunk)]
    weights = [kernel.backward(part) for part in parts]
    bias = [part.sum(dim=0) for part in parts]
    return LinearWeights(torch.cat(weights, dim=1).numpy(), torch.cat(bias).numpy())


class _Kernel:
    """Products with K = XX' + 1, X sparse (N, F)."""

    def __init__(self, inputs: sp.csr_array) -> None:
        self._rows, self._columns = _bags(inputs), _bags(inputs.T.tocsr())

    def backward(self, dual: Tensor) -> Tensor:
        """X'a: (N, L) to (F, L)."""
        return _product(self._columns, dual)

    def __matmul__(self, dual: Tensor) -> Tensor:
        return _product(self._rows, self.backward(dual)).add_(dual.sum(dim=0))


def _bags(matrix: sp.csr_array) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.from_numpy(matrix.indices.astype(np.int32)),
        torch.from_numpy(matrix.indptr[:-1].astype(np.int32)),
        torch.from_numpy(matrix.data.astype(np.float32)),
    )


def _product(bags: tuple[Tensor, Tensor, Tensor], dense: Tensor) -> Tensor:
    """Sparse times dense; embedding_bag is torch's sparse product that uses all threads and vector units."""
    columns, offsets, values = bags
    return F.embedding_bag(columns, dense, offsets, mode="sum", per_sample_weights=values)


@torch.inference_mode()
def _solve(kernel: _Kernel, targets: Tensor, cost: float, tolerance: float) -> Tensor:
    """The dual numbers (N, L) of one portion of labels."""
    answer = torch.zeros_like(targets)
    open_ = torch.arange(targets.shape[1])
    sign = 2 * targets - 1
    dual, logits = torch.zeros_like(targets), torch.zeros_like(targets)
    first: Tensor | None = None
    for _ in range(_NEWTON_STEPS):
        wrong = torch.sigmoid(-sign * logits)
        residual = cost * sign * wrong - dual  # minus the gradient, in coordinates of K
        image = kernel @ residual
        size = (residual * image).sum(dim=0)
        first = size.clone() if first is None else first
        todo = size > tolerance**2 * first
        if not todo.all():
            answer[:, open_[~todo]] = dual[:, ~todo]
            open_, first, size = open_[todo], first[todo], size[todo]
            sign, dual, logits, wrong, residual, image = (x[:, todo] for x in (sign, dual, logits, wrong, residual, image))
            if not len(open_):
                break
        step, change = _conjugate_gradients(kernel, cost * wrong * (1 - wrong), residual, image, size)
        scale = _line_search(sign, dual, logits, step, change, cost)
        dual, logits = dual + scale * step, logits + scale * change
    answer[:, open_] = dual
    return answer


STAT = {"cols": 0, "newton": 0}


def _conjugate_gradients(kernel: _Kernel, curvature: Tensor, residual: Tensor, image: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Solve (1 + D K) q = residual roughly; returns q and K q, both (N, L)."""
    step, change = torch.zeros_like(residual), torch.zeros_like(residual)
    direction, ahead = residual.clone(), image.clone()
    enough = size * ETA**2
    residual, image = residual.clone(), image.clone()
    for _ in range(_GRADIENT_STEPS):
        curved = curvature * ahead
        applied = direction + curved
        length = size / (ahead * applied).sum(dim=0).clamp_min(1e-30)
        STAT["cols"] += residual.shape[1]
        STAT["newton"] += 1
        step.addcmul_(length, direction)
        change.addcmul_(length, ahead)
        residual.addcmul_(length, applied, value=-1)
        image.addcmul_(length, (kernel @ curved).add_(ahead), value=-1)
        before, size = size, (residual * image).sum(dim=0)
        if (size <= enough).all():
            break
        ratio = size / before.clamp_min(1e-30)
        direction = residual + ratio * direction
        ahead = image + ratio * ahead
    return step, change


ETA = 0.3


def _line_search(sign: Tensor, dual: Tensor, logits: Tensor, step: Tensor, change: Tensor, cost: float) -> Tensor:
    """(L,) the first of 1, 1/2, 1/4 ... that makes each label's objective fall."""
    scale = torch.ones(dual.shape[1])
    now = _objective(sign, dual, logits, cost)
    for _ in range(10):
        worse = _objective(sign, dual + scale * step, logits + scale * change, cost) > now
        if not worse.any():
            break
        scale = torch.where(worse, scale / 2, scale)
    return scale


def _objective(sign: Tensor, dual: Tensor, logits: Tensor, cost: float) -> Tensor:
    return (dual * logits).sum(dim=0) / 2 + cost * F.softplus(-sign * logits).sum(dim=0)
