"""Waits for a job's answers, and gives the job up when its caller does or its time is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from shelfwise.service.answers.problems import Problem
from shelfwise.service.engine.admission import Admission, Answer, Job, deadline_passed

Receive = Callable[[], Awaitable[Any]]


class DisconnectedError(Exception):
    """The caller is gone; there is nobody to answer."""


async def submit(admission: Admission, job: Job, receive: Receive | None = None) -> list[Answer]:
    """The answers for all products of `job`.

    Args:
        receive: of the request, to see when the caller hangs up. Its products are then not computed.

    Raises:
        Problem: there is no room, the time is over, or no worker answers.
        DisconnectedError: the caller is gone.
    """
    admission.admit(job)
    products = admission.metrics.products
    try:
        answers = await _settled(job, receive)
    except Problem as problem:
        outcome = "expired" if problem.status == 504 else "failed"
        products.labels(outcome).inc(len(job.products))
        raise
    except (DisconnectedError, asyncio.CancelledError):
        products.labels("disconnected").inc(len(job.products))
        raise
    finally:
        # whatever of it still waits is dropped before it is computed
        job.done.cancel()
    products.labels("labelled").inc(len(job.products))
    return answers


async def _settled(job: Job, receive: Receive | None) -> list[Answer]:
    """The answers, unless the deadline or the caller's end comes first."""
    loop = asyncio.get_running_loop()
    # not at a time of the loop: its clock need not be the one of the deadline
    timer = loop.call_later(job.deadline - time.monotonic(), job.fail, deadline_passed())
    watch = None if receive is None else loop.create_task(_give_up_when_gone(job, receive))
    try:
        # awaited by itself: each wait around it would cost one more turn of the loop, long ones under load
        return await job.done
    finally:
        timer.cancel()
        if watch is not None:
            watch.cancel()


async def _give_up_when_gone(job: Job, receive: Receive) -> None:
    """End the job when its caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
    job.fail(DisconnectedError())
