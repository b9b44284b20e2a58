"""Whether the service lives, whether it should get requests, what it is, and what it counts."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Response

from shelfwise import __version__
from shelfwise.service.answers.problems import Problem
from shelfwise.service.api_routes import problems
from shelfwise.service.engine.engine import Engine
from shelfwise.service.metrics import MEDIA_TYPE


def health_router(engine: Engine) -> APIRouter:
    """``/healthz``, ``/readyz``, ``/info`` and ``/metrics`` of a service."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @router.get("/readyz", responses=problems(503))
    async def readyz() -> dict[str, str]:
        """The service should get requests: a model is loaded, a worker is heard of, no end is near."""
        reason = engine.unready
        if reason is not None:
            raise Problem(503, reason, f"the service is not ready: {reason}")
        return {"status": "ready"}

    @router.get("/info", responses=problems(401, 403, 421, 503))
    async def info() -> dict[str, Any]:
        """The model, the limits and the version. No path and no key is in it."""
        # probes are titles of training products, which not every caller may see
        facts = {name: value for name, value in engine.facts.items() if name != "probes"}
        labels = facts.pop("labels")
        return {
            "version": __version__,
            "model": {**facts, "labels": len(labels)},
            "limits": engine.settings.model_dump(),
            "threads_per_worker": 1,
            "uptime_seconds": round(time.monotonic() - engine.started, 1),
        }

    @router.get("/metrics", response_class=Response, responses=problems(401, 403, 421))
    async def metrics() -> Response:
        """Everything that is counted, for Prometheus."""
        return Response(engine.metrics.text(), media_type=MEDIA_TYPE)

    return router
