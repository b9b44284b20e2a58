"""The review pages as an ASGI application, behind the same checks as the service."""

from __future__ import annotations

import logging
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from shelfwise.errors import ShelfwiseError
from shelfwise.review.pages.model_routes import model_router
from shelfwise.review.pages.people_routes import people_router
from shelfwise.review.pages.reason_routes import reason_router
from shelfwise.review.pages.rendering import error_page
from shelfwise.review.pages.routes import review_router
from shelfwise.review.people import People
from shelfwise.review.reasons import Reasons
from shelfwise.review.retraining.model_changes import ModelChanges
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.access_control import Access, AccessControl, Area
from shelfwise.service.access.host_names import LOOPBACK_HOSTS
from shelfwise.service.access.security_headers import SecurityHeaders
from shelfwise.service.access.sessions import Role, Sessions
from shelfwise.service.answers.problems import MEDIA_TYPE, Problem, request_id_of
from shelfwise.service.requests.request_ids import RequestIds

log = logging.getLogger("shelfwise")

STATIC = Path(__file__).parent / "static"
PEOPLE: frozenset[Role] = frozenset({"reviewer", "lead"})


def review_access(sessions: Sessions, hosts: frozenset[str] = frozenset()) -> Access:
    """Pages for people with a session only; styles and scripts for everyone."""
    areas = (Area("/", PEOPLE), Area("/review/static"))
    return Access(LOOPBACK_HOSTS | hosts, {}, areas, sessions, "/review")


def create_review_app(
    workspace: Workspace, access: Access, changes: ModelChanges, reasons: Reasons, people: People
) -> FastAPI:
    """The application around one workspace.

    Args:
        changes: of the workspace's model; whoever made it closes it.
        reasons: of the model's suggestions.
        people: who has an address, and how more are made.
    """
    app = FastAPI(title="shelfwise review", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.changes = changes
    app.state.people = people
    app.include_router(model_router(changes))
    app.include_router(reason_router(workspace, reasons))
    app.include_router(people_router(workspace, people))
    app.include_router(review_router(workspace))
    # the colours are those of the service's pages
    shared: list[str | tuple[str, str]] = [("shelfwise.service", "static")]
    app.mount("/review/static", StaticFiles(directory=STATIC, packages=shared), "static")

    @app.get("/")
    def home() -> Response:
        return RedirectResponse("/review", 303)

    app.exception_handler(Problem)(_as_problem)
    app.exception_handler(RequestValidationError)(_as_problem)
    app.exception_handler(HTTPException)(_as_problem)
    app.exception_handler(ShelfwiseError)(_as_problem)
    # the last added is the first to see a request
    app.add_middleware(AccessControl, access=access)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestIds)
    return app


async def _as_problem(request: Request, error: Exception) -> Response:
    """What stands against a request, as a page or as JSON."""
    unknown = isinstance(error, HTTPException) and error.status_code == 404
    if unknown or isinstance(error, RequestValidationError):
        error = Problem(404, "no-such-page", "there is no such page; go to /review")
    elif isinstance(error, HTTPException):
        error = Problem(error.status_code, "not-possible", str(error.detail))
    elif not isinstance(error, Problem):
        # the disk is full, say: the sentence tells what to do
        error = Problem(503, "not-saved", str(error))
    identity = request_id_of(request.scope)
    headers = dict(error.headers)
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(error_page(error, identity), error.status, headers)
    return JSONResponse(error.to_dict(identity), error.status, headers, media_type=MEDIA_TYPE)
