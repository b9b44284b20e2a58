"""How many products and requests find a place, and how many are computed together."""

from __future__ import annotations

import asyncio

import pytest

from shelfwise.service.answers.problems import Problem
from shelfwise.service.engine.admission import Admission, Job
from shelfwise.service.metrics import Metrics
from shelfwise.service.settings import ServiceSettings


def sizes(seconds: list[float], waiting: int = 400, max_batch: int = 256) -> list[int]:
    """The sizes of the batches that are taken where so many products wait and batches take so long."""

    async def take_all() -> list[int]:
        settings = ServiceSettings(queue_products=1000, max_batch=max_batch)
        admission = Admission(settings, Metrics())
        taken = []
        for taking in seconds:
            missing = waiting - admission.waiting_products
            admission.admit(Job.of("categorize", [{}] * missing, {}, 30))
            batch = admission.take(explanations=1)
            admission.ended(batch, taking, workers=1)
            taken.append(len(batch))
        return taken

    return asyncio.run(take_all())


def test_full_batches_that_are_quick_are_followed_by_larger_ones_up_to_the_limit() -> None:
    assert sizes([0.05] * 6) == [16, 32, 64, 128, 256, 256]
    assert sizes([0.05] * 4, max_batch=40) == [16, 32, 40, 40]
    assert sizes([0.05] * 2, max_batch=4) == [4, 4]


def test_slow_batches_are_followed_by_smaller_ones_but_never_by_single_products() -> None:
    assert sizes([0.05, 0.05, 0.15, 0.3, 0.3, 5.0]) == [16, 32, 64, 64, 32, 16]
    assert sizes([5.0, 5.0]) == [16, 16]
    assert sizes([5.0, 5.0], max_batch=4) == [4, 4]


def test_a_batch_that_was_not_full_changes_nothing() -> None:
    assert sizes([0.01] * 3, waiting=10) == [10, 10, 10]
    # the room of 32 was not filled
    assert sizes([0.05, 0.05, 0.05], waiting=20) == [16, 20, 20]


def test_requests_are_refused_that_are_more_than_may_be_open_until_one_of_them_ends() -> None:
    async def ask() -> None:
        settings = ServiceSettings(queue_products=1000, queue_requests=2)
        admission = Admission(settings, Metrics())
        first, second, third = (Job.of("categorize", [{}], {}, 30) for _ in range(3))
        admission.admit(first)
        admission.admit(second)
        # what is being computed is open, too
        admission.take(explanations=1)
        assert admission.is_full
        with pytest.raises(Problem, match="as much to do"):
            admission.admit(third)
        first.settle(0, {})
        # the loop tells that it has ended in its next turn
        await asyncio.sleep(0)
        assert not admission.is_full
        admission.admit(third)

    asyncio.run(ask())
