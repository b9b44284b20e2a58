"""Where a service needs a key, a person gives it once at ``/sign-in``, and a session keeps it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from shelfwise.service.access.access_control import SIGN_IN, Access
from shelfwise.service.page_templates import render


def sign_in_router(access: Access) -> APIRouter:
    """The page that takes a key.

    Args:
        access: has the sessions that are opened; where it has none, the page leads to the first one.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(SIGN_IN)
    def form() -> Response:
        # a bookmark of the time when the service had keys
        if access.sessions is None:
            return RedirectResponse(access.home, 303)
        return HTMLResponse(_page())

    @router.post(SIGN_IN)
    async def enter(request: Request) -> Response:
        if access.sessions is None:
            return RedirectResponse(access.home, 303)
        sent = await request.form(max_files=0, max_fields=1)
        visitor = access.holder(str(sent.get("key", "")).strip().encode())
        # a key of another role opens nothing here, and is not told from a wrong one
        if visitor is None or visitor.role not in access.roles(access.home):
            return HTMLResponse(_page(problem="This key is not known here."), 401)
        # 303: the browser goes on with GET, and never sends the key again
        answer = RedirectResponse(access.home, 303)
        answer.headers["set-cookie"] = access.sessions.cookie(visitor)
        return answer

    return router


def _page(problem: str = "") -> str:
    return render("sign_in.html.j2", problem=problem)
