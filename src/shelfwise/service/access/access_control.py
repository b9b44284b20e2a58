"""Who may call. Host, Origin and key are checked before a byte of the body is read.

Pages and the API share these checks. A room that adds pages adds an :class:`Area` for them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from shelfwise.service.access.host_names import LOOPBACK_HOSTS, host_name
from shelfwise.service.access.sessions import COOKIE, ENTER, Role, Sessions, Visitor
from shelfwise.service.answers.problems import Problem, send_problem

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
"""Open to everyone: a platform that cannot ask would stop a healthy service."""

SIGN_IN = "/sign-in"
"""Where a browser without a session is led, where sessions are opened with a key."""

_ONCE = (b"host", b"origin", b"authorization", b"x-api-key")
"""Headers of which only one value can be meant."""

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Area:
    """Paths that one rule holds for.

    Args:
        prefix: the paths that begin with it; of several areas the longest prefix counts.
        roles: who may enter; empty: everyone.
    """

    prefix: str
    roles: frozenset[Role] = frozenset()


@dataclass(frozen=True)
class Access:
    """The rules of one server.

    Args:
        hosts: names in the header ``Host`` that are ours, without ports. "*": any. Without this check a page
            on a loopback address is open to whoever lets a name of his own point there.
        keys: sha256 of a key -> who holds it.
        areas: what is open to whom.
        sessions: opens pages to people; None where there are no pages for them.
        home: where a one-time address leads.
    """

    hosts: frozenset[str] = LOOPBACK_HOSTS
    keys: Mapping[bytes, Visitor] = field(default_factory=dict, repr=False)
    areas: tuple[Area, ...] = (Area("/"),)
    sessions: Sessions | None = None
    home: str = "/"

    def roles(self, path: str) -> frozenset[Role]:
        """Who may call `path`; empty: everyone."""
        fitting = [area for area in self.areas if _lies_in(path, area.prefix)]
        # a path that nobody thought of is closed wherever keys exist
        if not fitting:
            return frozenset({"caller", "admin"}) if self.keys else frozenset()
        return max(fitting, key=lambda area: len(area.prefix)).roles

    def visitor(self, headers: Mapping[bytes, bytes]) -> Visitor | None:
        """Who sent these headers; None for someone unknown."""
        key = _key_in(headers)
        if key is not None:
            return self.holder(key)
        cookie = _cookie_in(headers)
        if cookie is not None and self.sessions is not None:
            return self.sessions.visitor(cookie)
        return None

    def holder(self, key: bytes) -> Visitor | None:
        """Who holds `key`; takes equally long whichever key it is like."""
        digest = hashlib.sha256(key).digest()
        found = None
        # every key is looked at: where the search ends would tell which one was right
        for known, visitor in self.keys.items():
            if hmac.compare_digest(known, digest):
                found = visitor
        return found


def key_digest(key: str) -> bytes:
    """A key as :class:`Access` keeps it: the key itself is in no object that could be printed."""
    return hashlib.sha256(key.encode()).digest()


class AccessControl:
    """ASGI middleware that lets through what the rules allow; ``request.state.visitor`` tells who it is."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        # the server's own start and end
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        path = scope["path"]
        try:
            _check_once(scope["headers"])
            # what looks after the service calls it by an address of the moment
            if path not in HEALTH_PATHS:
                check_host(headers, self.access.hosts)
            check_origin(scope["method"], headers)
            if path.startswith(ENTER) and self.access.sessions is not None:
                await self._enter(scope, send)
                return
            if self._leads_to_sign_in(scope, headers):
                await _lead_to(SIGN_IN, send)
                return
            if path not in HEALTH_PATHS:
                self._check_role(scope, headers)
        except Problem as problem:
            await send_problem(problem, scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check_role(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Note who sent the request.

        Raises:
            Problem: it is not for whoever sent it.
        """
        # noted also where anybody may come: pages show who is there
        visitor = self.access.visitor(headers)
        scope.setdefault("state", {})["visitor"] = visitor
        roles = self.access.roles(scope["path"])
        if not roles:
            return
        if visitor is None:
            raise self._unknown_visitor()
        if visitor.role not in roles:
            wanted = " or ".join(sorted(roles))
            raise Problem(403, "not-allowed", f"this is for the role {wanted} only")

    def _unknown_visitor(self) -> Problem:
        """What somebody is told who has no key and no session."""
        headers = {"www-authenticate": 'Bearer realm="shelfwise"'}
        # pages for people alone: nobody has a key that could be sent
        if self.access.sessions is not None and not self.access.keys:
            detail = (
                "open the address that the command printed for you; it works once. "
                "A lead can make a new one: Progress, People."
            )
            return Problem(401, "not-signed-in", detail, headers=headers)
        detail = "this needs a key: send it as 'Authorization: Bearer KEY'."
        if self.access.sessions is not None:
            detail += f" In a browser, give it at {SIGN_IN}."
        return Problem(401, "key-needed", detail, headers=headers)

    def _leads_to_sign_in(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a person without a session asked for the page that keys open."""
        by_key = bool(self.access.keys) and self.access.sessions is not None
        is_home = scope["method"] == "GET" and scope["path"] == self.access.home
        by_person = b"text/html" in headers.get(b"accept", b"")
        return by_key and is_home and by_person and self.access.visitor(headers) is None

    async def _enter(self, scope: Scope, send: Send) -> None:
        """Open a session for who visits a one-time address, and lead on to the pages.

        Raises:
            Problem: the address was used before.
        """
        assert self.access.sessions is not None
        # a HEAD of some preview must not use the address up
        if scope["method"] != "GET":
            raise Problem(405, "method-not-allowed", "open this address in a browser")
        visitor = self.access.sessions.redeem(scope["path"].removeprefix(ENTER))
        if visitor is None:
            raise Problem(
                403,
                "address-used",
                "this address works once, and was used or never made. Stop and start the command "
                "for a new one.",
            )
        cookie = self.access.sessions.cookie(visitor)
        await _lead_to(self.access.home, send, (b"set-cookie", cookie.encode()))


async def _lead_to(path: str, send: Send, *headers: tuple[bytes, bytes]) -> None:
    """Send the browser on to `path`."""
    lines = [(b"location", path.encode()), (b"content-length", b"0"), *headers]
    await send({"type": "http.response.start", "status": 303, "headers": lines})
    await send({"type": "http.response.body", "body": b""})


def _check_once(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Refuse a request of which a proxy could have checked one value, and we the other.

    Raises:
        Problem: a header that decides who may enter is there twice.
    """
    names = [name for name, _ in headers]
    for name in _ONCE:
        if names.count(name) > 1:
            raise Problem(400, "header-twice", f"the header {name.decode()} is there twice")


def check_host(headers: Mapping[bytes, bytes], hosts: frozenset[str]) -> None:
    """Refuse a request that was meant for another host.

    Raises:
        Problem: the header ``Host`` is not one of ours.
    """
    host = host_name(headers.get(b"host", b"").decode("latin-1"))
    if "*" not in hosts and host not in hosts:
        raise Problem(
            421,
            "unknown-host",
            "the header Host names no host of this service. Start it with --allowed-host NAME "
            "to serve under another name.",
        )


def check_origin(method: str, headers: Mapping[bytes, bytes]) -> None:
    """Refuse a change that another site's page makes a browser ask for.

    Programs send neither header, and are let through.

    Raises:
        Problem: the request comes from another site.
    """
    if method not in _CHANGING:
        return
    origin = headers.get(b"origin")
    site = headers.get(b"sec-fetch-site", b"none")
    foreign = origin is not None and _host_of(origin) != headers.get(b"host", b"")
    if foreign or site not in (b"same-origin", b"none"):
        raise Problem(403, "foreign-origin", "a page of another site may not send this")


def _lies_in(path: str, prefix: str) -> bool:
    """Whether `path` is `prefix` or below it: /review is not in /rev."""
    stem = prefix.rstrip("/")
    return path == stem or path.startswith(stem + "/")


def _host_of(origin: bytes) -> bytes | None:
    """Host and port of the header ``Origin``; None where it has none.

    "null" is the origin of sandboxed frames and of local files: not ours either.
    """
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None


def _key_in(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The key of ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and key.strip():
        return key.strip()
    return headers.get(b"x-api-key")


def _cookie_in(headers: Mapping[bytes, bytes]) -> str | None:
    """The value of the session's cookie."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return None
    return cookies[COOKIE].value if COOKIE in cookies else None
