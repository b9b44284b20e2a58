"""What is too large, too slow or without a key is refused before it costs anything."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.conftest import Server

KEY = "a-key-of-a-caller-0123456789"
ADMIN = "the-key-of-an-admin-0123456789"
MUG = {"products": [{"title": "Mug"}]}


@pytest.fixture(scope="module")
def closed(small: Path) -> Iterator[Server]:
    """A server that asks for keys."""
    from tests.service.conftest import start_server

    server = start_server(small, SHELFWISE_KEY=KEY, SHELFWISE_ADMIN_KEY=ADMIN)
    server.wait_until(server.is_ready)
    yield server
    assert server.end() == 0
    # a key is written nowhere, not even when it is sent wrongly
    assert KEY not in "".join(server.errors)


def connection(server: Server) -> socket.socket:
    host, _, port = server.address.removeprefix("http://").partition(":")
    opened = socket.create_connection((host, int(port)), timeout=30)
    return opened


def head(*lines: str) -> bytes:
    start = ["POST /v1/categorize HTTP/1.1", "host: localhost", "content-type: application/json"]
    return ("\r\n".join([*start, *lines]) + "\r\n\r\n").encode()


def status_of(opened: socket.socket) -> int:
    return int(opened.recv(4096).split(b" ")[1])


def test_a_key_opens_and_its_lack_closes(closed: Server) -> None:
    right = {"authorization": f"Bearer {KEY}"}
    assert closed.post("/v1/categorize", MUG, headers=right).status_code == 200
    assert closed.post("/v1/categorize", MUG).status_code == 401
    assert closed.get("/metrics").status_code == 401
    assert closed.get("/openapi.json").status_code == 401
    assert closed.get("/healthz").status_code == 200
    assert closed.post("/v1/models", {"path": "x"}, headers=right).status_code == 403
    admin = {"authorization": f"Bearer {ADMIN}"}
    refused = closed.post("/v1/models", {"path": "x"}, headers=admin)
    assert refused.json()["type"] == "urn:shelfwise:no-models-root"


def test_a_wrong_key_is_refused_before_the_64_mb_behind_it(closed: Server) -> None:
    with connection(closed) as opened:
        opened.sendall(head("content-length: 64000000", "authorization: Bearer wrong"))
        # not a byte of the body is there, and the answer is
        assert status_of(opened) == 401


def test_the_answer_reaches_a_caller_who_sends_all_of_it_first(closed: Server) -> None:
    answer = httpx.post(
        f"{closed.address}/v1/categorize",
        content=b"x" * 64_000_000,
        headers={"content-type": "application/json"},
        timeout=60,
    )
    assert answer.status_code == 401


def test_a_large_body_is_refused_by_its_length_alone(server: Server) -> None:
    with connection(server) as opened:
        opened.sendall(head("content-length: 3000000"))
        assert status_of(opened) == 413


def test_a_large_body_in_chunks_is_refused_when_it_is_too_large(server: Server) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with connection(server) as opened:
        opened.sendall(head("transfer-encoding: chunked"))
        for _ in range(46):
            opened.sendall(chunk)
        assert status_of(opened) == 413


@pytest.mark.slow
def test_a_body_of_a_byte_a_second_is_ended(server: Server) -> None:
    started = time.monotonic()
    with connection(server) as opened:
        opened.sendall(head("content-length: 100"))
        ended = threading.Event()

        def drip() -> None:
            while not ended.wait(1):
                try:
                    opened.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        status = status_of(opened)
        ended.set()
        thread.join()
    assert status == 408
    assert time.monotonic() - started >= 9, "it may take 10 s"


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--host", "0.0.0.0"], {}, "need a key"),
        ([], {"SHELFWISE_KEY": "short"}, "16 characters"),
        ([], {"SHELFWISE_KEY_FILE": "/nowhere/key"}, "cannot be read"),
        ([], {"SHELFWISE_KEY": KEY, "SHELFWISE_ADMIN_KEY": KEY}, "same key"),
        (["--demo"], {}, "either a MODEL or --demo"),
        (["--models-root", "/nowhere"], {}, "/nowhere is no folder"),
        # a service that would never end
        (["--drain-delay", "inf"], {}, "--drain-delay"),
    ],
)
def test_a_door_that_would_be_open_or_in_doubt_is_not_opened(
    command: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    small: Path,
    arguments: list[str],
    environment: dict[str, str],
    words: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = command("serve", small, *arguments)
    assert done.returncode == 2  # type: ignore[attr-defined]
    assert words in done.stderr  # type: ignore[attr-defined]
    assert KEY not in done.stderr  # type: ignore[attr-defined]


def test_a_port_that_is_taken_and_a_folder_that_is_no_model_are_told(
    command: Callable[..., object], server: Server, small: Path, tmp_path: Path
) -> None:
    port = server.address.rpartition(":")[2]
    taken = command("serve", small, "--port", port)
    assert taken.returncode == 2  # type: ignore[attr-defined]
    assert f"port {port}" in taken.stderr  # type: ignore[attr-defined]
    missing = command("serve", tmp_path, "--port", "0")
    assert missing.returncode == 2  # type: ignore[attr-defined]
    assert "no MANIFEST.json" in missing.stderr  # type: ignore[attr-defined]


def test_a_model_that_was_changed_ends_the_service_with_a_sentence(
    start: Callable[..., Server], small: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "model"
    shutil.copytree(small, broken)
    file = broken / "labels.json"
    file.write_bytes(file.read_bytes() + b" ")
    server = start(broken, ready=False)
    assert server.process.wait(60) == 2
    time.sleep(0.2)
    assert "labels.json" in "".join(server.errors)


def test_people_are_sent_to_the_page_only_once_the_model_answers(
    command: Callable[..., object], small: Path, tmp_path: Path
) -> None:
    arguments = [sys.executable, "-m", "shelfwise", "serve", str(small), "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert b"Loading the model" in process.stderr.readline()
            opened = process.stdout.readline().decode()
            address = opened.split()[1]
            assert httpx.get(f"{address}/readyz", timeout=10).status_code == 200
        finally:
            process.kill()
    broken = tmp_path / "model"
    shutil.copytree(small, broken)
    (broken / "labels.json").write_bytes(b"[]")
    done = command("serve", broken, "--port", "0")
    assert done.returncode == 2  # type: ignore[attr-defined]
    assert "Open" not in done.stdout  # type: ignore[attr-defined]
