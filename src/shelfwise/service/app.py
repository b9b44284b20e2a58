"""The service as an ASGI application, to which rooms with pages add their routers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from shelfwise import __version__
from shelfwise.service.access.access_control import Access, AccessControl
from shelfwise.service.access.security_headers import SecurityHeaders
from shelfwise.service.answers.problems import Problem, problem_answer
from shelfwise.service.api_routes import api_router
from shelfwise.service.engine.engine import Engine
from shelfwise.service.health_routes import health_router
from shelfwise.service.requests.body_limits import BodyLimits
from shelfwise.service.requests.early_refusal import EarlyRefusal
from shelfwise.service.requests.request_ids import RequestIds
from shelfwise.service.requests.request_metrics import RequestMetrics
from shelfwise.service.requests.request_reading import invalid_field

IN_WORDS = {
    404: "there is nothing at this address; /openapi.json describes all that there is",
    405: "this address is not asked in this way; /openapi.json describes how",
}
"""What Starlette says in two words."""


def create_app(engine: Engine, access: Access, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """The application around `engine`, which must be started and closed by whoever made it.

    Args:
        access: who may call what.
        routers: of pages. A page asks the queue with :func:`~shelfwise.service.engine.submit.submit`.
    """
    # pages of FastAPI's own load scripts from elsewhere, which our policy forbids
    app = FastAPI(
        title="shelfwise",
        version=__version__,
        description="Puts products on all of their shelves.",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(engine),
    )
    app.include_router(health_router(engine))
    app.include_router(api_router(engine))
    for router in routers:
        app.include_router(router)
    app.exception_handler(RequestValidationError)(_as_problem)
    app.exception_handler(HTTPException)(_as_problem)
    app.exception_handler(Exception)(_as_problem)
    # the last added is the first to see a request
    app.add_middleware(BodyLimits, settings=engine.settings)
    app.add_middleware(EarlyRefusal, admission=engine.admission)
    app.add_middleware(AccessControl, access=access)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestIds)
    app.add_middleware(RequestMetrics, metrics=engine.metrics)
    return app


def _lifespan(engine: Engine):  # type: ignore[no-untyped-def]
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.close()

    return lifespan


async def _as_problem(request: Request, error: Exception) -> Response:
    """FastAPI's own errors in our form, without what was sent."""
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        # the place begins with where the value stood: query or path
        problem = invalid_field(tuple(first["loc"][1:]), first["msg"], len(error.errors()))
    elif isinstance(error, HTTPException):
        kind = str(error.detail).lower().replace(" ", "-")
        detail = IN_WORDS.get(error.status_code, str(error.detail))
        problem = Problem(error.status_code, kind, detail)
        problem.headers = error.headers or {}
    else:
        problem = Problem(500, "internal", "a fault of the service; its log has the reason")
    headers, body = problem_answer(problem, request.scope)
    return Response(body, problem.status, headers)
