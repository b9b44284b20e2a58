"""A real HTTP server with images and with everything a bad host does; counts what it was asked."""

from __future__ import annotations

import io
import ssl
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image


def png(colour: int = 0) -> bytes:
    """A small image."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (colour % 256, 90, 200)).save(buffer, "PNG")
    return buffer.getvalue()


class ImageServer(ThreadingHTTPServer):
    """Serves until it is closed; `hits` has what was asked, path -> how often.

    Args:
        certificate: what it proves itself with; None serves without encryption.
    """

    daemon_threads = True

    def __init__(self, certificate: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connections = 0
        self._scheme = "http" if certificate is None else "https"
        if certificate is not None:
            self.socket = certificate.wrap_socket(self.socket, server_side=True)
        self.hits: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.hosts: set[str] = set()
        self.times: list[float] = []
        self.busy_answers = 1
        self.pause = 0.0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def where(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.server_port}/{path}"

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ImageServer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        server = self.server
        path = self.path.strip("/")
        server.hits[path] += 1
        server.times.append(time.monotonic())
        server.agents.add(self.headers["User-Agent"])
        server.hosts.add(self.headers["Host"])
        kind, _, rest = path.partition("/")
        try:
            getattr(self, f"_{kind}", self._gone)(rest)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _image(self, rest: str) -> None:
        time.sleep(self.server.pause)
        self._answer(200, png(int(rest)), {"Content-Type": "image/png"})

    def _gone(self, rest: str) -> None:
        self._answer(404, b"gone")

    def _page(self, rest: str) -> None:
        self._answer(200, b"<html>sign in</html>", {"Content-Type": "image/png"})

    def _to(self, rest: str) -> None:
        self._answer(302, b"", {"Location": rest})

    def _circle(self, rest: str) -> None:
        self._answer(302, b"", {"Location": self.path})

    def _busy(self, rest: str) -> None:
        if self.server.hits[f"busy/{rest}"] <= self.server.busy_answers:
            self._answer(429, b"", {"Retry-After": "1"})
        else:
            self._image(rest)

    def _closed(self, rest: str) -> None:
        self._answer(503, b"", {"Retry-After": "3600"})

    def _broken(self, rest: str) -> None:
        self._answer(500, b"")

    def _told(self, rest: str) -> None:
        # much is told, nothing is sent
        self.send_response(200)
        self.send_header("Content-Length", "900000000")
        self.end_headers()
        self.close_connection = True

    def _huge(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        # without end, unless the other side hangs up
        while True:
            self.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    def _slow(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        # each byte comes long before the client's patience with a read ends
        for _ in range(5000):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def _drip(self, rest: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        # headers that never end
        for number in range(5000):
            self.wfile.write(f"X-{number}: 1\r\n".encode())
            time.sleep(0.05)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
