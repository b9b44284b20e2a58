"""Where networks compute: on a GPU if torch finds one, otherwise on the processor.

``CUDA_VISIBLE_DEVICES=`` keeps a GPU out of it. A network moves to the device when it is first trained or
run, and stays there. Inputs, outputs and saved states are arrays on the processor.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

Precision = Literal["float32", "auto", "bfloat16"]
"""Of the matrix products in a network; ``auto``: bfloat16 on a GPU that has it, otherwise float32.

Weights, sums and losses are always float32.
"""


@lru_cache
def device() -> torch.device:
    """The GPU that torch would take, or the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def move_to_device(network: nn.Module) -> None:
    """Move `network` to the device, where it stays."""
    # To look through all weights takes as long as a small network does, and without a GPU they are in place.
    if device().type != "cpu":
        network.to(device())


def to_device(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The tensors on the device."""
    return tuple(tensor.to(device(), non_blocking=True) for tensor in tensors)


def autocast(precision: Precision) -> AbstractContextManager[object]:
    """Inside the block, matrix products are computed in `precision`."""
    has_bfloat16 = device().type == "cuda" and torch.cuda.is_bf16_supported()
    enabled = precision == "bfloat16" or (precision == "auto" and has_bfloat16)
    return torch.autocast(device().type, torch.bfloat16, enabled=enabled)
