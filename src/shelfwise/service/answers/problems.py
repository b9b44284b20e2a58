"""Errors as ``application/problem+json`` (RFC 9457). What a caller sent is never repeated."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"

LINGER_SECONDS = 2.0
"""How long the rest of a refused body is read and thrown away, so that its sender sees the answer."""


# not frozen: Python writes the traceback into an exception
@dataclasses.dataclass(eq=False)
class Problem(Exception):
    """Why a request is not answered.

    Args:
        status: the HTTP status.
        kind: a word for programs, such as ``queue-full``.
        detail: one or two sentences for people: what was expected, and the fix.
        field: the name of the field at fault, where it is one.
        index: the place of the product at fault in the request, from 0.
        headers: further headers of the answer.
    """

    status: int
    kind: str
    detail: str
    field: str | None = None
    index: int | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail

    def to_dict(self, request_id: str | None = None) -> dict[str, Any]:
        """The members of the problem, JSON-ready."""
        values: dict[str, Any] = {
            "type": f"urn:shelfwise:{self.kind}",
            "title": self.kind.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
        }
        optional = {"field": self.field, "index": self.index, "request_id": request_id}
        return values | {name: value for name, value in optional.items() if value is not None}


def request_id_of(scope: Scope) -> str | None:
    """The id that :class:`~shelfwise.service.requests.request_ids.RequestIds` gave the request."""
    identity: str | None = scope.get("state", {}).get("request_id")
    return identity


async def send_problem(
    problem: Problem, scope: Scope, receive: Receive, send: Send, body_read: bool = False
) -> None:
    """Answer with `problem`.

    Args:
        body_read: whether the request's body was read to its end. Where it was not, the answer is sent first,
            and then the rest of the body is thrown away for a moment: a connection that is closed on a sender
            in full flow takes the answer with it.
    """
    own, body = problem_answer(problem, scope)
    headers = {**own, "content-length": str(len(body))}
    if not body_read:
        # nothing more is read from whoever sends what is refused
        headers["connection"] = "close"
    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": lines})
    if body_read:
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        await asyncio.wait_for(_throw_away(receive), LINGER_SECONDS)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _throw_away(receive: Receive) -> None:
    """Read the body to its end and keep nothing of it."""
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


def problem_answer(problem: Problem, scope: Scope) -> tuple[dict[str, str], bytes]:
    """The headers and the body: a page for a browser, JSON for everyone else."""
    request_id = request_id_of(scope)
    accepted = dict(scope.get("headers", [])).get(b"accept", b"")
    if b"text/html" in accepted:
        # Jinja is for pages; most refused requests are programs'
        from shelfwise.service.answers.problem_page import problem_page

        headers, body = problem_page(problem.to_dict(request_id))
    else:
        values = problem.to_dict(request_id)
        headers = {"content-type": MEDIA_TYPE}
        body = json.dumps(values, ensure_ascii=False).encode()
    return headers | dict(problem.headers), body
