"""Host, Origin, keys and sessions, as a client on the other side of HTTP meets them."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shelfwise.service.access.access_control import Access, AccessControl, Area, key_digest
from shelfwise.service.access.security_headers import SecurityHeaders
from shelfwise.service.access.sessions import Sessions, Visitor
from shelfwise.service.requests.request_ids import RequestIds

KEYS = {
    key_digest("of-a-caller"): Visitor("shop", "caller"),
    key_digest("of-the-admin"): Visitor("ops", "admin"),
}
AREAS = (
    Area("/", frozenset({"caller", "admin"})),
    Area("/v1/models", frozenset({"admin"})),
    Area("/review", frozenset({"reviewer", "lead"})),
    Area("/static"),
)

Client = Callable[..., httpx.AsyncClient]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells who was let in."""
    request = Request(scope, receive)
    visitor = scope["state"].get("visitor")
    name = None if visitor is None else visitor.name
    await JSONResponse({"name": name, "body": len(await request.body())})(scope, receive, send)


def client_of(access: Access) -> httpx.AsyncClient:
    app: ASGIApp = RequestIds(SecurityHeaders(AccessControl(echo, access)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")


@pytest.fixture
def closed() -> httpx.AsyncClient:
    return client_of(Access(keys=KEYS, areas=AREAS))


def run(coroutine):  # type: ignore[no-untyped-def]
    import asyncio

    return asyncio.run(coroutine)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/labels", {}, 401),
        ("/v1/labels", {"authorization": "Bearer wrong"}, 401),
        ("/v1/labels", {"authorization": "Bearer ключ".encode()}, 401),
        ("/v1/labels", {"authorization": "Basic of-a-caller"}, 401),
        ("/v1/labels", {"authorization": "Bearer of-a-caller"}, 200),
        ("/v1/labels", {"x-api-key": "of-a-caller"}, 200),
        ("/v1/models", {"x-api-key": "of-a-caller"}, 403),
        ("/v1/models/x", {"x-api-key": "of-a-caller"}, 403),
        ("/v1/models", {"x-api-key": "of-the-admin"}, 200),
        ("/review", {"x-api-key": "of-the-admin"}, 403),
        ("/static/page.css", {}, 200),
        ("/statically", {}, 401),
        ("/healthz", {}, 200),
        ("/readyz", {"host": "10.0.0.7:8000"}, 200),
    ],
)
def test_each_area_is_open_to_its_roles(
    closed: httpx.AsyncClient, path: str, headers: dict[str, str], status: int
) -> None:
    answer = run(closed.get(path, headers=headers))
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_without_keys_a_path_without_an_area_is_open_and_with_keys_it_is_closed() -> None:
    assert Access(areas=()).roles("/anything") == frozenset()
    assert Access(areas=(), keys=KEYS).roles("/anything") == {"caller", "admin"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "", "[::2]:80"])
def test_a_name_that_was_pointed_at_this_machine_is_refused(host: str) -> None:
    answer = run(client_of(Access()).get("/v1/labels", headers={"host": host}))
    assert answer.status_code == 421
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("host", ["evil.example", "127.0.0.1"]),
        ("origin", ["http://evil.example", "http://127.0.0.1:8000"]),
        ("x-api-key", ["of-a-caller", "of-the-admin"]),
        ("authorization", ["Bearer wrong", "Bearer of-a-caller"]),
    ],
)
def test_a_header_with_two_values_is_refused(
    closed: httpx.AsyncClient, name: str, values: list[str]
) -> None:
    headers = [(name, value) for value in values]
    for path in ("/v1/labels", "/healthz"):
        answer = run(closed.get(path, headers=headers))
        assert answer.status_code == 400
        assert name in answer.json()["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:9", "LOCALHOST", "[::1]:8000"])
def test_loopback_names_are_ours(host: str) -> None:
    assert run(client_of(Access()).get("/", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_another_sites_page_may_not_change_anything(headers: dict[str, str], status: int) -> None:
    answer = run(client_of(Access()).post("/v1/categorize", headers=headers))
    assert answer.status_code == status


def test_a_one_time_address_opens_a_session_once() -> None:
    sessions = Sessions()
    access = Access(areas=AREAS, sessions=sessions, home="/review")
    client = client_of(access)
    path = sessions.one_time_path(Visitor("Ana", "lead"))
    refused = run(client.get("/review"))
    assert refused.status_code == 401
    # nobody has a key that could be sent
    assert refused.json()["detail"].startswith("open the address that the command printed")
    # a preview of the address does not use it up
    assert run(client.head(path)).status_code == 405
    entered = run(client.get(path))
    assert entered.status_code == 303
    assert entered.headers["location"] == "/review"
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    sent = {"cookie": cookie.partition(";")[0]}
    assert run(client_of(access).get("/review", headers=sent)).json()["name"] == "Ana"
    assert run(client.get(path)).status_code == 403


def test_a_session_is_signed_and_ends() -> None:
    now = [1000.0]
    sessions = Sessions(seconds=60, clock=lambda: now[0])
    visitor = Visitor("Zoë > 'x'", "reviewer")
    value = sessions.cookie(visitor).partition(";")[0].partition("=")[2]
    assert sessions.visitor(value) == visitor
    payload, _, signature = value.partition(".")
    assert sessions.visitor(f"{payload[:-1]}A.{signature}") is None
    assert sessions.visitor("é.ü") is None
    # another process with the same secret knows it, one with another does not
    assert Sessions(sessions.secret, clock=lambda: 1000.0).visitor(value) == visitor
    assert Sessions(clock=lambda: 1000.0).visitor(value) is None
    now[0] = 1061.0
    assert sessions.visitor(value) is None


def test_keys_and_secrets_are_in_no_text_of_the_rules() -> None:
    sessions = Sessions(secret=b"a-secret-that-signs")
    shown = repr(Access(keys=KEYS, sessions=sessions)) + repr(sessions)
    assert "of-a-caller" not in shown
    assert "signs" not in shown


def test_a_browser_is_told_in_a_page_and_every_answer_has_the_headers(
    closed: httpx.AsyncClient,
) -> None:
    answer = run(closed.get("/review", headers={"accept": "text/html"}))
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")
    # the page of a problem runs no script at all
    assert "script-src" not in answer.headers["content-security-policy"]
    to_program = run(closed.get("/review"))
    assert "script-src 'self'" in to_program.headers["content-security-policy"]
    for one in (answer, to_program):
        assert "default-src 'none'" in one.headers["content-security-policy"]
        assert "unsafe" not in one.headers["content-security-policy"]
        assert one.headers["x-content-type-options"] == "nosniff"


def test_an_id_of_the_caller_is_kept_and_one_that_would_break_a_log_is_not(
    closed: httpx.AsyncClient,
) -> None:
    kept = run(closed.get("/healthz", headers={"x-request-id": "a-1.b"}))
    assert kept.headers["x-request-id"] == "a-1.b"
    replaced = run(closed.get("/healthz", headers={"x-request-id": "a b" * 99}))
    assert replaced.headers["x-request-id"].isalnum()
