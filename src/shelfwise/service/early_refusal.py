"""Refuses what would find the queue full before it is parsed, so that refusing does not slow answering."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from shelfwise.service.admission import Admission
from shelfwise.service.problems import send_problem

PATHS = frozenset({"/v1/categorize", "/v1/similar"})
"""Where every request wants a place in the queue; explanations have places of their own."""

ARRIVAL_SECONDS = 0.05
"""How long a body may take for its connection to be used again."""


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
        arrived = await _has_arrived(receive)
        # how many products it has is not known: only the request is counted
        problem = self.admission.refusal("queue")
        await send_problem(problem, scope, receive, send, body_read=arrived)


async def _has_arrived(receive: Receive) -> bool:
    """Whether the whole body is here; its connection can then be used again."""
    try:
        message = await asyncio.wait_for(receive(), ARRIVAL_SECONDS)
    except TimeoutError:
        return False
    return not message.get("more_body", False)
