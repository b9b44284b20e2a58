"""Work in threads: each on one core with random numbers of its own, in order, and an error ends it."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from shelfwise.core.types import Context
from shelfwise.nn import parallel_tasks as room
from shelfwise.nn.parallel_tasks import EndedError, end_if_asked, run_in_parallel
from shelfwise.nn.seeding import generator
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import LoopSettings, fit_network


def test_results_come_in_the_order_of_the_items_from_threads_of_one_core() -> None:
    met = threading.Barrier(3, timeout=20)

    def work(item: int) -> tuple[int, int, bool]:
        # nobody passes before all three are here
        met.wait()
        return item, torch.get_num_threads(), generator() is not None

    with torch_threads(3):
        found = run_in_parallel(work, [5, 3, 4])
        assert torch.get_num_threads() == 3
    assert found == [(5, 1, True), (3, 1, True), (4, 1, True)]


def test_on_one_core_the_caller_does_it_all() -> None:
    with torch_threads(1):
        found = run_in_parallel(lambda _: (threading.current_thread(), generator()), [1, 2])
    assert found == [(threading.current_thread(), None)] * 2


@pytest.mark.parametrize("on_processor", [False, True])
def test_a_gpu_is_not_shared_but_its_processor_is(
    on_processor: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "device", lambda: torch.device("cuda"))
    with torch_threads(2):
        threads = run_in_parallel(lambda _: threading.current_thread(), [1, 2], on_processor)
    assert (threads[0] is threading.current_thread()) == (not on_processor)


def test_after_an_error_nothing_more_begins() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item:
            time.sleep(0.05)
        raise ValueError(f"item {item} failed")

    with torch_threads(2), pytest.raises(ValueError, match="item 0 failed"):
        run_in_parallel(work, range(200))
    assert len(begun) < 200


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_is_at_work_ends_with_the_first_error(error: type[BaseException]) -> None:
    at_work, ended = threading.Event(), threading.Event()

    def work(fails: bool) -> None:
        if fails:
            assert at_work.wait(20)
            raise error("no more")
        at_work.set()
        give_up = time.monotonic() + 20
        try:
            while time.monotonic() < give_up:
                end_if_asked()
                time.sleep(0.001)
        except EndedError:
            ended.set()
            raise

    with torch_threads(2), pytest.raises(error, match="no more"):
        run_in_parallel(work, [True, False])
    assert ended.is_set()


def test_work_in_one_thread_ends_by_itself() -> None:
    end_if_asked()
    with torch_threads(1):
        assert run_in_parallel(lambda _: end_if_asked(), [1, 2]) == [None, None]


def test_a_network_ends_between_two_steps() -> None:
    at_work = threading.Event()
    steps: list[int] = []

    class Rows:
        def __len__(self) -> int:
            return 8

        def batch(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor]:
            at_work.set()
            steps.append(len(rows))
            return (torch.ones(len(rows), 2),)

    def work(fails: bool) -> None:
        if fails:
            assert at_work.wait(20)
            raise KeyboardInterrupt
        settings = LoopSettings(epochs=1_000_000, batch_size=8, loss="bce")
        fit_network(nn.Linear(2, 1), Rows(), np.ones((8, 1), np.float32), settings, Context())

    with torch_threads(2), pytest.raises(KeyboardInterrupt):
        run_in_parallel(work, [True, False])
    assert len(steps) < 1_000_000
