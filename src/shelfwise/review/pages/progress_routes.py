"""The addresses for progress: figures, automatic acceptance and exports."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from shelfwise.review.agreement import agreement
from shelfwise.review.database.second_opinions import to_settle
from shelfwise.review.exports.decision_files import EXPORTS, export
from shelfwise.review.pages.forms import address, first, read_filter, read_form
from shelfwise.review.pages.rendering import page
from shelfwise.review.pages.visitors import check_lead, visitor_of
from shelfwise.review.workspace import Workspace
from shelfwise.service.answers.problems import Problem


def add_progress_routes(router: APIRouter, workspace: Workspace) -> None:
    """The page, the switch and the exports of one workspace."""

    @router.get("/progress")
    def progress(request: Request) -> HTMLResponse:
        enabled, why = workspace.store.acceptance()
        opinions = workspace.opinions.all()
        return page(
            workspace,
            request,
            "progress.html.j2",
            read_filter(request),
            title="Progress",
            products=workspace.products,
            automatic=int(workspace.products.automatic.sum()),
            accepted=workspace.accepted_precision(),
            enabled=enabled,
            why=why,
            exports=EXPORTS,
            people=request.app.state.people,
            opinions=opinions,
            agreement=agreement(opinions),
            unsettled=to_settle(opinions, workspace.store.current()),
        )

    @router.post("/acceptance")
    async def acceptance(request: Request) -> Response:
        check_lead(request)
        form = await read_form(request)
        enabled = first(form, "enabled") == "yes"
        if enabled and workspace.products.promise is None:
            raise Problem(409, "no-limits", "this model has no acceptance limits; train it again")
        name = visitor_of(request).name
        workspace.store.switch_acceptance(
            enabled, f"turned {'on' if enabled else 'off'} by {name}", name
        )
        # what the sample has proven already counts at once
        workspace.check_promise()
        return RedirectResponse(address("/review/progress", read_filter(request)), 303)

    @router.get("/export")
    def download(request: Request) -> Response:
        check_lead(request)
        return export(workspace, request.query_params.get("format", ""))
