"""Where networks compute: on a GPU where torch finds one, otherwise on the processor. ``CUDA_VISIBLE_DEVICES=`` keeps a GPU out of it.

Networks live on the processor and visit the device for as long as they learn or answer, so that weights, saving and all that is
computed with numpy know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

Precision = Literal["float32", "auto", "bfloat16"]
"""Of the products in a network; ``auto``: bfloat16 on a GPU that has it, otherwise float32. Weights, sums and losses are always float32."""


@lru_cache
def device() -> torch.device:
    """The GPU that torch would take, or the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def moved_to_device(network: nn.Module) -> Iterator[None]:
    """`network` is on the device inside the block, and back on the processor after it."""
    if device().type == "cpu":  # where to look through all weights takes as long as a small network does
        yield
        return
    network.to(device())
    try:
        yield
    finally:
        network.to("cpu")


def to_device(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The tensors on the device."""
    return tuple(tensor.to(device(), non_blocking=True) for tensor in tensors)


def autocast(precision: Precision) -> AbstractContextManager[object]:
    """Inside the block products are computed in `precision`."""
    able = device().type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(
        device().type, torch.bfloat16, enabled=precision == "bfloat16" or (precision == "auto" and able)
    )
