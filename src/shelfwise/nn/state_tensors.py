"""Torch's tensors as the arrays of a saved :class:`~shelfwise.core.types.State`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def as_arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Copies of `tensors`, without scalars: those are batch norms' counters of batches, which nothing reads.

    >>> as_arrays({"bias": torch.zeros(2), "num_batches_tracked": torch.tensor(3)})
    {'bias': array([0., 0.], dtype=float32)}
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, tensor in tensors.items():
        if tensor.ndim:
            arrays[name] = tensor.detach().cpu().contiguous().numpy().copy()
    return arrays


def with_prefix(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Those of `arrays` whose names begin with `prefix`, without it, as tensors of their own."""
    tensors: dict[str, Tensor] = {}
    for name, value in arrays.items():
        if name.startswith(prefix):
            tensors[name.removeprefix(prefix)] = torch.from_numpy(np.array(value))
    return tensors
