"""Which hosts may be asked for an image, and which addresses may be connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx

from shelfwise.errors import ConfigError

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Host and port -> the addresses of the host."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
# answered within a data centre or a house, though public by number: services of Azure, of routers, relays
_ONLY_NEARBY = ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24")
_NEARBY = tuple(map(IPv4Network, _ONLY_NEARBY))
# of examples only, which older Pythons do not know
_EXAMPLES = IPv6Network("3fff::/20")
_NAT64 = IPv6Network("64:ff9b::/96")


class RefusedUrlError(Exception):
    """A URL that is not asked for; the message is the reason."""


@dataclass(frozen=True)
class Pattern:
    """One host of the allowlist.

    Args:
        host: a host's name or address; ``*.shop.com`` means every name below.
        port: the one port that is meant; None for 80 and 443.
    """

    host: str
    port: int | None

    @classmethod
    def of(cls, text: str) -> Pattern:
        """The host in ``cdn.shop.com``, ``*.shop.com``, ``cdn.shop.com:8080`` or ``[::1]:8080``.

        Raises:
            ConfigError: `text` is none of these.
        """
        below, _, name = text.strip().rpartition("*.")
        try:
            # a port that is 80 would be left out of a URL of http
            url = httpx.URL(f"other://{name}")
            host = url.raw_host.decode().lower()
        except (httpx.InvalidURL, UnicodeError):
            host = ""
        is_host = host and not below and not url.raw_path.strip(b"/") and not url.userinfo
        if not is_host or "*" in host:
            expected = "a host such as cdn.shop.com, *.shop.com or cdn.shop.com:8080"
            raise ConfigError(f"--allow {text!r} is no host; expected {expected}")
        prefix = "*." if "*." in text else ""
        return cls(prefix + host, url.port)

    def matches(self, host: str, port: int) -> bool:
        """Whether `host` and `port` are meant."""
        ports = _DEFAULT_PORTS.values() if self.port is None else (self.port,)
        if port not in ports:
            return False
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return host == self.host


async def resolve(host: str, port: int) -> list[str]:
    """The addresses that the system knows for a host.

    Raises:
        OSError: it knows none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Allowlist:
    """The hosts that may be asked.

    Args:
        public: whose addresses must be public.
        private: whose addresses may be any, such as hosts of an intranet.
        resolver: looks up the addresses of a host.
    """

    public: tuple[Pattern, ...] = ()
    private: tuple[Pattern, ...] = ()
    resolver: Resolver = resolve

    @classmethod
    def of(
        cls, public: Sequence[str], private: Sequence[str] = (), resolver: Resolver = resolve
    ) -> Allowlist:
        """The allowlist of hosts as a person writes them.

        Raises:
            ConfigError: one of them is no host.
        """
        return cls(tuple(map(Pattern.of, public)), tuple(map(Pattern.of, private)), resolver)

    def permits(self, url: str) -> bool:
        """Whether the host of a URL may be asked."""
        host, port = origin(url)
        return any(pattern.matches(host, port) for pattern in (*self.public, *self.private))

    async def addresses_of(self, url: str) -> list[str]:
        """The addresses to connect to, asked for once.

        Raises:
            RefusedUrlError: the host is not allowed, or one of its addresses is not public.
        """
        host, port = origin(url)
        if not self.permits(url):
            raise RefusedUrlError(f"the host {shown(host, port)} is not allowed")
        addresses = await self.resolver(host, port)
        if any(pattern.matches(host, port) for pattern in self.private):
            return addresses
        # a host with a public and a private address is most likely an attack
        if not addresses or not all(map(is_public, addresses)):
            fix = f"--allow-private {shown(host, port)} allows it"
            raise RefusedUrlError(f"the host {host} has an address that is not public; {fix}")
        return addresses


def origin(url: str) -> tuple[str, int]:
    """Host and port of a URL.

    Raises:
        RefusedUrlError: it is no URL of http or https, or holds a user's name or password.
    """
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode().lower()
    except (httpx.InvalidURL, UnicodeError):
        raise RefusedUrlError("the URL is malformed") from None
    if parsed.scheme not in _DEFAULT_PORTS or not host:
        raise RefusedUrlError("the URL is malformed")
    # it would be sent to the host, and stand in the record
    if parsed.userinfo:
        raise RefusedUrlError("the URL holds a user's name or password")
    return host, parsed.port or _DEFAULT_PORTS[parsed.scheme]


def shown(host: str, port: int) -> str:
    """Host and port as they are written after ``--allow``."""
    name = f"[{host}]" if ":" in host else host
    return name if port in _DEFAULT_PORTS.values() else f"{name}:{port}"


def is_public(address: str) -> bool:
    """Whether an IP address is reachable by everyone; one inside another counts, too."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in net for net in _NEARBY)
    inner = _inner(ip)
    if inner is not None:
        return is_public(str(inner))
    # the oldest way to write an IPv4 address as IPv6 is reserved
    odd = ip.is_multicast or ip.is_reserved or ip.is_site_local or ip.scope_id or ip in _EXAMPLES
    return ip.is_global and not odd


def _inner(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a packet to `ip` ends up at."""
    if ip in _NAT64:
        return IPv4Address(ip.packed[-4:])
    if ip.teredo is not None:
        return ip.teredo[1]
    return ip.ipv4_mapped or ip.sixtofour
