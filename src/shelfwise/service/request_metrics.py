"""Counts requests by route and status, and how long each took."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shelfwise.service.metrics import Metrics
from shelfwise.service.waiting import DisconnectedError

HUNG_UP = 499
"""What a request is counted as whose caller hung up; nobody gets to see it."""


class RequestMetrics:
    """ASGI middleware around all others."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.monotonic()
        scope.setdefault("state", {})["arrived"] = started
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except DisconnectedError:
            status = HUNG_UP
        finally:
            # the route's pattern: paths of strangers would each be a series of their own
            pattern = getattr(scope.get("route"), "path", "other")
            route = scope["state"].get("route", pattern)
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.request_seconds.labels(route).observe(time.monotonic() - started)
