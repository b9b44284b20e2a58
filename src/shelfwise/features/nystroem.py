"""Gaussian kernels of vectors, brought down to the directions that some products span (Nystrom; Williams and Seeger 2001).

Dimensions: N products, D numbers of a vector, K landmarks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from shelfwise.core.types import Floats

PORTION = 4096
"""Products whose kernel is worked out at a time."""

STEADY = 1e-3
"""Added to the landmarks' kernel, as a share of its diagonal: products that are nearly alike leave it without an inverse."""


@dataclass(frozen=True)
class NystroemFeatures:
    """A weighted sum of Gaussian kernels as a map to vectors whose inner products it is.

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
        narrowness: float,
        landmarks: int,
        seed: int,
    ) -> Self:
        """Learn the directions from training products, of which at most `landmarks` are looked at."""
        count = len(next(iter(vectors.values())))
        rows = np.sort(np.random.default_rng(seed).permutation(count)[:landmarks])
        centres = {name: _mean(values) for name, values in vectors.items()}
        chosen = {name: _directed(values[rows], centres[name]) for name, values in vectors.items()}
        kernel = _kernel(chosen, chosen, weights, narrowness)
        kernel[np.diag_indices_from(kernel)] += STEADY * (sum(weights.values()) or 1)
        lower = cholesky(kernel, lower=True)
        return cls(
            centres, chosen, solve_triangular(lower, np.eye(len(rows), dtype=np.float32), lower=True).T.copy()
        )

    def apply(self, vectors: Mapping[str, Floats], weights: Mapping[str, float], narrowness: float) -> Floats:
        """(N, K)."""
        count = len(next(iter(vectors.values())))
        mapped = np.empty((count, self.turn.shape[1]), np.float32)
        for start in range(0, count, PORTION):
            part = {
                n: _directed(values[start : start + PORTION], self.centres[n])
                for n, values in vectors.items()
            }
            mapped[start : start + PORTION] = _kernel(part, self.landmarks, weights, narrowness) @ self.turn
        return mapped


def _mean(values: Floats) -> Floats:
    there = np.any(values, axis=1)
    return np.asarray(values[there].mean(axis=0) if there.any() else values.sum(axis=0), np.float32)


def _directed(values: Floats, centre: Floats) -> Floats:
    """Centred and of length 1; rows of 0 stay as they are."""
    there = np.any(values, axis=1, keepdims=True)
    centred = np.where(there, values - centre, 0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 0), np.float32)


def _kernel(
    one: Mapping[str, Floats], other: Mapping[str, Floats], weights: Mapping[str, float], narrowness: float
) -> Floats:
    """The weighted sum of the Gaussians (N, K) of vectors of length 1; 0 with a product that has none."""
    total: Any = 0
    for name, vectors in one.items():
        near = np.exp(2 * narrowness * (vectors @ other[name].T - 1))
        both = np.any(vectors, axis=1)[:, None] & np.any(other[name], axis=1)
        total = total + np.float32(weights[name]) * np.where(both, near, np.float32(0))
    return np.asarray(total, np.float32)
