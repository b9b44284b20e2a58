"""Names of hosts as people write them: what no browser would send is refused, not taken."""

from __future__ import annotations

import pytest

from shelfwise.commands.serve import Endpoint, access_of
from shelfwise.errors import ConfigError
from shelfwise.service.access.host_names import allowed_host, is_loopback, listening_host


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Shop.Example.com", "shop.example.com"),
        ("läden.example", "xn--lden-loa.example"),
        ("10.0.0.7", "10.0.0.7"),
        ("2001:DB8::7", "[2001:db8::7]"),
        ("[::1]", "[::1]"),
        ("shelf_wise", "shelf_wise"),
    ],
)
def test_a_name_is_taken_as_browsers_send_it(written: str, sent: str) -> None:
    assert allowed_host(written) == sent


# of these the first two were taken for every host, or for none
@pytest.mark.parametrize(
    "written",
    ["*", "", " ", "https://shop.example.com", "shop.example.com:80", "a b", "a/b", "a,b"],
)
def test_a_name_that_no_header_has_is_refused(written: str) -> None:
    with pytest.raises(ConfigError, match=r"--allowed-host .* is no name of a host"):
        access_of(Endpoint(allowed_hosts=("localhost", written)))


@pytest.mark.parametrize("host", ["[::1]", "::1", "LocalHost", "127.0.0.1", " 127.0.0.1 "])
def test_loopback_is_loopback_in_any_spelling(host: str) -> None:
    assert is_loopback(listening_host(host))


@pytest.mark.parametrize("host", ["", " ", "[]"])
def test_no_address_is_not_every_address(host: str) -> None:
    with pytest.raises(ConfigError, match="--host is empty"):
        listening_host(host)
