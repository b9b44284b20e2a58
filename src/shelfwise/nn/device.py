"""Where networks compute: on the device that was asked for; else on a GPU if torch finds one.

``SHELFWISE_DEVICE`` asks: ``cpu``, ``cuda`` or ``cuda:1``. What is asked for and not there is an error, and
never the processor in its place. A network moves to the device when it is first trained or
run, and stays there. Inputs, outputs and saved states are arrays on the processor.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

from shelfwise.core.counted import counted
from shelfwise.core.device_request import DEVICE_VARIABLE, requested_device
from shelfwise.errors import DeviceError

Precision = Literal["float32", "auto", "bfloat16"]
"""Of the matrix products in a network; ``auto``: bfloat16 on a GPU that has it, otherwise float32.

Weights, sums and losses are always float32.
"""


def device() -> torch.device:
    """The device that was asked for; else the GPU that torch would take, or the processor.

    Raises:
        DeviceError: the device that was asked for is not there.
    """
    return _device(requested_device())


@lru_cache
def _device(requested: str) -> torch.device:
    # only what was asked for by name is an error where it is missing
    if requested == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        wanted = torch.device(requested)
    except RuntimeError:
        wanted = None
    if wanted is None or wanted.type not in ("cpu", "cuda"):
        raise DeviceError(
            f"there is no device {requested!r}; give --device or {DEVICE_VARIABLE} one of auto, cpu, "
            "cuda, or cuda:1 for the second GPU"
        )
    # an index is one of the GPUs that torch sees
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted.type == "cuda" and (wanted.index or 0) >= count:
        raise DeviceError(
            f"--device or {DEVICE_VARIABLE} asks for {requested}, but torch {torch.__version__} finds "
            f"{counted(count, 'CUDA device')}; ask for cpu or auto, or see shelfwise doctor"
        )
    return wanted


def device_facts() -> dict[str, str]:
    """Where networks compute, JSON-ready: what was asked for, the "kind" of device, and its "name"."""
    found = device()
    name = "processor" if found.type == "cpu" else torch.cuda.get_device_name(found)
    return {"requested": requested_device(), "kind": found.type, "name": name}


def move_to_device(network: nn.Module) -> None:
    """Move `network` to the device, where it stays."""
    # To look through all weights takes as long as a small network does, and without a GPU they are in place.
    if device().type != "cpu":
        network.to(device())


def to_device(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The tensors on the device."""
    return tuple(tensor.to(device(), non_blocking=True) for tensor in tensors)


def device_with_room(needed: int) -> torch.device:
    """The device; or the processor, where a GPU has not twice the bytes `needed` free.

    Twice, as other processes may take of them meanwhile.
    """
    found = device()
    if found.type == "cpu":
        return found
    free, _ = torch.cuda.mem_get_info(found)
    return found if 2 * needed <= free else torch.device("cpu")


def pinned(tensor: Tensor) -> Tensor:
    """`tensor` where a GPU can fetch it while the program goes on; for the processor as it is."""
    return tensor if device().type == "cpu" else tensor.pin_memory()


def uses_bfloat16(precision: Precision) -> bool:
    """Whether `precision` means bfloat16 on the device."""
    return precision == "bfloat16" or (precision == "auto" and _has_bfloat16())


def _has_bfloat16() -> bool:
    # a GPU that only emulates it would be slower
    return device().type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def autocast(precision: Precision) -> AbstractContextManager[object]:
    """Inside the block, matrix products are computed in `precision`."""
    return torch.autocast(device().type, torch.bfloat16, enabled=uses_bfloat16(precision))
