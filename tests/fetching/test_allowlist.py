"""Which hosts and addresses are allowed."""

from __future__ import annotations

import asyncio

import pytest

from shelfwise.errors import ConfigError
from shelfwise.fetching.allowlist import Allowlist, RefusedUrlError, is_public, origin


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "fd00:ec2::254",
        "ff02::1",
        "168.63.129.16",
        "192.0.0.9",
        "192.88.99.1",
        "3fff::1",
        "64:ff9b::a83f:8110",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "no address",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("entry", "yes", "no"),
    [
        ("cdn.shop.com", "https://CDN.shop.com/1", "https://shop.com/1"),
        ("cdn.shop.com", "http://cdn.shop.com/1", "http://cdn.shop.com:8080/1"),
        ("cdn.shop.com", "http://cdn.shop.com/1", "http://cdn.shop.com.evil.com/1"),
        ("cdn.shop.com:8080", "http://cdn.shop.com:8080/1", "http://cdn.shop.com/1"),
        ("cdn.shop.com:80", "http://cdn.shop.com/1", "https://cdn.shop.com/1"),
        ("*.shop.com", "http://a.b.shop.com/1", "http://evilshop.com/1"),
        ("*.shop.com", "http://a.shop.com/1", "http://shop.com/1"),
        ("[::1]:8080", "http://[::1]:8080/1", "http://[::2]:8080/1"),
        ("bücher.de", "http://xn--bcher-kva.de/1", "http://bucher.de/1"),
    ],
)
def test_hosts(entry: str, yes: str, no: str) -> None:
    allowlist = Allowlist.of([entry])
    assert allowlist.permits(yes)
    assert not allowlist.permits(no)


@pytest.mark.parametrize("entry", ["", "*", "*.", "a.com/x", "http://a.com", "a*.com", "u@a.com"])
def test_what_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match="expected a host such as"):
        Allowlist.of([entry])


@pytest.mark.parametrize(
    "url", ["ftp://a.com/1", "http:///1", "http://u:p@a.com/1", "http://[::1/1", "file:///etc/x"]
)
def test_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(RefusedUrlError):
        origin(url)


def test_one_private_address_of_several_is_enough_to_refuse() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.1"]

    allowlist = Allowlist.of(["a.com"], resolver=resolve)
    with pytest.raises(RefusedUrlError, match=r"not public; --allow-private a\.com allows it"):
        asyncio.run(allowlist.addresses_of("http://a.com/1"))
    private = Allowlist.of([], ["a.com"], resolve)
    assert asyncio.run(private.addresses_of("http://a.com/1"))
