"""One-vs-rest logistic regression on sparse inputs, all labels solved at once.

Each label's weights are a weighted sum of the training rows, w = X'a (representer theorem), so the unknowns are kept as
one number a product and label, (N, L), far fewer than the (F, L) weights. Newton's method, its systems solved by conjugate
gradients in the inner product of K = XX': the same steps as in weight space (Lin, Weng and Keerthi 2008), at the price of
one sparse product with X and one with X' a step for all labels together. Labels leave as soon as they are solved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from shelfwise.core.types import Floats

_NEWTON_STEPS = 40
_GRADIENT_STEPS = 60
_ROUGHLY = 0.3
"""How far a Newton step's own system is solved: exactness there does not pay (Eisenstat and Walker 1996)."""

_HARDLY_SPARSE = 0.05
"""Share of weights that are not 0 from which on a product with all of them is quicker."""

_CELLS = 1 << 23
"""Numbers (products x labels) worked on at a time: bounds the memory, whatever the number of labels."""


@dataclass(frozen=True)
class LinearWeights:
    """L linear classifiers of F sparse inputs, and of D dense ones where there are any.

    Args:
        weights: (F, L) sparse rows, float32.
        bias: (L,).
        dense: (D, L), or None.
    """

    weights: sp.csr_array
    bias: Floats
    dense: Floats | None = None

    def logits(self, inputs: sp.csr_array, dense: Floats | None = None) -> Floats:
        """(N, L) of sparse rows (N, F), and dense rows (N, D)."""
        logits: Floats = self._sums(inputs) + self.bias
        return logits if self.dense is None or dense is None else logits + dense @ self.dense

    def _sums(self, inputs: sp.csr_array) -> Floats:
        """The inputs times the weights; of weights that are hardly sparse the rows needed are written out, in half the time."""
        if self.weights.nnz < _HARDLY_SPARSE * np.prod(self.weights.shape, dtype=float):
            return np.asarray((inputs @ self.weights).toarray())
        used, columns = np.unique(inputs.indices, return_inverse=True)
        needed = sp.csr_array((inputs.data, columns, inputs.indptr), shape=(inputs.shape[0], len(used)))
        return _product(_bags(needed), torch.from_numpy(self.weights[used].toarray())).numpy()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything :meth:`from_state` needs."""
        arrays = {
            "weights.values": self.weights.data,
            "weights.columns": self.weights.indices.astype(np.int32),
            "weights.rows": self.weights.indptr.astype(np.int64),
            "bias": self.bias,
        }
        return arrays if self.dense is None else arrays | {"weights.dense": self.dense}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The classifiers that `arrays` were taken from; other names are passed over."""
        shape = (len(arrays["weights.rows"]) - 1, len(arrays["bias"]))
        parts = (arrays["weights.values"], arrays["weights.columns"], arrays["weights.rows"])
        return cls(sp.csr_array(parts, shape=shape), arrays["bias"], arrays.get("weights.dense"))


