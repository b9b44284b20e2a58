"""The address that makes one-time addresses for people."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from shelfwise.review.pages.forms import first, read_filter, read_form
from shelfwise.review.pages.rendering import page
from shelfwise.review.pages.visitors import check_lead
from shelfwise.review.people import People
from shelfwise.review.workspace import Workspace


def people_router(workspace: Workspace, people: People) -> APIRouter:
    """The page that a lead gives a colleague's address from."""
    router = APIRouter(prefix="/review", include_in_schema=False)

    @router.post("/people")
    async def invite(request: Request) -> HTMLResponse:
        check_lead(request)
        form = await read_form(request)
        name = first(form, "name")
        made = people.invite(name, first(form, "role", "reviewer"))
        # shown here and nowhere else: an address in a redirect would stand in the browser's history
        answer = page(
            workspace,
            request,
            "invitation.html.j2",
            read_filter(request),
            title="An address for a colleague",
            name=" ".join(name.split()),
            made=made,
        )
        answer.headers["cache-control"] = "no-store"
        return answer

    return router
