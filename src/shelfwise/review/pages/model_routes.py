"""The addresses for another model: train it, compare it, use it or keep the old one, bring one back."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from shelfwise.errors import ShelfwiseError
from shelfwise.review.pages.forms import address, first, page_start, read_filter, read_form
from shelfwise.review.pages.rendering import PAGE_ROWS, page
from shelfwise.review.pages.visitors import check_lead, visitor_of
from shelfwise.review.retraining.kept_models import kept_models
from shelfwise.review.retraining.model_changes import ModelChanges
from shelfwise.review.retraining.model_comparison import MIN_DIFFERING, MIN_PRODUCTS
from shelfwise.service.answers.problems import Problem

HOME = "/review/models"


def model_router(changes: ModelChanges) -> APIRouter:
    """The pages about the model of one review."""
    router = APIRouter(prefix=HOME, include_in_schema=False)
    _add_pages(router, changes)
    _add_actions(router, changes)
    return router


def _add_pages(router: APIRouter, changes: ModelChanges) -> None:
    workspace = changes.workspace

    @router.get("")
    def models(request: Request) -> HTMLResponse:
        return page(
            workspace,
            request,
            "models.html.j2",
            read_filter(request),
            title="Model",
            status=changes.status,
            training_data=changes.training_data(),
            why_not=changes.why_not(),
            kept=kept_models(changes.sources.model),
            events=changes.events.all(),
            used=workspace.products.model_digest,
            model=changes.sources.model,
            min_products=MIN_PRODUCTS,
            min_differing=MIN_DIFFERING,
        )

    @router.get("/changes")
    def changed(request: Request) -> Response:
        proposed = changes.status.proposed
        chosen = read_filter(request)
        if proposed is None:
            said = "No other model is proposed any more."
            return RedirectResponse(address(HOME, chosen, said=said), 303)
        start = page_start(request)
        rows = proposed.comparison.changed
        current = workspace.store.current()
        return page(
            workspace,
            request,
            "model_changes.html.j2",
            chosen,
            title="Products that change",
            products=workspace.products,
            after=proposed.products,
            found=len(rows),
            rows=rows[start : start + PAGE_ROWS],
            start=start,
            page_rows=PAGE_ROWS,
            decided_labels={
                row: current[workspace.products.ids[row]].after
                for row in rows[start : start + PAGE_ROWS]
                if workspace.queues.is_decided(row, current)
            },
        )


def _add_actions(router: APIRouter, changes: ModelChanges) -> None:
    def act(request: Request, do: Callable[[], str | None]) -> Response:
        """Do something that only a lead may do, and say what came of it."""
        check_lead(request)
        try:
            said = do() or ""
        except (Problem, ShelfwiseError) as error:
            # told on the page that the lead sees next, not as an error page
            said = f"Not done: {error}"
        more = {"said": said} if said else {}
        return RedirectResponse(address(HOME, read_filter(request), **more), 303)

    @router.post("/train")
    def train(request: Request) -> Response:
        return act(request, lambda: changes.train(visitor_of(request)))

    @router.post("/stop")
    def stop(request: Request) -> Response:
        return act(request, changes.stop)

    @router.post("/use")
    def use(request: Request) -> Response:
        return act(request, lambda: changes.use(visitor_of(request)))

    @router.post("/keep")
    def keep(request: Request) -> Response:
        return act(request, lambda: changes.keep(visitor_of(request)))

    @router.post("/load")
    async def load(request: Request) -> Response:
        """Compare another model with the one in use: one beside it, or the one that took its place."""
        form = await read_form(request)
        digest = first(form, "digest")
        known = {one.digest: one.folder for one in kept_models(changes.sources.model)}
        if digest and digest not in known:
            raise Problem(404, "no-such-model", "there is no such model beside the one in use")
        folder = known[digest] if digest else changes.sources.model
        return act(request, lambda: changes.look_at(folder))