def fit_logistic(
    inputs: sp.csr_array,
    targets: Floats,
    cost: float,
    positive_weight: float = 1.0,
    tolerance: float = 1e-2,
    prune: float = 0.0,
    dense: Floats | None = None,
) -> LinearWeights:
    """Minimise ``|w|^2 / 2 + cost * sum(log loss)`` for each label.

    The bias is the weight of an input that is always 1 and is penalised like the others, as in LIBLINEAR.

    Args:
        inputs: (N, F) sparse rows, N > 0.
        targets: (N, L) of 0 and 1; a label that no row has gets low logits everywhere.
        cost: C, the weight of the data against the penalty.
        positive_weight: how many times the loss of a product that has the label counts.
        tolerance: a label is solved once its gradient has shrunk by this factor.
        prune: sparse inputs' weights nearer to 0 than this are dropped.
        dense: (N, D) further inputs.
    """
    kernel = _Kernel(inputs, dense)
    chunk = max(1, _CELLS // len(targets))
    weights, further, bias = [], [], []
    for start in range(0, targets.shape[1], chunk):
        part = torch.from_numpy(np.ascontiguousarray(targets[:, start : start + chunk]))
        dual = _solve(kernel, part, cost * (1 + (positive_weight - 1) * part), tolerance)
        sparse, other = kernel.backward(dual)
        sparse[sparse.abs() < prune] = 0
        weights.append(sp.csr_array(sparse.numpy()))
        further.append(other.numpy())
        bias.append(dual.sum(dim=0).numpy())
    joined = np.concatenate(further, axis=1) if dense is not None else None
    return LinearWeights(sp.csr_array(sp.hstack(weights, format="csr")), np.concatenate(bias), joined)


def random_projection(logits: Floats, width: int) -> Floats:
    """The logits (N, L), or a projection of them that nearly keeps distances (Johnson and Lindenstrauss), the same every time."""
    labels = logits.shape[1]
    if labels <= width:
        return logits
    mixer = np.random.default_rng(0).standard_normal((labels, width), dtype=np.float32) / np.float32(
        np.sqrt(width)
    )
    return np.asarray(logits @ mixer)


class _Kernel:
    """Products with K = XX' + DD' + 1, where X is sparse (N, F), D dense (N, D), and the 1 is the bias."""

    def __init__(self, inputs: sp.csr_array, dense: Floats | None) -> None:
        self._rows, self._columns = _bags(inputs), _bags(inputs.T.tocsr())
        self._dense = torch.from_numpy(
            np.zeros((inputs.shape[0], 0), np.float32) if dense is None else np.ascontiguousarray(dense)
        )

    def backward(self, dual: Tensor) -> tuple[Tensor, Tensor]:
        """X'a and D'a: (N, L) to (F, L) and (D, L)."""
        return _product(self._columns, dual), self._dense.T @ dual

    def __matmul__(self, dual: Tensor) -> Tensor:
        sparse, dense = self.backward(dual)
        return _product(self._rows, sparse).addmm_(self._dense, dense).add_(dual.sum(dim=0))


def _bags(matrix: sp.csr_array) -> tuple[Tensor, Tensor, Tensor]:
    indices, starts, values = (
        matrix.indices.astype(np.int32),
        matrix.indptr[:-1].astype(np.int32),
        matrix.data.astype(np.float32),
    )
    return torch.from_numpy(indices), torch.from_numpy(starts), torch.from_numpy(values)


def _product(bags: tuple[Tensor, Tensor, Tensor], dense: Tensor) -> Tensor:
    """Sparse times dense, as embedding_bag: on a processor it is torch's only sparse product with threads and vector units."""
    indices, starts, values = bags
    return F.embedding_bag(indices, dense, starts, mode="sum", per_sample_weights=values)


@torch.inference_mode()
def _solve(kernel: _Kernel, targets: Tensor, cost: Tensor, tolerance: float) -> Tensor:
    """The dual numbers (N, L); `cost` (N, L) weighs each product's loss."""
    answer = torch.zeros_like(targets)
    unsolved = torch.arange(targets.shape[1])
    sign, dual, logits = 2 * targets - 1, torch.zeros_like(targets), torch.zeros_like(targets)
    goal: Tensor | None = None
    for _ in range(_NEWTON_STEPS):
        wrong = torch.sigmoid(-sign * logits)
        descent = cost * sign * wrong - dual  # minus the gradient: in weight space it is X'descent
        image = kernel @ descent
        size = (descent * image).sum(dim=0)
        goal = tolerance**2 * size if goal is None else goal
        todo = size > goal
        if not todo.any():
            break
        if not todo.all():
            unsolved, goal, size = unsolved[todo], goal[todo], size[todo]
            sign, dual, logits, cost, wrong, descent, image = (
                x[:, todo] for x in (sign, dual, logits, cost, wrong, descent, image)
            )
        step, change = _newton_step(kernel, cost * wrong * (1 - wrong), descent, image, size)
        scale = _line_search(sign, cost, (dual, logits), (step, change))
        dual, logits = dual + scale * step, logits + scale * change
        answer[:, unsolved] = dual
    return answer


def _newton_step(
    kernel: _Kernel, curvature: Tensor, residual: Tensor, image: Tensor, size: Tensor
) -> tuple[Tensor, Tensor]:
    """Solve (1 + D K) q = residual roughly, D the curvature of the loss; returns q and Kq, both (N, L).

    `image` is K residual and `size` (L,) their product, the residual's squared length in weight space.
    """
    residual, image = residual.clone(), image.clone()
    step, change = torch.zeros_like(residual), torch.zeros_like(residual)
    direction, ahead = residual.clone(), image.clone()
    enough = _ROUGHLY**2 * size
    for _ in range(_GRADIENT_STEPS):
        curved = curvature * ahead
        applied = direction + curved
        length = size / (ahead * applied).sum(dim=0).clamp_min(1e-30)
        step.addcmul_(length, direction)
        change.addcmul_(length, ahead)
        residual.addcmul_(length, applied, value=-1)
        image.addcmul_(length, (kernel @ curved).add_(ahead), value=-1)
        before, size = size, (residual * image).sum(dim=0)
        if (size <= enough).all():
            break
        ratio = size.clamp_min(0) / before.clamp_min(1e-30)
        direction = residual + ratio * direction
        ahead = image + ratio * ahead
    return step, change


def _line_search(
    sign: Tensor, cost: Tensor, here: tuple[Tensor, Tensor], step: tuple[Tensor, Tensor]
) -> Tensor:
    """(L,) the first of 1, 1/2, 1/4 ... of the step (its dual numbers, its logits) at which each label's objective falls."""

    def objective(scale: Tensor) -> Tensor:
        dual, logits = (a + scale * b for a, b in zip(here, step, strict=True))
        return (dual * logits).sum(dim=0) / 2 + (cost * F.softplus(-sign * logits)).sum(dim=0)

    scale = torch.ones(sign.shape[1])
    highest = objective(torch.zeros_like(scale)) * (1 + 1e-6)  # single precision cannot tell a smaller rise
    for _ in range(10):
        worse = objective(scale) > highest
        if not worse.any():
            break
        scale = torch.where(worse, scale / 2, scale)
    return scale
