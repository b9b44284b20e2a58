"""Refuses what would find the queue full before it is parsed, so that refusing does not slow answering."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from shelfwise.service.answers.problems import send_problem
from shelfwise.service.engine.admission import Admission

PATHS = frozenset({"/v1/categorize", "/v1/similar"})
"""Where every request wants a place in the queue; explanations have places of their own."""

ARRIVAL_SECONDS = 0.05
"""How long a body may take for its connection to be used again."""


class _Counted(msgspec.Struct):
    """A request of which nothing is read but how many products it has."""

    products: list[msgspec.Raw] = []
    product: msgspec.Raw = msgspec.Raw()


class EarlyRefusal:
    """ASGI middleware in front of everything that reads a request.

    Parsing a request that is then refused takes as long as parsing one that is answered. At twice the
    capacity that was half of the service's time.
    """

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self.app = app
        self.admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        wants_place = scope["type"] == "http" and scope["path"] in PATHS
        if not wants_place or not self.admission.is_full:
            await self.app(scope, receive, send)
            return
        # no route is looked up for it, and it is counted under its own all the same
        scope.setdefault("state", {})["route"] = scope["path"]
        body = await _arrived(receive)
        problem = self.admission.refusal("queue", 0 if body is None else _count_products(body))
        await send_problem(problem, scope, receive, send, body_read=body is not None)


async def _arrived(receive: Receive) -> bytes | None:
    """The whole body, whose connection can then be used again; None where it is still under way."""
    try:
        # no task is made for it, as wait_for would
        async with asyncio.timeout(ARRIVAL_SECONDS):
            message = await receive()
    except TimeoutError:
        return None
    if message["type"] != "http.request" or message.get("more_body", False):
        return None
    body: bytes = message.get("body", b"")
    return body


def _count_products(body: bytes) -> int:
    """How many products a refused request has, for the metrics; 0 where it is no JSON of ours.

    Values are skipped and not built, which costs far less than reading the request.
    """
    try:
        request = msgspec.json.decode(body, type=_Counted)
    # of bytes that are no text, or nested too deeply
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return 0
    return len(request.products) or (1 if bytes(request.product) else 0)
