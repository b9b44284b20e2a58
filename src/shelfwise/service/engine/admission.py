"""Which products may wait: all of a request or none, so that nothing is computed for a refused request."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shelfwise.service.answers.problems import Problem
from shelfwise.service.metrics import Metrics
from shelfwise.service.settings import ServiceSettings

Task = Literal["categorize", "similar", "explain"]

Answer = dict[str, Any]

MAX_RETRY_SECONDS = 60

QUICK_BATCH_SECONDS = 0.1
"""A full batch that took less is followed by larger ones: together, products take less time each."""

SLOW_BATCH_SECONDS = 0.2
"""A batch that took longer is followed by smaller ones: whoever asks meanwhile waits until it ends."""

SMALL_BATCH = 16
"""Products that are computed together however slow they are."""


@dataclass(eq=False)
class Job:
    """The products of one request.

    Args:
        task: what is asked for.
        products: as the worker takes them.
        options: the same for all of them.
        deadline: on the monotonic clock; nothing is begun after it.
    """

    task: Task
    products: Sequence[Mapping[str, Any]]
    options: Mapping[str, Any]
    deadline: float
    done: asyncio.Future[list[Answer]]
    arrived: float = field(default_factory=time.monotonic)
    queue_seconds: float = 0.0
    inference_seconds: float = 0.0
    answers: dict[int, Answer] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        task: Task,
        products: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
        seconds: float,
    ) -> Job:
        """A job that may take so many seconds."""
        done: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        return cls(task, products, options, time.monotonic() + seconds, done)

    @property
    def group(self) -> tuple[Any, ...]:
        """What products must have in common to be computed together."""
        return (self.task, tuple(sorted(self.options.items())))

    def settle(self, index: int, answer: Answer) -> None:
        """Note the answer for one product; the last one completes the job."""
        self.answers[index] = answer
        if len(self.answers) == len(self.products) and not self.done.done():
            self.done.set_result([self.answers[place] for place in range(len(self.products))])

    def fail(self, problem: Exception) -> None:
        """End the job with a problem; one that is settled stays as it is."""
        if not self.done.done():
            self.done.set_exception(problem)


@dataclass(frozen=True, eq=False)
class Waiting:
    """One product of a job."""

    job: Job
    index: int

    @property
    def product(self) -> Mapping[str, Any]:
        """The product itself."""
        return self.job.products[self.index]


class Admission:
    """The queue of products, with as many places as the settings say.

    Args:
        settings: the places of products and requests, and how many explanations may be open.
        metrics: where each product's fate is counted.
    """

    def __init__(self, settings: ServiceSettings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        # set when a worker may find something to do that found nothing before
        self.changed = asyncio.Event()
        self._waiting: deque[Waiting] = deque()
        self._open_requests = 0
        self._open_explanations = 0
        self._running_explanations = 0
        # products a second of all workers, a moving average; unknown at first
        self._rate = 10.0
        # products that may be computed together now
        self._room = min(SMALL_BATCH, settings.max_batch)

    @property
    def waiting_products(self) -> int:
        """Products that wait and are still wanted."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether there is no place for even one product."""
        return not self._fits(1)

    def admit(self, job: Job) -> None:
        """Take all products of `job`, or none.

        Raises:
            Problem: 429, there is no room for all of them now.
        """
        # an explanation takes many predictions: they are counted by themselves, not by products
        if job.task == "explain":
            if self._open_explanations >= self.settings.max_explanations:
                raise self.refusal("explanations", len(job.products))
            self._open_explanations += 1
            job.done.add_done_callback(self._explanation_ended)
        elif not self._fits(len(job.products)):
            raise self.refusal("queue", len(job.products))
        self._open_requests += 1
        job.done.add_done_callback(self._job_ended)
        self._waiting.extend(Waiting(job, index) for index in range(len(job.products)))
        self._tell_length()
        self.changed.set()

    def take(self, explanations: int) -> list[Waiting]:
        """The next products to compute together; none where there are none.

        The oldest product decides what they have in common. Products that nobody waits for any more are
        dropped here, and never computed.

        Args:
            explanations: how many may be computed at once.
        """
        self._drop_unwanted()
        first = self._first(explanations)
        if first is None:
            return []
        group = first.job.group
        room = 1 if first.job.task == "explain" else self._room
        batch: list[Waiting] = []
        ids: set[Any] = set()
        left: deque[Waiting] = deque()
        for one in self._waiting:
            identity = one.product.get("id")
            # two products with one id are told apart by nothing but the batch that they are in
            if len(batch) < room and one.job.group == group and identity not in ids:
                batch.append(one)
                ids |= set() if identity is None else {identity}
            else:
                left.append(one)
        self._waiting = left
        self._running_explanations += first.job.task == "explain"
        self._tell_length()
        now = time.monotonic()
        for one in batch:
            one.job.queue_seconds = now - one.job.arrived
            self.metrics.queue_seconds.observe(now - one.job.arrived)
        return batch

    def ended(self, batch: Sequence[Waiting], seconds: float, workers: int) -> None:
        """Note that a batch was computed, for the rate; `workers` compute at once."""
        if batch[0].job.task == "explain":
            self.abort(batch)
        elif seconds > 0:
            self._rate += 0.2 * (workers * len(batch) / seconds - self._rate)
            self._resize(len(batch), seconds)

    def abort(self, batch: Sequence[Waiting]) -> None:
        """Note that a batch is no longer computed."""
        if batch[0].job.task == "explain":
            self._running_explanations -= 1
            # one that had to wait for this one may now be computed
            self.changed.set()

    def fail_all(self, problem: Problem) -> None:
        """End every job that waits."""
        for one in self._waiting:
            one.job.fail(problem)
        self._waiting.clear()
        self._tell_length()

    def retry_seconds(self) -> int:
        """In how many seconds there will be room, with a little chance so that not all return at once."""
        needed = self.waiting_products / max(self._rate, 0.1)
        spread = needed * random.uniform(1.0, 1.5)
        return min(max(1, math.ceil(spread)), MAX_RETRY_SECONDS)

    def _fits(self, products: int) -> bool:
        """Whether a request of so many products finds a place."""
        # requests of one product cost the service as much time as its workers, however short the queue is
        if self._open_requests >= self.settings.queue_requests:
            return False
        return self.waiting_products + products <= self.settings.queue_products

    def _first(self, explanations: int) -> Waiting | None:
        """The oldest product that may be computed now."""
        for one in self._waiting:
            busy = self._running_explanations >= explanations
            if one.job.task != "explain" or not busy:
                return one
        return None

    def _resize(self, products: int, seconds: float) -> None:
        """Make batches larger as long as they are quick, and smaller when they are slow."""
        if seconds > SLOW_BATCH_SECONDS:
            self._room = max(min(SMALL_BATCH, self.settings.max_batch), self._room // 2)
        # a batch that was not full tells nothing of larger ones
        elif seconds < QUICK_BATCH_SECONDS and products == self._room:
            self._room = min(self.settings.max_batch, 2 * self._room)

    def _job_ended(self, done: asyncio.Future[list[Answer]]) -> None:
        """Free the places of a job that ended, also before all of it was computed."""
        self._open_requests -= 1
        if done.cancelled() or done.exception() is not None:
            self._drop_unwanted()

    def _drop_unwanted(self) -> None:
        now = time.monotonic()
        for one in self._waiting:
            if now >= one.job.deadline:
                one.job.fail(deadline_passed())
        self._waiting = deque(one for one in self._waiting if not one.job.done.done())
        self._tell_length()

    def _explanation_ended(self, done: object) -> None:
        self._open_explanations -= 1

    def refusal(self, reason: str, products: int) -> Problem:
        """What a request is told that finds no place; it is counted, and so are its products."""
        self.metrics.shed.labels(reason).inc()
        self.metrics.products.labels("refused").inc(products)
        return Problem(
            429,
            "queue-full",
            "the service has as much to do as it can answer in time; send the request again later",
            headers={"retry-after": str(self.retry_seconds())},
        )

    def _tell_length(self) -> None:
        self.metrics.queue_products.set(len(self._waiting))


def deadline_passed() -> Problem:
    """What a caller is told whose time is over."""
    return Problem(
        504, "deadline-passed", "the time for this request is over; nothing more is done"
    )
