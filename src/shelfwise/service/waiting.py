"""Waits for a job's answers, and gives the job up when its caller does or its time is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from shelfwise.service.admission import Admission, Answer, Job, deadline_passed
from shelfwise.service.problems import Problem

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
    await admission.admit(job)
    products = admission.metrics.products
    try:
        answers = await _first_of(job, receive)
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


async def _first_of(job: Job, receive: Receive | None) -> list[Answer]:
    """The answers, unless the deadline or the caller's end comes first."""
    gone = None if receive is None else asyncio.ensure_future(_disconnected(receive))
    awaited: set[asyncio.Future[Any]] = {job.done} if gone is None else {job.done, gone}
    remaining = max(0.0, job.deadline - time.monotonic())
    try:
        finished, _ = await asyncio.wait(
            awaited, timeout=remaining, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        if gone is not None:
            gone.cancel()
    if job.done in finished:
        return job.done.result()
    if finished:
        raise DisconnectedError
    raise deadline_passed()


async def _disconnected(receive: Receive) -> None:
    """Return when the caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
