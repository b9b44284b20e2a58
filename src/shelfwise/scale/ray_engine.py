"""Workers on a Ray cluster: actors with the model, to which whole shards are given.

Ray places the actors and starts them; what is done stands in the ledger alone.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from shelfwise.core.device_request import DEVICE_VARIABLE
from shelfwise.core.one_thread import ONE_THREAD
from shelfwise.core.trusted_key import PUBLIC_KEY_VARIABLE
from shelfwise.errors import BundleError, ConfigError, PluginError
from shelfwise.scale.engine import Advanced, Event, Finished
from shelfwise.scale.job import Job
from shelfwise.scale.shard_queue import ShardQueue, Task
from shelfwise.scale.watchdog import Watchdog

log = logging.getLogger("shelfwise")

LOADING_SECONDS = 900.0
"""How long an actor may take to be placed and to load its model."""

SHARD_SECONDS = 600.0
"""How long a shard may take, at least."""

UNKNOWN_SECONDS = 1.0
"""How long a product may take while no shard has been finished: several times what slow models take."""

MIN_CPUS = 2

_LOOK_SECONDS = 1.0
# no keys of an object store: Ray writes them to its logs; its machines have their own, or a role
_HANDED_ON = (
    DEVICE_VARIABLE,
    PUBLIC_KEY_VARIABLE,
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)
_NO_STATISTICS = "RAY_USAGE_STATS_ENABLED"


@contextmanager
def ray_workers(job: Job, count: int) -> Iterator[RayEngine]:
    """Actors that have loaded the model; they end with the block, as does a cluster that was started for it.

    Raises:
        PluginError: Ray is not installed, does not start, or its cluster does not answer.
        ConfigError: it has too few processors.
        BundleError: the model cannot be loaded, or cannot do what is asked.
    """
    ray = _imported()
    # a program of the caller's may use its cluster after this
    started_here = not ray.is_initialized()
    if started_here:
        try:
            _start_or_connect(ray)
        # of any kind, also a bare Exception
        except Exception as error:
            place = os.environ.get("RAY_ADDRESS")
            found = f"no connection to RAY_ADDRESS {place}" if place else "Ray does not start"
            said = " ".join(str(error).split()) or type(error).__name__
            raise PluginError(f"{found}: {said}; try again, or use --engine local") from error
    try:
        _check_processors(int(ray.cluster_resources().get("CPU", 0)), count)
        engine = RayEngine(ray, job, count)
        try:
            engine.start()
            yield engine
        finally:
            engine.end()
    finally:
        if started_here:
            ray.shutdown()


def _imported() -> Any:
    try:
        import ray
    except ImportError:
        raise PluginError(
            "--engine ray needs Ray, which is not installed: pip install 'shelfwise[ray]'; "
            "or use --engine local"
        ) from None
    return ray


def _start_or_connect(ray: Any) -> None:
    """Connect to the cluster of ``RAY_ADDRESS``, or start one on this machine, which reports nothing."""
    if os.environ.get("RAY_ADDRESS"):
        ray.init(logging_level=logging.WARNING)
        return
    before = os.environ.get(_NO_STATISTICS)
    # Ray reads it while it starts, and asks nobody
    os.environ[_NO_STATISTICS] = "0"
    try:
        ray.init(include_dashboard=False, logging_level=logging.WARNING)
    finally:
        del os.environ[_NO_STATISTICS]
        if before is not None:
            os.environ[_NO_STATISTICS] = before


def _check_processors(found: int, count: int) -> None:
    """Refuse what Ray would wait for without a word.

    Raises:
        ConfigError: there are too few processors.
    """
    if found < MIN_CPUS:
        raise ConfigError(
            f"--engine ray needs a cluster with at least {MIN_CPUS} CPUs, and Ray has {found} here; "
            "use --engine local"
        )
    if found < count:
        raise ConfigError(
            f"Ray has {found} CPUs, and {count} workers need one each; give --workers {found} or fewer"
        )


class _Actor:
    """A worker, as Ray starts it."""

    def __init__(self, line: bytes) -> None:
        self._line = line
        self._worker: Any = None

    def load(self) -> str:
        """Load the model; the reason where that is refused, else nothing."""
        from shelfwise.core.one_thread import use_one_thread
        from shelfwise.core.types import Context
        from shelfwise.scale.loaded_worker import loaded_worker

        # the process is this actor's own
        use_one_thread()
        self._worker, reason = loaded_worker(Job.from_line(self._line), Context())
        return reason

    def do(self, line: bytes) -> dict[str, Any]:
        """Do a task; what came of it."""
        outcome: dict[str, Any] = self._worker.do(Task.from_line(line), _ignore)
        return outcome


def _ignore(rows: int) -> None:
    """An actor tells of whole shards only."""


class RayEngine:
    """Actors with the model.

    Args:
        ray: the library, connected to its cluster.
        job: what they work on.
        count: how many they are.
    """

    def __init__(self, ray: Any, job: Job, count: int) -> None:
        self._ray = ray
        self._job = job
        self._count = count
        self._idle: list[Any] = []
        # what a worker will tell -> the worker, what it does, and since when
        self._busy: dict[Any, tuple[Any, Task, float]] = {}
        # those that were ended for it, with their seconds
        self._hanging: dict[Any, float] = {}
        self._queue = ShardQueue(job.plan, ())
        self._watchdog = Watchdog(SHARD_SECONDS, UNKNOWN_SECONDS)

    def start(self) -> None:
        """Start the actors, and wait until they have loaded the model."""
        actors = [self._new() for _ in range(self._count)]
        self._load(actors)

    def end(self) -> None:
        """End all actors, in the middle of their shards, too."""
        for actor in [*self._idle, *(actor for actor, _, _ in self._busy.values())]:
            self._ray.kill(actor)

    def label(self, numbers: Sequence[int]) -> Iterator[Event]:
        """Have these shards labelled."""
        self._queue = ShardQueue(self._job.plan, numbers)
        while self._queue.is_open:
            while self._idle and (task := self._queue.next()):
                self._hand_out(self._idle.pop(), task)
            # not for ever, so that workers that hang are looked for
            done, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=_LOOK_SECONDS)
            for told in done:
                yield from self._events(told)
            if not done:
                self._kill_hanging()

    def _new(self) -> Any:
        """Another actor."""
        # a cluster was not started with what this run was given
        given = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        environment = {"env_vars": {**given, **ONE_THREAD}}
        actor = self._ray.remote(_Actor)
        return actor.options(num_cpus=1, runtime_env=environment).remote(self._job.to_line())

    def _load(self, actors: Sequence[Any]) -> None:
        try:
            loading = [actor.load.remote() for actor in actors]
            reasons = self._ray.get(loading, timeout=LOADING_SECONDS)
        except self._ray.exceptions.GetTimeoutError:
            raise ConfigError(
                f"Ray has placed no worker within {LOADING_SECONDS:.0f} s; is the cluster busy? "
                "give fewer --workers, or use --engine local"
            ) from None
        except self._ray.exceptions.RayActorError as error:
            # what follows is the stack of the worker
            first = str(error).strip().split("\n", 1)[0]
            raise BundleError(
                f"a worker of Ray ended while it loaded the model ({first}), perhaps for want of memory; "
                "give fewer --workers"
            ) from None
        for reason in reasons:
            if reason:
                raise BundleError(reason)
        self._idle += actors

    def _hand_out(self, actor: Any, task: Task) -> None:
        self._busy[actor.do.remote(task.to_line())] = (actor, task, time.monotonic())

    def _events(self, told: Any) -> Iterator[Event]:
        """What a worker tells of its task, or that it has died of it."""
        actor, task, since = self._busy.pop(told)
        try:
            outcome = self._ray.get(told)
        except self._ray.exceptions.RayActorError:
            log.warning("a worker of Ray has ended; another takes its place")
            yield from self._dead(told, task)
            return
        self._idle.append(actor)
        # workers of Ray say nothing before their task ends
        for event in self._queue.told(task, outcome):
            if isinstance(event, Finished):
                rows = event.entry["rows"]
                self._watchdog.saw(time.monotonic() - since, rows)
                yield Advanced(rows)
            yield event

    def _dead(self, told: Any, task: Task) -> Iterator[Event]:
        """Have the task of a worker that has ended followed up, by another worker."""
        if told in self._hanging:
            yield from self._queue.hung(task, self._hanging.pop(told))
        else:
            yield from self._queue.died(task, "an unknown cause")
        self._load([self._new()])

    def _kill_hanging(self) -> None:
        """End workers that have been at a shard for too long."""
        for told, (actor, task, since) in self._busy.items():
            shard = self._job.plan.shards[task.number]
            seconds = time.monotonic() - since
            if seconds > self._watchdog.limit(shard.rows) and told not in self._hanging:
                log.warning("%s takes more than %.0f s; its worker is ended", shard.name, seconds)
                self._hanging[told] = seconds
                self._ray.kill(actor)
