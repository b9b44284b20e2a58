"""The processes that ``torchrun`` started for one training, and how they speak to each other.

Process 0 runs the program. It alone reads, decides, prints and writes; the others compute the shares of
batches that it sends them, see :mod:`shelfwise.nn.batch_shares`. So no clock, cache or checkpoint can lead
two processes to different decisions, after which each would wait for the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from shelfwise.core.device_request import requested_device
from shelfwise.errors import DeviceError, ShelfwiseError
from shelfwise.nn.device import device

PATIENCE = timedelta(days=100)
"""For a message: the others wait while process 0 does what is not shared. A death is noticed at once."""

_awaits_answers = False
_has_workers = False
"""Whether this is process 0 of a group made here; a program's own group is left alone."""


class ProcessEndedError(ShelfwiseError):
    """Another process of the training has ended before its time, or has to."""


@contextmanager
def process_group() -> Iterator[int]:
    """Inside the block the processes know each other; gives the number of this one, from 0.

    Raises:
        DeviceError: the processes are on several machines, or there are fewer GPUs than processes.
    """
    global _has_workers
    _take_device()
    # between processors by gloo, between GPUs by NCCL; a connection is made when it is first used
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    rank = dist.get_rank()
    _has_workers = rank == 0 and dist.get_world_size() > 1
    try:
        yield rank
        # not after an error: the others may be waiting for something else, and torchrun ends them
        if _has_workers:
            tell(None)
    finally:
        _has_workers = False
        dist.destroy_process_group()


def has_workers() -> bool:
    """Whether this is process 0, and others wait for shares."""
    return _has_workers


def tell(message: Any, answered: bool = False) -> None:
    """Send an object to all other processes; None ends them.

    Args:
        answered: whether they will send something back; nothing else is told before :func:`all_answered`.

    Raises:
        ProcessEndedError: one of them is gone; or an error came between an earlier message and its answers,
            which would be taken for those of this one.
    """
    global _awaits_answers
    if _awaits_answers:
        raise ProcessEndedError(
            "an error broke off a batch that several processes share, and they cannot go on; finished "
            "stages are kept, and --resume goes on from there"
        )
    with others_alive():
        # One by one: what goes to all at once is released by a thread of gloo, a little later. At the end of
        # the program that thread may find Python gone, and would abort the process.
        for rank in range(1, dist.get_world_size()):
            dist.send_object_list([message], rank, device=torch.device("cpu"))
    _awaits_answers = answered


def all_answered() -> None:
    """All answers to the last message have come."""
    global _awaits_answers
    _awaits_answers = False


def hear() -> Any:
    """What process 0 tells next."""
    heard = [None]
    with others_alive():
        dist.recv_object_list(heard, 0, device=torch.device("cpu"))
    return heard[0]


@contextmanager
def others_alive() -> Iterator[None]:
    """Inside the block, messages are sent and received.

    Raises:
        ProcessEndedError: one cannot be, as the process at the other end is gone.
    """
    try:
        yield
    except RuntimeError as error:
        raise ProcessEndedError(
            "another process of this training has ended; finished stages are kept, and --resume goes on from "
            "there"
        ) from error


def _take_device() -> None:
    """Let this process compute on a GPU of its own, where it shall compute on one at all."""
    processes = int(os.environ["LOCAL_WORLD_SIZE"])
    if processes != int(os.environ["WORLD_SIZE"]):
        raise DeviceError("a training is shared by processes of one machine; start torchrun on one")
    # processes share the processor, and torchrun divides its threads among them
    if device().type == "cpu":
        return
    asked = requested_device()
    if ":" in asked:
        raise DeviceError(
            f"{asked} is one GPU for {processes} processes; ask for cuda, and choose GPUs by "
            "CUDA_VISIBLE_DEVICES"
        )
    count = torch.cuda.device_count()
    if processes > count:
        raise DeviceError(
            f"{processes} processes need as many GPUs, and torch finds {count}; start fewer processes, or "
            "ask for cpu"
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
