"""All workers of one model: each takes batches from the queue, and is started anew when it ends or hangs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from shelfwise.service.answers.problems import Problem
from shelfwise.service.engine.admission import Admission, Answer, Waiting
from shelfwise.service.engine.workers import Worker, WorkerError
from shelfwise.service.settings import ServiceSettings

log = logging.getLogger("shelfwise")

LOOK_SECONDS = 0.25
"""How often workers are looked after."""

MAX_PAUSE_SECONDS = 30.0
"""Longest pause before another try to start a worker."""


class WorkerSet:
    """Workers with the model in `folder`.

    Args:
        folder: of the model.
        settings: how many workers, and their limits.
        admission: the queue they take from.
    """

    def __init__(self, folder: Path, settings: ServiceSettings, admission: Admission) -> None:
        self.folder = folder
        self.settings = settings
        self.admission = admission
        self.workers: list[Worker] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    @property
    def facts(self) -> dict[str, Any]:
        """What the workers told of the model."""
        return self.workers[0].facts if self.workers else {}

    @property
    def live(self) -> list[Worker]:
        """The workers that can answer."""
        limit = self.settings.heartbeat_seconds
        return [
            one for one in self.workers if one.facts and one.alive and one.silent_seconds < limit
        ]

    async def start(self) -> None:
        """Load the model in every worker; nothing is taken from the queue yet.

        Raises:
            WorkerError: a worker cannot load it; none is left running then.
        """
        self.workers = [Worker(self.folder, self.settings) for _ in range(self.settings.workers)]
        # the first alone: where the model is broken, one says so
        try:
            await self.workers[0].start()
            await asyncio.gather(*(worker.start() for worker in self.workers[1:]))
        except BaseException:
            await asyncio.gather(*(worker.kill() for worker in self.workers))
            raise

    def serve(self) -> None:
        """Begin to take from the queue."""
        for place in range(len(self.workers)):
            self._tasks.append(asyncio.create_task(self._keep_serving(place)))
        self._tasks.append(asyncio.create_task(self._watch()))

    async def close(self) -> None:
        """Finish the batches that are being computed, and end the workers."""
        self._closing = True
        self.admission.changed.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in self.workers))

    async def _watch(self) -> None:
        """Kill workers that are no longer heard of; whoever waits for them is told by their end."""
        live = self.admission.metrics.live
        while not self._closing:
            limit = self.settings.heartbeat_seconds
            for worker in self.workers:
                # one without facts is still loading, which may take long
                if worker.facts and worker.alive and worker.silent_seconds >= limit:
                    log.error("a model worker was silent for %.1f s and is ended", limit)
                    await worker.kill()
            live.workers = len(self.live)
            live.silent_seconds = max(worker.silent_seconds for worker in self.workers)
            await asyncio.sleep(LOOK_SECONDS)

    async def _keep_serving(self, place: int) -> None:
        """Serve with the worker at `place`, and with a new one whenever it ends."""
        pause = 0.5
        while not self._closing:
            worker = self.workers[place]
            started = time.monotonic()
            await self._serve(worker)
            if self._closing:
                return
            log.error("a model worker ended and is started anew")
            # a model that kills its worker at once must not keep the machine busy
            pause = 0.5 if time.monotonic() - started > MAX_PAUSE_SECONDS else min(2 * pause, 30)
            await asyncio.sleep(pause)
            await self._replace(place)

    async def _replace(self, place: int) -> None:
        """Start a new worker in place of one that ended."""
        self.admission.metrics.worker_restarts.inc()
        fresh = Worker(self.folder, self.settings)
        try:
            await fresh.start()
        except (WorkerError, OSError) as error:
            # the folder may have been removed, or the memory be short: the next try may work
            log.error("a model worker could not be started: %s", error)
            return
        self.workers[place] = fresh

    async def _serve(self, worker: Worker) -> None:
        """Compute batches until the worker ends or the set is closed."""
        while worker.alive and not self._closing:
            # all of one task and equal options, as the first says
            batch = await self._next_batch(worker)
            if not batch:
                continue
            first = batch[0].job
            started = time.monotonic()
            try:
                products = [one.product for one in batch]
                reply = await worker.ask(first.task, products, first.options)
            except WorkerError as error:
                self.admission.abort(batch)
                log.error("%s", error)
                _fail(batch, _worker_lost())
                return
            except BaseException:
                self.admission.abort(batch)
                _fail(batch, _worker_lost())
                raise
            self.admission.ended(batch, time.monotonic() - started, len(self.workers))
            self._hand_out(batch, reply["answers"], reply["seconds"])

    async def _next_batch(self, worker: Worker) -> list[Waiting]:
        """What waits, as soon as anything does; nothing where the worker should be looked after first."""
        explanations = max(1, len(self.workers) - 1)
        changed = self.admission.changed
        while not self._closing and worker.alive:
            if batch := self.admission.take(explanations):
                return batch
            # nothing can come between the look and this line
            changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await changed.wait()
        return []

    def _hand_out(
        self, batch: Sequence[Waiting], answers: Sequence[Answer], seconds: float
    ) -> None:
        metrics = self.admission.metrics
        metrics.executed.inc(len(batch))
        metrics.batch_products.observe(len(batch))
        metrics.inference_seconds.observe(seconds)
        for one, answer in zip(batch, answers, strict=True):
            one.job.inference_seconds += seconds / len(batch)
            one.job.settle(one.index, answer)


def _fail(batch: Sequence[Waiting], problem: Problem) -> None:
    for one in batch:
        one.job.fail(problem)


def _worker_lost() -> Problem:
    return Problem(
        503,
        "worker-lost",
        "the model worker ended while it computed this request; send it again",
        headers={"retry-after": "2"},
    )
