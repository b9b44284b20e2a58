"""Gaussian kernels as finite vectors, spanned by a sample of products (Nystroem; Williams and Seeger 2001).

Dimensions: N products, D numbers of a vector, K landmarks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from shelfwise.core.types import Floats
from shelfwise.features.vector_math import centred_unit, present_mean

CHUNK_ROWS = 4096
"""Products whose kernel is computed at a time."""

JITTER = 1e-3
"""Added to the landmarks' kernel, as a share of its diagonal; with near-copies it would be singular."""


@dataclass(frozen=True)
class NystroemFeatures:
    """A weighted sum of Gaussian kernels as a map to vectors, whose inner products are the kernel.

    Args:
        centres: by name, (D,) the training products' mean vector.
        landmarks: by name, (K, D) centred, of length 1 or 0.
        turn: (K, K) from the kernel's values at the landmarks to the vectors.
    """

    centres: Mapping[str, Floats]
    landmarks: Mapping[str, Floats]
    turn: Floats

    @classmethod
    def fit(
        cls,
        vectors: Mapping[str, Floats],
        weights: Mapping[str, float],
        gamma: float,
        landmarks: int,
        seed: int,
    ) -> Self:
        """Learn the map from training products, of which at most `landmarks` are drawn as landmarks.

        Args:
            vectors: by name, (N, D); a row of 0 is a product without such a vector.
            weights: by name, of the kernels in their sum.
            gamma: of the Gaussians, as in scikit-learn's RBF kernel.
        """
        count = len(next(iter(vectors.values())))
        rows = np.sort(np.random.default_rng(seed).permutation(count)[:landmarks])
        centres = {name: present_mean(values) for name, values in vectors.items()}
        chosen = {
            name: centred_unit(values[rows], centres[name]) for name, values in vectors.items()
        }
        kernel = _kernel(chosen, chosen, weights, gamma)
        # the sum of the weights is the kernel's diagonal
        kernel[np.diag_indices_from(kernel)] += JITTER * (sum(weights.values()) or 1)
        # with K = LL', vectors k L'^-1 have the inner products k K^-1 k'
        lower = cholesky(kernel, lower=True)
        identity = np.eye(len(rows), dtype=np.float32)
        return cls(centres, chosen, solve_triangular(lower, identity, lower=True).T.copy())

    def apply(
        self, vectors: Mapping[str, Floats], weights: Mapping[str, float], gamma: float
    ) -> Floats:
        """Vectors (N, K)."""
        count = len(next(iter(vectors.values())))
        mapped = np.empty((count, self.turn.shape[1]), np.float32)
        # a kernel of all rows would take N x K numbers a name
        for start in range(0, count, CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            part = {
                name: centred_unit(values[chunk], self.centres[name])
                for name, values in vectors.items()
            }
            mapped[chunk] = _kernel(part, self.landmarks, weights, gamma) @ self.turn
        return mapped


def _kernel(
    one: Mapping[str, Floats],
    other: Mapping[str, Floats],
    weights: Mapping[str, float],
    gamma: float,
) -> Floats:
    """The weighted sum of the Gaussians (N, K) of vectors of length 1; 0 with a product that has none."""
    total: Any = 0
    for name, vectors in one.items():
        # between vectors of length 1, the squared distance is 2 - 2 cos
        gaussian = np.exp(2 * gamma * (vectors @ other[name].T - 1))
        both_present = np.any(vectors, axis=1)[:, None] & np.any(other[name], axis=1)
        total = total + np.float32(weights[name]) * np.where(both_present, gaussian, np.float32(0))
    return np.asarray(total, np.float32)
