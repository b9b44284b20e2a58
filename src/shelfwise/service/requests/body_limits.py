"""How large a request may be, how long it may take to arrive, and how many may be open."""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shelfwise.service.answers.problems import Problem, send_problem
from shelfwise.service.settings import ServiceSettings


class BodyLimits:
    """ASGI middleware that refuses bodies before they are read, or as soon as they are too large."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self.app = app
        self.settings = settings
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self._open += 1
        limited = _Limited(receive, self.settings)
        try:
            self._check_start(scope)
            await self.app(scope, limited, send)
        except Problem as problem:
            # every problem of a route ends here too
            await send_problem(problem, scope, receive, send, body_read=limited.complete)
        finally:
            self._open -= 1

    def _check_start(self, scope: Scope) -> None:
        """Refuse what the headers already tell is too much.

        Raises:
            Problem: 413 or 429.
        """
        if self._open > self.settings.max_requests:
            raise Problem(
                429,
                "too-many-requests",
                "as many requests are open as may be; send this one again later",
                headers={"retry-after": "1"},
            )
        # a body without a length, or with a wrong one, is counted as it comes
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.settings.max_body_bytes:
            raise _too_large(self.settings)


class _Limited:
    """Receives a request's body, and counts."""

    def __init__(self, receive: Receive, settings: ServiceSettings) -> None:
        self._receive = receive
        self._settings = settings
        self._until = time.monotonic() + settings.body_seconds
        self._bytes = 0
        self.complete = False

    async def __call__(self) -> Message:
        """The next part.

        Raises:
            Problem: 413, there were too many bytes; 408, they took too long.
        """
        # after the body there is only the caller's hanging up, for which there is no limit
        if self.complete:
            return await self._receive()
        try:
            # no task is made for it, as wait_for would
            async with asyncio.timeout(self._until - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            raise Problem(
                408,
                "body-too-slow",
                f"the request did not arrive in {self._settings.body_seconds:g} seconds",
            ) from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._settings.max_body_bytes:
            raise _too_large(self._settings)
        self.complete = not message.get("more_body", False)
        return message


def _too_large(settings: ServiceSettings) -> Problem:
    return Problem(
        413,
        "body-too-large",
        f"a request may have {settings.max_body_bytes:,} bytes; send fewer products or "
        "smaller images",
    )
