"""Many images from many hosts, each host at its own pace."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx

from shelfwise.core.types import Progress
from shelfwise.fetching.allowlist import Allowlist, RefusedUrlError, origin, shown
from shelfwise.fetching.certificates import checking_context
from shelfwise.fetching.download import Limits, NotFetchedError, Redirect
from shelfwise.fetching.host_client import HostClient
from shelfwise.fetching.image_folder import ImageFolder
from shelfwise.vision.image_io import ImageRejectedError, has_several_frames

MAX_REDIRECTS = 3


@dataclass
class Tally:
    """What came of the URLs that were tried.

    Args:
        fetched: how many images.
        failed: why not, for good -> how many.
        later: why not, this time -> how many.
    """

    fetched: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    later: Counter[str] = field(default_factory=Counter)


class Fetcher:
    """Fetches the images of URLs into a folder.

    Args:
        folder: where they go.
        allowlist: the hosts that may be asked.
        limits: how much an image may cost.

    Raises:
        ConfigError: the certificates that the environment names cannot be read.
    """

    def __init__(
        self,
        folder: ImageFolder,
        allowlist: Allowlist,
        limits: Limits,
    ) -> None:
        self._folder = folder
        self._allowlist = allowlist
        self._limits = limits
        # once: reading the authorities takes longer than an image
        self._certificates = checking_context()
        self._clients: dict[tuple[str, int], HostClient] = {}
        self.tally = Tally()

    async def fetch(self, urls: Sequence[str], progress: Progress) -> Tally:
        """Fetch all `urls`, whose hosts are allowed.

        Raises:
            OSError: an image cannot be kept.
        """
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(self._close)
                await self._fetch_all(urls, progress)
        except ExceptionGroup as failures:
            # a full disk fails all requests in one way; the first tells it as any other command does
            raise failures.exceptions[0] from None
        return self.tally

    async def _fetch_all(self, urls: Sequence[str], progress: Progress) -> None:
        by_host: dict[tuple[str, int], list[str]] = {}
        for url in urls:
            by_host.setdefault(origin(url), []).append(url)
        async with asyncio.TaskGroup() as tasks:
            for own in by_host.values():
                # several workers draw from one iterator: no URL is asked for twice
                queue = iter(own)
                for _ in range(self._limits.parallel):
                    tasks.create_task(self._work(queue, progress))

    async def _work(self, queue: Iterator[str], progress: Progress) -> None:
        for url in queue:
            await self._fetch_one(url)
            progress.advance(1)

    async def _fetch_one(self, url: str) -> None:
        try:
            data = await self._content(url)
            # decoded by another process; meanwhile other requests go on
            await asyncio.to_thread(has_several_frames, data)
        except RefusedUrlError as refusal:
            # another allowlist may permit it
            self.tally.later[str(refusal)] += 1
        except ImageRejectedError as rejection:
            self._give_up(url, str(rejection))
        except NotFetchedError as failure:
            if failure.for_good:
                self._give_up(url, str(failure))
            else:
                self.tally.later[str(failure)] += 1
        else:
            self._folder.keep(url, data)
            self.tally.fetched += 1

    def _give_up(self, url: str, reason: str) -> None:
        self._folder.give_up(url, reason)
        self.tally.failed[reason] += 1

    async def _content(self, url: str) -> bytes:
        """What is at `url`; each redirect is checked as if it stood in the catalogue."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._client_of(url).get(url)
            if not isinstance(answer, Redirect):
                return answer
            self._check_redirect(url, answer.url)
            url = answer.url
        raise NotFetchedError(f"there are more than {MAX_REDIRECTS} redirects", for_good=True)

    def _check_redirect(self, url: str, target: str) -> None:
        """Refuse to be led from `url` to `target`.

        Raises:
            RefusedUrlError: the catalogue could not name `target` either, or the way there is less secure.
        """
        try:
            host, port = origin(target)
        except RefusedUrlError:
            reason = "a redirect leads to something else than a URL of http or https without a user's name"
            raise RefusedUrlError(reason) from None
        if not self._allowlist.permits(target):
            where = shown(host, port)
            raise RefusedUrlError(f"a redirect leads to the host {where}, which is not allowed")
        # what comes without encryption may come from anybody
        if httpx.URL(url).scheme == "https" and httpx.URL(target).scheme == "http":
            raise RefusedUrlError("a redirect leads from https to http, which is not secure")

    def _client_of(self, url: str) -> HostClient:
        where = origin(url)
        if where not in self._clients:
            self._clients[where] = HostClient(self._allowlist, self._limits, self._certificates)
        return self._clients[where]

    async def _close(self) -> None:
        for client in self._clients.values():
            await client.close()
