"""``label --engine ray``: a real cluster gives the parts of the local engine, byte by byte."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shelfwise.catalog.shards.manifest import Shard
from shelfwise.errors import BundleError, ConfigError, PluginError
from shelfwise.scale import ray_engine
from shelfwise.scale.engine import Failed, Finished
from shelfwise.scale.job import Job
from shelfwise.scale.plan import LabelPlan, LabelSettings
from shelfwise.scale.shard_queue import Task

Label = Callable[..., dict[str, Any]]
Contents = Callable[[Path], dict[str, bytes]]


@pytest.fixture(scope="module")
def cluster(s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Ray with two processors, whatever the machine has; its own files stay out of the user's home.

    It has the keys of the S3 server from the environment it is started in.
    """
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        ray.init(num_cpus=2, include_dashboard=False, logging_level="WARNING")
        yield ray
        ray.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_the_parts_are_those_of_the_local_engine(
    run: Label, undisturbed: Path, tmp_path: Path, contents: Contents
) -> None:
    found = run(tmp_path / "labels", engine="ray", workers=2)
    assert (found["parts"], found["failed"]) == (4, {})
    assert contents(tmp_path / "labels") == contents(undisturbed)
    # what the model cannot do is refused in the same words
    with pytest.raises(BundleError, match="no limits for a precision"):
        run(tmp_path / "other", engine="ray", settings={"precision": 0.123})
    with pytest.raises(ConfigError, match="Ray has 2 CPUs, and 3 workers need one each"):
        run(tmp_path / "third", engine="ray", workers=3)


@pytest.mark.parametrize(
    ("address", "found"),
    [("", "^Ray does not start: "), ("here:1", "^no connection to RAY_ADDRESS here:1: ")],
)
def test_a_cluster_that_does_not_start_is_told_in_a_sentence(
    address: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**options: Any) -> None:
        raise Exception("The current node timed out.\nSee the log.")

    ray = SimpleNamespace(is_initialized=lambda: False, init=init)
    monkeypatch.setattr(ray_engine, "_imported", lambda: ray)
    monkeypatch.setenv("RAY_ADDRESS", address)
    said = "The current node timed out. See the log.; try again, or use --engine local$"
    job: Any = None
    with pytest.raises(PluginError, match=found + said), ray_engine.ray_workers(job, 2):
        pass


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_an_actor_that_is_killed_is_replaced(
    run: Label,
    undisturbed: Path,
    tmp_path: Path,
    contents: Contents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hand_out = ray_engine.RayEngine._hand_out
    killed: list[int] = []

    def then_kill(engine: ray_engine.RayEngine, actor: Any, task: Task) -> None:
        hand_out(engine, actor, task)
        if task.number == 1 and not killed:
            pid = engine._ray.get(actor.process.remote())
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    class WithProcess(ray_engine._Actor):
        def process(self) -> int:
            """The number of the actor's process."""
            return os.getpid()

        def do(self, line: bytes) -> dict[str, Any]:
            """As any actor, but it first says who it is, and is slow."""
            import time

            time.sleep(1)
            return super().do(line)

    monkeypatch.setattr(ray_engine, "_Actor", WithProcess)
    monkeypatch.setattr(ray_engine.RayEngine, "_hand_out", then_kill)
    found = run(tmp_path / "labels", engine="ray")
    assert killed
    assert not found["failed"]
    assert contents(tmp_path / "labels") == contents(undisturbed)


class HangingCluster:
    """As much of Ray as the engine needs, with workers that never finish some shards."""

    class exceptions:
        class RayActorError(Exception):
            pass

        class GetTimeoutError(Exception):
            pass

    def __init__(self, hangs: dict[int, int]) -> None:
        self.hangs = hangs
        self.killed: list[HangingCluster.Actor] = []

    class Call:
        def __init__(self, actor: HangingCluster.Actor, answer: Any) -> None:
            self.actor = actor
            self.answer = answer

    class Actor:
        def __init__(self, cluster: HangingCluster) -> None:
            self.cluster = cluster
            self.load = SimpleNamespace(remote=lambda: HangingCluster.Call(self, ""))
            self.do = SimpleNamespace(remote=self._do)

        def _do(self, line: bytes) -> HangingCluster.Call:
            number = Task.from_line(line).number
            self.cluster.hangs[number] = self.cluster.hangs.get(number, 0) - 1
            if self.cluster.hangs[number] >= 0:
                return HangingCluster.Call(self, None)
            entry = {"rows": 10}
            answer = {"kind": "finished", "number": number, "entry": entry, "by_other": False}
            return HangingCluster.Call(self, answer)

    def remote(self, kind: Any) -> Any:
        started = SimpleNamespace(remote=lambda line: HangingCluster.Actor(self))
        return SimpleNamespace(options=lambda **given: started)

    def wait(self, calls: list[Call], num_returns: int, timeout: float) -> Any:
        done = [call for call in calls if call.answer is not None or call.actor in self.killed]
        return done[:num_returns], calls

    def get(self, asked: Any, timeout: float = 0) -> Any:
        if isinstance(asked, list):
            return [call.answer for call in asked]
        if asked.actor in self.killed:
            raise self.exceptions.RayActorError
        return asked.answer

    def kill(self, actor: Actor) -> None:
        self.killed.append(actor)


def test_an_actor_that_hangs_is_replaced_and_the_third_time_its_shard_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_engine, "SHARD_SECONDS", 0.0)
    monkeypatch.setattr(ray_engine, "UNKNOWN_SECONDS", 0.0)
    names = [f"products-{number:05}.parquet" for number in range(4)]
    shards = [Shard(name, rows=10, bytes=1, sha256="0" * 64) for name in names]
    job = Job("model", "in", "out", "images", LabelPlan("0", LabelSettings(), shards))
    cluster = HangingCluster(hangs={1: 1, 2: 9})
    engine = ray_engine.RayEngine(cluster, job, 2)
    engine.start()
    events = list(engine.label(range(4)))
    assert [one.number for one in events if isinstance(one, Failed)] == [2]
    assert sorted(one.number for one in events if isinstance(one, Finished)) == [0, 1, 3]
    # once for the second shard, three times for the third
    assert len(cluster.killed) == 4


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_shards_and_parts_may_lie_in_an_object_store(
    run: Label, undisturbed: Path, shards: Path, bucket: Any, contents: Contents
) -> None:
    source = bucket.upload(shards, "in")
    found = run(f"s3://{bucket.name}/out", source=source, engine="ray", workers=2)
    assert (found["parts"], found["failed"]) == (4, {})
    assert bucket.contents("out") == contents(undisturbed)


def test_without_ray_it_is_said_how_to_install_it(
    run: Label, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PluginError, match=r"not installed: pip install 'shelfwise\[ray\]'"):
        run(tmp_path / "labels", engine="ray")


def test_one_processor_is_refused_and_not_waited_for(
    run: Label, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OneProcessor:
        is_initialized = staticmethod(lambda: True)
        cluster_resources = staticmethod(lambda: {"CPU": 1.0})

    monkeypatch.setattr(ray_engine, "_imported", OneProcessor)
    with pytest.raises(
        ConfigError, match="at least 2 CPUs, and Ray has 1 here; use --engine local"
    ):
        run(tmp_path / "labels", engine="ray")
