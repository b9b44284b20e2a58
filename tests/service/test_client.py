"""The client against servers that are no service of ours, or a bad one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from shelfwise.service.client import Client, ServiceError


class Strange(HTTPServer):
    """Answers with `status`, `headers` and `body`, and notes what it was asked."""

    status = 200
    headers: dict[str, str] = {}
    body = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[dict[str, str]] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Strange

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(dict(self.headers))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def strange() -> Iterator[Strange]:
    with Strange() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def refused(server: Strange, key: str | None = None) -> str:
    with pytest.raises(ServiceError) as refusal:
        Client(server.address, key).categorize([{"title": "Mug"}])
    return str(refusal.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_is_not_sent_to_where_an_answer_leads(strange: Strange, status: int) -> None:
    with Strange() as canary:
        strange.status = status
        strange.headers = {"Location": canary.address}
        assert f"leads to {canary.address}" in refused(strange, "a-key-of-this-test")
        canary.timeout = 0.1
        canary.handle_request()
        assert not canary.asked


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"",
        b"[]",
        b"{}",
        b'{"products": {}}',
        # an answer for another product would be given to this one
        b'{"products": [1, 2]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_an_answer_of_something_else_is_told(strange: Strange, body: bytes) -> None:
    strange.body = body
    assert "is it the address of the service" in refused(strange)


@pytest.mark.parametrize("wait", ["soon", "Wed, 21 Oct 2065 07:28:00 GMT", "inf", "-1", "1e9"])
def test_nobody_waits_for_an_odd_time(strange: Strange, wait: str) -> None:
    strange.status = 429
    strange.headers = {"Retry-After": wait}
    strange.body = json.dumps(["no problem"]).encode()
    assert refused(strange) == "429: no reason given"


def test_no_answer_is_told() -> None:
    with Strange() as server:
        pass
    assert f"{server.address} gives no answer: " in refused(server)
