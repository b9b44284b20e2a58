"""A service without its HTTP: the queue, the workers, and the model that answers now."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shelfwise.errors import ShelfwiseError
from shelfwise.service.answers.problems import Problem
from shelfwise.service.engine.admission import Admission
from shelfwise.service.engine.hot_swap import Swap, prepare
from shelfwise.service.engine.worker_set import WorkerSet
from shelfwise.service.metrics import Metrics
from shelfwise.service.settings import ServiceSettings

log = logging.getLogger("shelfwise")


class Engine:
    """What answers.

    Args:
        folder: of the model.
        settings: the limits.
        models_root: the folder whose models may be changed to over HTTP; None: none may.
    """

    def __init__(
        self, folder: Path, settings: ServiceSettings, models_root: Path | None = None
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.models_root = models_root
        self.metrics = Metrics()
        self.metrics.queue_limit.set(settings.queue_products)
        self.admission = Admission(settings, self.metrics)
        self.started = time.monotonic()
        self.draining = False
        self.failure: str | None = None
        self.swap: Swap | None = None
        self._current: WorkerSet | None = None
        # kept, as asyncio itself holds running tasks only weakly
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self, failed: Callable[[], None] = lambda: None, loaded: Callable[[], None] = lambda: None
    ) -> None:
        """Begin to load the model; `loaded` is called when it answers, `failed` when that is not possible."""
        self._run(self._start(failed, loaded))

    @property
    def facts(self) -> dict[str, Any]:
        """What is told of the model that answers.

        Raises:
            Problem: 503, it is not loaded yet.
        """
        if self._current is None:
            raise _not_ready("loading")
        return self._current.facts

    @property
    def unready(self) -> str | None:
        """Why the service should get no requests: loading, draining or worker; None where it should."""
        if self.draining:
            return "draining"
        if self._current is None:
            return "loading"
        return None if self._current.live else "worker"

    def check_ready(self) -> None:
        """Refuse work that nobody could do.

        Raises:
            Problem: 503. A service that ends still answers what reaches it before it stops listening.
        """
        if self._current is None or not self._current.live:
            raise _not_ready(self.unready or "worker")

    def change_model(self, folder: Path) -> Swap:
        """Begin to change to the model in `folder`; the old one serves until the new one is ready.

        Raises:
            Problem: 409, a change is under way; 503, there is no model yet, or the service ends.
        """
        if self._current is None or self.draining:
            raise _not_ready(self.unready or "loading")
        if self.swap is not None and self.swap.state not in ("live", "refused"):
            raise Problem(409, "swap-running", "another change of the model is under way")
        self.swap = Swap(folder.name)
        self._run(self._swap(folder, self.swap, self._current))
        return self.swap

    async def drain(self) -> None:
        """Wait for what waits, at most as long as the settings say; tell the rest that it is over."""
        self.draining = True
        self.metrics.draining.set(1)
        until = time.monotonic() + self.settings.drain_seconds
        while self.admission.waiting_products and time.monotonic() < until:
            await asyncio.sleep(0.05)
        self.admission.fail_all(_not_ready("draining"))

    async def close(self) -> None:
        """End all workers."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._current is not None:
            await self._current.close()

    async def _start(self, failed: Callable[[], None], loaded: Callable[[], None]) -> None:
        workers = WorkerSet(self.folder, self.settings, self.admission)
        try:
            await workers.start()
        except (ShelfwiseError, OSError) as error:
            self.failure = str(error)
            failed()
            return
        self._switch(workers, self.folder)
        loaded()

    async def _swap(self, folder: Path, swap: Swap, old: WorkerSet) -> None:
        try:
            new = await prepare(folder, old, self.settings, self.admission, swap)
        # whatever is wrong with the new model, the old one goes on serving
        except Exception as error:
            swap.detail = str(error)
            swap.state = "refused"
            self.metrics.swaps.labels("refused").inc()
            log.error("the model was not changed: %s", error)
            return
        self._switch(new, folder)
        swap.state = "live"
        self.metrics.swaps.labels("live").inc()
        # what it computes is finished before it ends
        await old.close()

    def _switch(self, workers: WorkerSet, folder: Path) -> None:
        """From now on `workers` answer."""
        self.folder = folder
        self._current = workers
        live = self.metrics.live
        live.digest = workers.facts["digest"]
        live.preset = workers.facts["preset"]
        workers.serve()

    def _run(self, coroutine: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine)
        # the loop alone holds its tasks weakly
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _not_ready(reason: str) -> Problem:
    sentences = {
        "loading": "the model is being loaded",
        "draining": "the service is ending",
        "worker": "no model worker answers; one is being started",
    }
    return Problem(503, reason, sentences[reason], headers={"retry-after": "5"})
