"""``shelfwise review`` as people start it: a process, its page, kill -9, and a second start."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "shelfwise", "review", *map(str, arguments), "--json"]
    pipe = subprocess.PIPE
    # one thread: the machine has other tests to run
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)


@contextmanager
def running(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The process, and what it tells when it is ready."""
    with start(*arguments, "--port", 0, "--lead", "Ada") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        try:
            yield process, json.loads(line)
        finally:
            process.kill()


def client_of(told: dict[str, Any]) -> httpx.Client:
    client = httpx.Client(base_url=told["address"], follow_redirects=True, timeout=30)
    assert client.get(told["people"][0]["address"]).status_code == 200
    return client


def test_what_was_answered_survives_kill_9_and_nobody_else_writes(
    trained: Path, sample: Path, tmp_path: Path
) -> None:
    catalog = tmp_path / sample.name
    shutil.copy(sample, catalog)
    with running(trained, catalog) as (process, told):
        client = client_of(told)
        page = client.get("")
        key = re.search(r'name="request_key" value="([^"]*)"', page.text)
        assert key is not None
        form = {"seen": "0", "request_key": key.group(1), "verdict": "accept"}
        answer = client.post(f"{page.url.path.removeprefix('/review')}/decisions", data=form)
        assert "Saved" in answer.text
        with start(trained, catalog, "--port", 0) as second:
            _, error = second.communicate(timeout=120)
        assert second.returncode == 2
        assert ".decisions.db" in error
        process.kill()
    with running(trained, catalog) as (process, told):
        assert told["decided"] == 1
        assert Path(told["decisions"]).parent == tmp_path
        client = client_of(told)
        exported = client.get("/export", params={"format": "jsonl"})
        assert len(exported.text.splitlines()) == 1
        # the one-time address was used
        again = httpx.get(told["people"][0]["address"])
        assert again.status_code == 403
        # a terminal that is closed
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 128 + signal.SIGHUP
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert catalog.read_bytes() == sample.read_bytes()


@pytest.mark.parametrize("arguments", [(), ("model",), ("model", "catalog.csv", "--demo")])
def test_a_call_that_cannot_be_meant_is_refused(arguments: tuple[str, ...]) -> None:
    with start(*arguments) as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "give MODEL and CATALOG, or --demo alone" in error


def test_people_elsewhere_come_by_the_address_that_was_given(
    trained: Path, sample: Path, tmp_path: Path
) -> None:
    catalog = tmp_path / sample.name
    shutil.copy(sample, catalog)
    given = ("--host", "0.0.0.0", "--address", "https://review.example.com")
    with running(trained, catalog, *given) as (_, told):
        assert told["address"] == "https://review.example.com/review"
        assert told["notes"] == []
        (ada,) = told["people"]
        path = ada["address"].removeprefix("https://review.example.com")
        # what a proxy with HTTPS passes on
        here = told["listening"].replace("0.0.0.0", "127.0.0.1")
        host = {"host": "review.example.com"}
        assert httpx.get(here + path, headers={"host": "other.example.com"}).status_code == 421
        answer = httpx.get(here + path, headers=host)
        assert answer.status_code == 303
        assert answer.headers["set-cookie"].endswith("; Secure")


def test_a_door_to_the_network_without_an_address_is_refused(sample: Path, tmp_path: Path) -> None:
    with start(tmp_path / "model", sample, "--host", "0.0.0.0") as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "0.0.0.0 can be reached from other machines" in error


def test_a_training_catalogue_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    words = (tmp_path / "m", tmp_path / "c.csv", "--training", tmp_path / "none.csv")
    with start(*words, "--port", 0) as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "there is no catalogue" in json.loads(said)["error"]
    assert not list(tmp_path.iterdir())
