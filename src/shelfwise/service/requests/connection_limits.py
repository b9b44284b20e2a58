"""How long a connection may hold a place without asking for something, or without taking its answer.

Uvicorn waits for both without an end: a thousand connections that never ask would leave nobody else a place.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""From the first byte of a request, or from the connection, to the end of its headers."""

ANSWER_SECONDS = 30.0
"""From when the system's buffers are full until the caller reads on."""


class LimitedConnection(HttpToolsProtocol):
    """One connection of a caller; uvicorn's own but for the limits.

    What stands behind a body as further headers is passed over: it would come after the checks, in place of
    the headers that they have seen.
    """

    _head_limit: asyncio.TimerHandle | None = None
    _answer_limit: asyncio.TimerHandle | None = None
    _is_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first request, but not for long."""
        super().connection_made(transport)
        self._wait_for_head()

    def on_message_begin(self) -> None:
        """Wait for the headers."""
        super().on_message_begin()
        self._is_body = False
        self._wait_for_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, if it is where headers are."""
        if not self._is_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request can be answered; the time of its body is limited elsewhere."""
        self._is_body = True
        _cancel(self._head_limit)
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """The caller does not read."""
        super().pause_writing()
        self._answer_limit = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads on."""
        _cancel(self._answer_limit)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        _cancel(self._head_limit)
        _cancel(self._answer_limit)
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        _cancel(self._head_limit)
        self._head_limit = self.loop.call_later(HEAD_SECONDS, self._end_if_silent)

    def _end_if_silent(self) -> None:
        # the request before this one may still be under way
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait_for_head()
            return
        # nobody who sends nothing waits for an answer that says so
        self.transport.close()


def _cancel(limit: asyncio.TimerHandle | None) -> None:
    if limit is not None:
        limit.cancel()
