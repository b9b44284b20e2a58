"""Names and addresses of hosts, as people write them and as the header ``Host`` has them."""

from __future__ import annotations

import ipaddress
import re

from shelfwise.errors import ConfigError

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})

# letters of any alphabet, digits and hyphens between dots; an IPv6 address stands in brackets
_NAME = re.compile(r"(?!-)[\w-]{1,63}(\.(?!-)[\w-]{1,63})*|\[[0-9a-f:.]+\]")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening_host(text: str) -> str:
    """The address after ``--host``: an IPv6 address may stand in brackets, as in a URL.

    Raises:
        ConfigError: it is empty, which a socket would take for every address of this machine.
    """
    host = text.strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not host:
        raise ConfigError(
            "--host is empty; name an address, such as 127.0.0.1 for this machine alone or 0.0.0.0 for "
            "every address it has, or leave it out"
        )
    return host


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without its port; an IPv6 address keeps its brackets."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()


def sent_name(text: str) -> str | None:
    """A host's name or address as browsers send it in the header ``Host``; None for any other text.

    >>> sent_name("Läden.example")
    'xn--lden-loa.example'
    """
    name = text.strip().lower()
    # an address of IPv6 is sent in brackets only
    if name.count(":") > 1 and not name.startswith("["):
        name = f"[{name}]"
    if _NAME.fullmatch(name) is None:
        return None
    try:
        # other alphabets have a form of their own
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def allowed_host(text: str) -> str:
    """The name after ``--allowed-host``, as :func:`host_name` finds it in a header.

    Raises:
        ConfigError: no header would have it.
    """
    name = sent_name(text)
    if name is None:
        raise ConfigError(
            f"--allowed-host {text!r} is no name of a host; expected a name without http://, port and "
            "path, such as shop.example.com"
        )
    return name
