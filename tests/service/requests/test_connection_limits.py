"""Callers who open a connection and do nothing, on a real socket."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from shelfwise.service.requests import connection_limits
from shelfwise.service.requests.connection_limits import LimitedConnection

LARGE = b"x" * 30_000_000
"""More than all buffers between the two hold."""

GET = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"


class Application:
    """Answers with the headers it was given, with a large body, or after a while."""

    def __init__(self) -> None:
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.open += 1
        try:
            body = LARGE if scope["path"] == "/large" else b"done"
            more = True
            while more:
                more = (await receive()).get("more_body", False)
            if scope["path"] == "/slow":
                await asyncio.sleep(1)
            if scope["path"] == "/headers":
                body = b" ".join(value for _, value in scope["headers"])
            length = [(b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": length})
            await send({"type": "http.response.body", "body": body[:-1], "more_body": True})
            await send({"type": "http.response.body", "body": body[-1:]})
        finally:
            self.open -= 1


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def address(application: Application, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(connection_limits, "HEAD_SECONDS", 0.4)
    monkeypatch.setattr(connection_limits, "ANSWER_SECONDS", 0.4)
    config = uvicorn.Config(application, http=LimitedConnection, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()
        server.should_exit = True
        thread.join()


def answer(opened: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    while part := opened.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-", GET % b"" + b"GET"])
def test_who_asks_for_nothing_gives_its_place_up(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address, timeout=10) as opened:
        opened.sendall(sent)
        # one that sends a byte now and then is no better
        time.sleep(0.2)
        opened.sendall(sent[-1:])
        started = time.monotonic()
        assert answer(opened).count(b"HTTP/1.1 200") == sent.count(b"\r\n\r\n")
        assert time.monotonic() - started < 5


def test_an_answer_that_is_computed_is_not_cut_off(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as opened:
        # half of the next request is there already
        opened.sendall(GET % b"slow" + b"GET / HT")
        assert answer(opened).endswith(b"done")


def test_who_does_not_take_its_answer_gives_its_place_up(
    address: tuple[str, int], application: Application
) -> None:
    with socket.create_connection(address, timeout=10) as opened:
        opened.sendall(GET % b"large")
        started = time.monotonic()
        while not application.open:
            assert time.monotonic() - started < 5
            time.sleep(0.02)
        while application.open:
            assert time.monotonic() - started < 5
            time.sleep(0.02)


def test_a_slow_reader_gets_its_answer(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as opened:
        opened.sendall(GET % b"large")
        found = 0
        while found < len(LARGE):
            found += len(opened.recv(1 << 20))
            time.sleep(0.01)


def test_headers_behind_the_body_are_no_headers(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as opened:
        head = b"POST /headers HTTP/1.1\r\nHost: ours\r\nTransfer-Encoding: chunked\r\n\r\n"
        opened.sendall(head + b"0\r\nHost: theirs\r\n\r\n")
        assert answer(opened).endswith(b"ours chunked")
