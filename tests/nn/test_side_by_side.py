"""Work in threads: each on one core with random numbers of its own, in order, and an error ends it."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from shelfwise.nn.seeding import generator
from shelfwise.nn.side_by_side import side_by_side
from shelfwise.nn.threads import torch_threads


def test_results_come_in_the_order_of_the_items_from_threads_of_one_core() -> None:
    met = threading.Barrier(3, timeout=20)

    def work(item: int) -> tuple[int, int, bool]:
        # nobody passes before all three are here
        met.wait()
        return item, torch.get_num_threads(), generator() is not None

    with torch_threads(3):
        found = side_by_side(work, [5, 3, 4])
        assert torch.get_num_threads() == 3
    assert found == [(5, 1, True), (3, 1, True), (4, 1, True)]


def test_on_one_core_the_caller_does_it_all() -> None:
    with torch_threads(1):
        found = side_by_side(lambda _: (threading.current_thread(), generator()), [1, 2])
    assert found == [(threading.current_thread(), None)] * 2


def test_after_an_error_nothing_more_begins() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item:
            time.sleep(0.05)
        raise ValueError(f"item {item} failed")

    with torch_threads(2), pytest.raises(ValueError, match="item 0 failed"):
        side_by_side(work, range(200))
    assert len(begun) < 200
