"""Tensors from one process of a training to another, in the order that they have in memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from shelfwise.nn.device import device
from shelfwise.nn.distributed import others_alive

Layout = tuple[torch.Size, torch.dtype, bool]
"""Shape and type of a tensor, and whether its channels come last in memory."""


def layout_of(tensor: Tensor) -> Layout:
    """What a receiver must know of a tensor."""
    channels_last = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return tensor.shape, tensor.dtype, channels_last and not tensor.is_contiguous()


def send(tensors: Sequence[Tensor], rank: int) -> None:
    """Send tensors of which the receiver knows the layouts."""
    for tensor in tensors:
        # in the order of memory
        plain = tensor.permute(0, 2, 3, 1) if layout_of(tensor)[2] else tensor
        values = plain.cpu().contiguous()
        with others_alive():
            # nothing is no message
            if values.numel():
                dist.send(values, rank)


def receive(layout: Layout, rank: int) -> Tensor:
    """Receive a tensor of the shape in `layout` that :func:`send` sends; it is on the processor."""
    shape, dtype, channels_last = layout
    tensor = torch.empty(
        shape,
        dtype=dtype,
        memory_format=torch.channels_last if channels_last else torch.contiguous_format,
    )
    # gloo sends contiguous memory: seen with the channels last it is
    plain = tensor.permute(0, 2, 3, 1) if channels_last else tensor
    with others_alive():
        # nothing is sent of an empty tensor
        if plain.numel():
            dist.recv(plain, rank)
    return tensor


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """All values (values,) one after the other, on the device: one message is quicker than many."""
    nothing = torch.empty(0, device=device())
    return torch.cat([nothing, *(tensor.detach().reshape(-1) for tensor in tensors)])


@torch.no_grad()
def fill(tensors: Sequence[Tensor], values: Tensor) -> None:
    """Put back what :func:`flat` gave."""
    parts = torch.split(values, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))
