"""Asking one host politely: few requests at a time, a pause between them, and longer ones where it asks."""

from __future__ import annotations

import asyncio
import ssl
import time

from shelfwise.fetching.allowlist import Allowlist
from shelfwise.fetching.download import (
    Limits,
    NotFetchedError,
    Redirect,
    UntrustedHostError,
    download,
    open_client,
)

MAX_FAILURES = 10
"""Failures in a row after which a host is left alone for the rest of the run."""


class HostClient:
    """All requests to one host.

    Args:
        allowlist: the hosts that may be asked.
        limits: how much an image may cost, and how gently the host is asked.
        certificates: whose certificates are trusted.
    """

    def __init__(self, allowlist: Allowlist, limits: Limits, certificates: ssl.SSLContext) -> None:
        self._client = open_client(allowlist, limits, certificates)
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.parallel)
        self._next_start = 0.0
        self._failures = 0
        self._closed: str | None = None

    async def get(self, url: str) -> bytes | Redirect:
        """The content of a URL, or where it is; what may pass is tried again.

        Raises:
            NotFetchedError: the host does not give it.
            RefusedUrlError: the host or its address is not allowed.
        """
        pause = 0.0
        for left in reversed(range(self._limits.tries)):
            await asyncio.sleep(pause)
            try:
                return await self._try(url)
            except NotFetchedError as failure:
                if failure.for_good or not left or self._closed:
                    raise
                # twice as long each time, unless the host has told all requests to wait
                pause = 0.0 if failure.wait else max(0.5, 2 * pause)
        raise AssertionError("the last try raises")

    async def _try(self, url: str) -> bytes | Redirect:
        async with self._slots:
            # a host may have been given up while this one waited
            await self._turn()
            if self._closed:
                raise NotFetchedError(self._closed)
            try:
                answer = await download(self._client, url, self._limits)
            except NotFetchedError as failure:
                self._note(failure)
                raise
            self._failures = 0
            return answer

    async def _turn(self) -> None:
        """Wait until the next request may start."""
        # another request may have been told to wait meanwhile
        while (wait := self._next_start - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        self._next_start = time.monotonic() + self._limits.delay

    def _note(self, failure: NotFetchedError) -> None:
        """Slow down or stop, as the failure asks."""
        # an answer about one image says nothing of the others
        if failure.for_good:
            self._failures = 0
            return
        self._failures += 1
        if failure.wait is not None:
            self._next_start = max(self._next_start, time.monotonic() + failure.wait)
            if failure.wait > self._limits.max_wait:
                self._closed = f"the host asks to wait {failure.wait:.0f} seconds"
        # each further request would end in the same way
        if isinstance(failure, UntrustedHostError):
            self._closed = str(failure)
        if self._failures >= MAX_FAILURES and self._closed is None:
            self._closed = f"the host failed {MAX_FAILURES} times in a row"
        if self._closed is not None:
            # those that wait for their turn are to learn of it now
            self._next_start = 0.0

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
