"""The memory order of gradients of a backbone in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def keep_gradients_dense(backbone: nn.Module) -> None:
    """Let the gradient of a global pooling have the memory order of its input.

    The pooling spreads its gradient as a view without memory order, on which batch norm's backward pass is
    20 times slower.
    """
    pool = getattr(backbone, "global_pool", None)
    if isinstance(pool, nn.Module):
        pool.register_forward_pre_hook(_reorder_gradient)


# by a name of its own, so that the network can be sent to other processes
def _reorder_gradient(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    if inputs[0].ndim == 4 and inputs[0].requires_grad:
        inputs[0].register_hook(  # type: ignore[no-untyped-call]
            lambda gradient: gradient.contiguous(memory_format=torch.channels_last)
        )
