"""Workers on this machine: one process each. One that dies or hangs is replaced, and its shard done again."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from shelfwise.core.one_thread import ONE_THREAD
from shelfwise.errors import BundleError
from shelfwise.scale.engine import Advanced, Encoded, Event
from shelfwise.scale.job import Job
from shelfwise.scale.shard_queue import ShardQueue, Task
from shelfwise.scale.signs_of_life import ALIVE
from shelfwise.scale.watchdog import Watchdog

log = logging.getLogger("shelfwise")

LOADING_SECONDS = 900.0
"""How long a worker may take to load its model."""

SILENT_SECONDS = 300.0
"""How long a worker may be silent, at least: it tells how far images and texts are encoded, too."""

UNKNOWN_SECONDS = 900.0
"""The same before the first 2,048 products are labelled, which a worker tells as well."""

MAX_LOADING_DEATHS = 3
"""Workers that may die while they load the model, one after the other."""

COMMAND = (sys.executable, "-m", "shelfwise.scale.worker_process")
"""What a worker runs."""

_LOOK_SECONDS = 1.0


class _Worker:
    """A process with the model.

    Attributes:
        task: what it does; None while it waits for something to do.
        is_ready: whether its model is loaded.
        heard: when it last said something.
        told: when it last told that products were labelled.
        silent: for how many seconds it had said nothing when it was ended for that; 0 where it was not.
    """

    def __init__(self, job: Job, messages: queue.Queue[tuple[_Worker, Any]]) -> None:
        self.task: Task | None = None
        self.is_ready = False
        self.heard = self.told = time.monotonic()
        self.silent = 0.0
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD},
        )
        self._send(job.to_line())
        # one thread a worker waits for its messages; they all end in one queue
        threading.Thread(target=self._listen, args=(messages,), daemon=True).start()

    def work_on(self, task: Task) -> None:
        """Give it something to do."""
        self.task = task
        self.heard = self.told = time.monotonic()
        self._send(task.to_line())

    def kill(self) -> None:
        """End the process; its last message tells so."""
        self._process.kill()

    def end(self) -> str:
        """Wait until the process has ended, which it is about to; how it ended, in words."""
        # its input tells it to end
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        # one that has died is told of by the end of its messages
        with suppress(OSError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _listen(self, messages: queue.Queue[tuple[_Worker, Any]]) -> None:
        """Hand on its messages, and None when it has ended."""
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                # a killed process may leave half a line
                with suppress(ValueError):
                    messages.put((self, json.loads(line)))
        messages.put((self, None))


@contextmanager
def local_workers(job: Job, count: int) -> Iterator[LocalEngine]:
    """Worker processes that have loaded the model; they end with the block.

    Raises:
        BundleError: the model cannot be loaded, or cannot do what is asked.
    """
    engine = LocalEngine(job, count)
    try:
        engine.start()
        yield engine
    finally:
        engine.end()


class LocalEngine:
    """Worker processes.

    Args:
        job: what they work on.
        count: how many they are.
    """

    def __init__(self, job: Job, count: int) -> None:
        self._job = job
        self._count = count
        self._messages: queue.Queue[tuple[_Worker, Any]] = queue.Queue()
        self._workers: list[_Worker] = []
        self._queue = ShardQueue(job.plan, ())
        self._deaths_loading = 0
        self._watchdog = Watchdog(SILENT_SECONDS, UNKNOWN_SECONDS)
        self._looked = time.monotonic()

    def start(self) -> None:
        """Start the workers, and wait until they have loaded the model."""
        for _ in range(self._count):
            self._start()
        while not all(worker.is_ready for worker in self._workers):
            # nothing is labelled yet
            list(self._next_events())

    def end(self) -> None:
        """End all workers, in the middle of their shards, too."""
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.end()

    def label(self, numbers: Sequence[int]) -> Iterator[Event]:
        """Have these shards labelled."""
        self._queue = ShardQueue(self._job.plan, numbers)
        self._hand_out()
        while self._queue.is_open:
            yield from self._next_events()
            self._hand_out()

    def _start(self) -> None:
        self._workers.append(_Worker(self._job, self._messages))

    def _hand_out(self) -> None:
        """Something to do for every worker that has nothing."""
        for worker in self._workers:
            if worker.is_ready and worker.task is None and (task := self._queue.next()):
                worker.work_on(task)

    def _next_events(self) -> Iterator[Event]:
        """What the next message tells; nothing after a while without any."""
        # a worker that hangs sends nothing that could be waited for, and the others may always have something
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._kill_hanging()
        try:
            worker, message = self._messages.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            return
        if message is None:
            yield from self._dead(worker)
            return
        worker.heard = time.monotonic()
        if message["kind"] == ALIVE:
            yield Encoded(message["stage"], message["steps"])
            return
        if worker.task is not None:
            self._watchdog.saw(worker.heard - worker.told)
        worker.told = worker.heard
        yield from self._event(worker, message)

    def _event(self, worker: _Worker, message: dict[str, Any]) -> Iterator[Event]:
        kind = message["kind"]
        if kind == "ready":
            worker.is_ready = True
            # only deaths in a row tell that no worker can load the model
            self._deaths_loading = 0
        # every other worker would be refused the same
        elif kind == "refused":
            raise BundleError(message["reason"])
        elif kind == "advanced":
            yield Advanced(message["rows"])
        elif worker.task is not None:
            task, worker.task = worker.task, None
            yield from self._queue.told(task, message)

    def _dead(self, worker: _Worker) -> Iterator[Event]:
        """Put another worker in the place of one that has ended, and its shard in front of the others."""
        how = worker.end()
        self._workers.remove(worker)
        log.warning("a worker process has ended (%s); another takes its place", how)
        if not worker.is_ready:
            self._deaths_loading += 1
        if self._deaths_loading >= MAX_LOADING_DEATHS:
            raise BundleError(
                f"{MAX_LOADING_DEATHS} worker processes ended while they loaded the model, the last by "
                f"{how}, perhaps for want of memory; use fewer --workers, or end other programs"
            )
        # a worker that we ended did not die of a record
        if worker.task is not None and worker.silent:
            yield from self._queue.hung(worker.task, worker.silent)
        elif worker.task is not None:
            yield from self._queue.died(worker.task, how)
        self._start()

    def _kill_hanging(self) -> None:
        """End workers that have been silent for too long."""
        now = self._looked = time.monotonic()
        for worker in self._workers:
            silent = now - worker.heard
            if not worker.is_ready:
                hangs = silent > LOADING_SECONDS
            else:
                # one without a shard has nothing to say
                hangs = worker.task is not None and silent > self._watchdog.limit()
            if hangs and not worker.silent:
                log.warning("a worker process has said nothing for %.0f s; it is ended", silent)
                worker.silent = silent
                worker.kill()
