"""A real server for tests: a process that is started, asked over HTTP, and ended."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

READY_SECONDS = 120


@dataclass
class Server:
    """A running ``shelfwise serve``."""

    process: subprocess.Popen[bytes]
    address: str
    errors: list[str] = field(default_factory=list)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.address + path, timeout=60, **options)

    def post(self, path: str, values: Any = None, **options: Any) -> httpx.Response:
        given = {} if values is None else {"json": values}
        return httpx.post(self.address + path, timeout=60, **given, **options)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        found = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", self.get("/metrics").text, re.MULTILINE)
        return sum(map(float, found))

    def workers(self) -> list[int]:
        """The process ids of the model workers."""
        listed = subprocess.run(
            # "ww": a narrow terminal must not cut the end of a command, the module's name
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [line.split(None, 1) for line in listed.stdout.splitlines()]
        return [int(number) for number, command in lines if "worker_process" in command]

    def wait_until(self, holds: Callable[[], bool], seconds: float = READY_SECONDS) -> float:
        """Wait until something holds; how long it took."""
        started = time.monotonic()
        while not holds():
            assert self.process.poll() is None, "".join(self.errors)
            assert time.monotonic() - started < seconds, "".join(self.errors)
            time.sleep(0.05)
        return time.monotonic() - started

    def is_ready(self) -> bool:
        return self.get("/readyz").status_code == 200

    def end(self) -> int:
        """End it as a platform would; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def start_server(model: Path, *arguments: str, **environment: str) -> Server:
    """A server of `model`, as soon as it listens."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "shelfwise",
            "serve",
            str(model),
            "--port",
            "0",
            "--json",
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1].decode()
    server = Server(process, json.loads(line)["address"])

    def collect() -> None:
        assert process.stderr is not None
        # read, or the server would wait for a reader one day
        for text in process.stderr:
            server.errors.append(text.decode())

    threading.Thread(target=collect, daemon=True).start()
    return server


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Iterator[Callable[..., Server]]:
    """Starts servers, waits until they are ready, and ends them after the test."""
    servers: list[Server] = []

    def start_one(model: Path, *arguments: str, ready: bool = True, **environment: str) -> Server:
        server = start_server(model, *arguments, **environment)
        servers.append(server)
        if ready:
            server.wait_until(server.is_ready)
        return server

    yield start_one
    for server in servers:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """A model of texts alone, which loads fast."""
    from shelfwise.commands.train import train
    from shelfwise.config import Config
    from shelfwise.core.types import Context

    changes = {
        "labels": {"min_count": 8},
        "evaluation": {"bootstrap": 20},
        "stacking": {"folds": 2},
    }
    folder = tmp_path_factory.mktemp("small") / "model"
    train(sample, folder, Config.load("quick", changes=changes), context=Context())
    return folder


@pytest.fixture(scope="session")
def server(trained: Path) -> Iterator[Server]:
    """One server of a model that reads titles, descriptions and images, for tests that leave it as it was."""
    started = start_server(trained)
    started.wait_until(started.is_ready)
    yield started
    code = started.end()
    assert code == 0, "".join(started.errors)
    assert not any("Traceback" in line for line in started.errors), "".join(started.errors)
