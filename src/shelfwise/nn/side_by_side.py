"""Several trainings at once, each in a thread of its own on one core.

A training on one core takes no longer beside another one, while torch's own threads wait for each other after
every operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from shelfwise.nn.device import device
from shelfwise.nn.seeding import own_random_numbers
from shelfwise.nn.threads import use_torch_threads

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """`work` of each item, in their order; as many at once as torch may use cores in this thread.

    Args:
        work: draws random numbers as :mod:`~shelfwise.nn.seeding` says. Its results do not depend on what
            else is at work.
    """
    count = min(torch.get_num_threads(), len(items))
    # a card is shared out by itself
    if count < 2 or device().type != "cpu":
        return [work(item) for item in items]
    with ThreadPoolExecutor(count, initializer=_begin_thread) as executor:
        # after an error, what has not begun does not begin
        return list(executor.map(work, items))


def _begin_thread() -> None:
    use_torch_threads(1)
    own_random_numbers()
