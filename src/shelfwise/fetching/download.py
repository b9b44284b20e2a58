"""One image from one URL: to an address that was checked, with a bound on bytes and time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import httpx

from shelfwise.fetching.allowlist import Allowlist, RefusedUrlError
from shelfwise.fetching.certificates import distrust

HEADERS = {
    "User-Agent": "shelfwise-fetch",
    "Accept": "image/*",
    # what is packed could grow beyond the bound once it is unpacked
    "Accept-Encoding": "identity",
}
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_NOT_NOW = frozenset((408, 425, 429, 500, 502, 503, 504))


@dataclass(frozen=True)
class Limits:
    """How much an image may cost, and how gently hosts are asked.

    Args:
        max_bytes: of one image.
        seconds: for one request, from the look-up of the host to the last byte.
        parallel: requests to one host at a time.
        delay: seconds between the starts of two requests to one host.
        tries: of one URL in one run.
        max_wait: seconds; a host that asks for a longer pause is left for another run.
    """

    max_bytes: int = 20_000_000
    seconds: float = 30.0
    parallel: int = 4
    delay: float = 0.1
    tries: int = 4
    max_wait: float = 60.0


@dataclass(frozen=True)
class Redirect:
    """The host says that the image is elsewhere."""

    url: str


class NotFetchedError(Exception):
    """An image that was not fetched.

    Args:
        reason: why, in words.
        for_good: whether asking again would be no use.
        wait: seconds that the host asks to wait; None where it asks for none.
    """

    def __init__(self, reason: str, for_good: bool = False, wait: float | None = None) -> None:
        super().__init__(reason)
        self.for_good = for_good
        self.wait = wait


class UntrustedHostError(NotFetchedError):
    """A host that does not prove who it is: nothing more is asked of it in this run."""


class CheckedTransport(httpx.AsyncBaseTransport):
    """Connects only to addresses that were checked.

    A host is looked up once a request, and the connection goes to the address that was found, so a second
    answer of the name server has no effect. The certificate is still checked against the host's name.

    Args:
        allowlist: checks the addresses.
        certificates: whose certificates are trusted.
    """

    def __init__(self, allowlist: Allowlist, certificates: ssl.SSLContext) -> None:
        self._allowlist = allowlist
        self._inner = httpx.AsyncHTTPTransport(verify=certificates)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to one of the addresses of its host."""
        url = request.url
        addresses = await self._allowlist.addresses_of(str(url))
        request.extensions = {**request.extensions, "sni_hostname": url.raw_host.decode()}
        for address in addresses[:-1]:
            request.url = url.copy_with(host=address)
            try:
                return await self._inner.handle_async_request(request)
            # one kind of address may not be reachable from here
            except httpx.ConnectError:
                continue
        request.url = url.copy_with(host=addresses[-1])
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()


def open_client(
    allowlist: Allowlist, limits: Limits, certificates: ssl.SSLContext
) -> httpx.AsyncClient:
    """A client for one host. Proxies of the environment are passed over: they would look up hosts."""
    return httpx.AsyncClient(
        transport=CheckedTransport(allowlist, certificates),
        headers=HEADERS,
        timeout=limits.seconds,
        follow_redirects=False,
        trust_env=False,
    )


async def download(client: httpx.AsyncClient, url: str, limits: Limits) -> bytes | Redirect:
    """The content of a URL, or where it is.

    Raises:
        NotFetchedError: the host does not answer or refuses, or the content is too large or too slow.
        UntrustedHostError: the host's certificate is not trusted.
        RefusedUrlError: the host or its address is not allowed.
    """
    try:
        # the client's own limit is for each read, and a host may send one byte at a time
        async with asyncio.timeout(limits.seconds), client.stream("GET", url) as response:
            return await _content(response, url, limits)
    except (TimeoutError, httpx.TimeoutException):
        reason = f"the host took more than {limits.seconds:g} seconds"
        raise NotFetchedError(reason) from None
    except OSError:
        raise NotFetchedError("the host's address cannot be found") from None
    except (httpx.InvalidURL, UnicodeError):
        raise RefusedUrlError("the URL is malformed") from None
    # the client looks at redirects, though it does not follow them
    except httpx.RemoteProtocolError:
        raise NotFetchedError("the host's answer is malformed") from None
    except httpx.HTTPError as error:
        doubt = distrust(error)
        if doubt is not None:
            raise UntrustedHostError(doubt) from None
        raise NotFetchedError(f"the connection failed ({type(error).__name__})") from None


async def _content(response: httpx.Response, url: str, limits: Limits) -> bytes | Redirect:
    status = response.status_code
    target = response.headers.get("location")
    if status in _REDIRECTS and target:
        return Redirect(urljoin(url, target))
    # asked again later; any other answer holds for good
    if status in _NOT_NOW:
        raise NotFetchedError(f"the host answered {status}", wait=_seconds_asked(response.headers))
    if status != httpx.codes.OK:
        raise NotFetchedError(f"the host answered {status}", for_good=True)
    too_large = NotFetchedError(
        f"the image has more than {limits.max_bytes:,} bytes", for_good=True
    )
    # before a byte of it is read
    told = response.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limits.max_bytes:
        raise too_large
    data = bytearray()
    async for part in response.aiter_raw():
        data += part
        # whatever the host told before
        if len(data) > limits.max_bytes:
            raise too_large
    return bytes(data)


def _seconds_asked(headers: Mapping[str, str]) -> float | None:
    """``Retry-After``, which is a number of seconds or a date; None without it."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    # a date without a zone is meant in UTC
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
