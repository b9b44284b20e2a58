"""Gaussian kernels as finite vectors, spanned by a sample of products (Nystroem; Williams and Seeger 2001).

Dimensions: N products, D numbers of a vector, K landmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import iadd
from typing import Any, Self

import numpy as np
import torch
from scipy.linalg import cholesky
from scipy.linalg.blas import strmm
from scipy.linalg.lapack import strtri

from shelfwise.core.types import Floats
from shelfwise.features.vector_math import centred_unit, present_mean
from shelfwise.nn.device import device_with_room

CHUNK_ROWS = 4096
"""Products whose kernel is computed at a time."""

PRODUCTS_WORTH_A_GPU = 1 << 30
"""Products of two numbers: fewer are there on a processor before the landmarks are on a GPU."""

JITTER = 1e-3
"""Added to the landmarks' kernel, as a share of its diagonal; with near-copies it would be singular."""


@dataclass(frozen=True)
class NystroemFeatures:
    """A weighted sum of Gaussian kernels as a map to vectors, whose inner products are the kernel.

    Args:
        centres: by name, (D,) the training products' mean vector.
        landmarks: by name, (K, D) centred, of length 1 or 0.
        turn: (K, K) from the kernel's values at the landmarks to the vectors; 0 below the diagonal.
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
        kernel = np.asarray(_kernel(chosen, chosen, weights, gamma, np.exp), np.float32)
        # the sum of the weights is the kernel's diagonal
        kernel[np.diag_indices_from(kernel)] += JITTER * (sum(weights.values()) or 1)
        # with K = LL', vectors k L'^-1 have the inner products k K^-1 k'
        inverse, _ = strtri(cholesky(kernel, lower=True), lower=1)
        return cls(centres, chosen, np.ascontiguousarray(inverse.T))

    def apply(
        self, vectors: Mapping[str, Floats], weights: Mapping[str, float], gamma: float
    ) -> Floats:
        """Vectors (N, K)."""
        count = len(next(iter(vectors.values())))
        mapped = np.empty((count, self.turn.shape[1]), np.float32)
        place = self._place(count)
        map_of = self._on_processor if place is None else self._on(place)
        # a kernel of all rows would take N x K numbers a name
        for start in range(0, count, CHUNK_ROWS):
            chunk = slice(start, start + CHUNK_ROWS)
            part = {
                name: centred_unit(values[chunk], self.centres[name])
                for name, values in vectors.items()
            }
            mapped[chunk] = map_of(part, weights, gamma)
        return mapped

    def _place(self, count: int) -> torch.device | None:
        """The GPU, where it is worth it for so many products and has room; else none."""
        landmarks, directions = self.turn.shape
        width = sum(values.shape[1] for values in self.landmarks.values())
        if count * landmarks * (width + directions) < PRODUCTS_WORTH_A_GPU:
            return None
        # of a chunk: its vectors, and the kernel in some steps
        chunk = min(count, CHUNK_ROWS) * (width + 6 * landmarks + directions)
        numbers = landmarks * (width + directions) + chunk
        place = device_with_room(numbers * self.turn.itemsize)
        return None if place.type == "cpu" else place

    def _on_processor(
        self, part: Mapping[str, Floats], weights: Mapping[str, float], gamma: float
    ) -> Floats:
        kernel = np.asarray(_kernel(part, self.landmarks, weights, gamma, np.exp), np.float32)
        # half of `turn` is 0, and a triangular product leaves it out
        return np.asarray(strmm(1.0, self.turn.T, kernel.T, lower=1, overwrite_b=1).T)

    def _on(self, place: torch.device) -> Callable[..., Floats]:
        """As :meth:`_on_processor`, on another device."""
        # copies: a saved model's arrays may be read-only
        landmarks = {
            name: torch.tensor(values, device=place) for name, values in self.landmarks.items()
        }
        turn = torch.tensor(self.turn, device=place)

        @torch.inference_mode()
        def map_of(
            part: Mapping[str, Floats], weights: Mapping[str, float], gamma: float
        ) -> Floats:
            there = {name: torch.from_numpy(values).to(place) for name, values in part.items()}
            kernel = _kernel(there, landmarks, weights, gamma, torch.exp)
            return np.asarray((kernel @ turn).cpu().numpy())

        return map_of


def _kernel(
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    weights: Mapping[str, float],
    gamma: float,
    exp: Callable[..., Any],
) -> Any:
    """The weighted sum of the Gaussians (N, K) of vectors of length 1; 0 with a product that has none.

    Args:
        one, other: by name, (N, D) and (K, D), both arrays of numpy or both tensors.
        exp: the exponential of these.
    """
    gaussians = (
        _gaussian(vectors, other[name], float(weights[name]), gamma, exp)
        for name, vectors in one.items()
    )
    # in place: with three thousand landmarks these are large arrays, and each further one costs its memory
    return reduce(iadd, gaussians)


def _gaussian(one: Any, other: Any, weight: float, gamma: float, exp: Callable[..., Any]) -> Any:
    """One of them, times its weight."""
    # between vectors of length 1, the squared distance is 2 - 2 cos
    exponent = one @ other.T
    exponent -= 1
    exponent *= 2 * gamma
    gaussian = exp(exponent, out=exponent)
    gaussian *= weight
    gaussian[~(one != 0).any(1)] = 0
    gaussian[:, ~(other != 0).any(1)] = 0
    return gaussian
