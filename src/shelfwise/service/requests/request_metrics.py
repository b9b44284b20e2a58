"""Counts requests by route and status, and how long each took."""

from __future__ import annotations

import time
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shelfwise.service.engine.submit import DisconnectedError
from shelfwise.service.metrics import Metrics

HUNG_UP = 499
"""What a request is counted as whose caller hung up; nobody gets to see it."""

MAX_SERIES = 512


class RequestMetrics:
    """ASGI middleware around all others."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        # looking a counter up by its labels costs more than counting
        self._requests = lru_cache(MAX_SERIES)(metrics.requests.labels)
        self._seconds = lru_cache(MAX_SERIES)(metrics.request_seconds.labels)

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
            self._requests(route, str(status)).inc()
            self._seconds(route).observe(time.monotonic() - started)
