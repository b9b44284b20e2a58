"""``label --engine ray``: a real cluster gives the parts of the local engine, byte by byte."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shelfwise.errors import BundleError, ConfigError, PluginError
from shelfwise.scale import ray_engine
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
