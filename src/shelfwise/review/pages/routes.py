"""The addresses of the review pages. All of them work as plain forms, without script."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from shelfwise.errors import LabelError, StorageError
from shelfwise.review.database.decision_rows import ConflictError, Labels, State
from shelfwise.review.pages.forms import (
    Form,
    address,
    chosen_names,
    first,
    number,
    page_start,
    read_filter,
    read_form,
)
from shelfwise.review.pages.pictures import picture
from shelfwise.review.pages.progress_routes import add_progress_routes
from shelfwise.review.pages.rendering import PAGE_ROWS, Unsaved, page, product_page
from shelfwise.review.pages.visitors import check_lead, visitor_of
from shelfwise.review.queues import Filter
from shelfwise.review.workspace import Workspace
from shelfwise.service.answers.problems import Problem

VERDICTS: dict[str, State] = {
    "accept": "decided",
    "save": "decided",
    "skip": "skipped",
    "unsure": "unsure",
}

_KEY = re.compile(r"[\w-]{8,80}")


def review_router(workspace: Workspace) -> APIRouter:
    """The pages of one workspace."""
    router = APIRouter(prefix="/review", include_in_schema=False)
    _add_product_routes(router, workspace)
    _add_list_routes(router, workspace)
    _add_bulk_routes(router, workspace)
    _add_undo_routes(router, workspace)
    add_progress_routes(router, workspace)
    return router


def _add_product_routes(router: APIRouter, workspace: Workspace) -> None:
    @router.get("")
    def begin(request: Request) -> Response:
        """The first product that waits."""
        return _next(workspace, request, read_filter(request), None)

    @router.get("/p/{row}")
    def product(request: Request, row: int) -> HTMLResponse:
        _check_row(workspace, row)
        # colleagues are led past it from here on
        workspace.open_products.open(row, visitor_of(request).name)
        return product_page(workspace, request, row, read_filter(request))

    @router.get("/image/{row}")
    def image(row: int) -> Response:
        _check_row(workspace, row)
        return picture(workspace.products.catalog, row)

    @router.post("/p/{row}/decisions")
    async def decide(request: Request, row: int) -> Response:
        _check_row(workspace, row)
        form = await read_form(request)
        # the model is not changed between what is checked and what is kept
        with workspace.lock:
            return _decide(workspace, request, row, form)


def _decide(workspace: Workspace, request: Request, row: int, form: Form) -> Response:
    """Keep a decision and go on to the next product, or show what stands against it."""
    chosen = read_filter(request)
    verdict = first(form, "verdict", "save")
    if verdict not in VERDICTS:
        raise Problem(422, "unknown-verdict", f"a verdict is one of {', '.join(VERDICTS)}")
    key = first(form, "request_key")
    # without it a page that is sent twice would be two decisions
    if not _KEY.fullmatch(key):
        raise Problem(
            422, "no-request-key", "the field request_key is missing", field="request_key"
        )
    names = chosen_names(form, workspace.label_names)
    # nobody decides on suggestions that were not on the screen; what was kept is answered as before
    shown = first(form, "model", workspace.products.model_digest)
    if shown != workspace.products.model_digest and not workspace.store.is_kept(key):
        return product_page(workspace, request, row, chosen, Unsaved(_named(names), newer=True))
    if verdict == "accept":
        names = list(workspace.products.suggestion(row))
    rows = [row]
    # those that somebody has decided about stay as they are
    if "copies" in form:
        waiting = workspace.store.current()
        copies = workspace.products.copies_of(row)
        rows += [one for one in copies if not workspace.queues.is_decided(one, waiting)]
    try:
        labels = workspace.closed(names)
    except LabelError as error:
        known = tuple(form.get("label", []))
        return product_page(workspace, request, row, chosen, Unsaved(known, str(error)))
    state = VERDICTS[verdict]
    if "second" in form:
        return _second_opinion(workspace, request, row, labels, form)
    try:
        seen = number(form, "seen")
        workspace.decide(rows, labels, seen, key, chosen.queue, visitor_of(request), state)
    except ConflictError as conflict:
        unsaved = Unsaved(labels, theirs=conflict.theirs)
        return product_page(workspace, request, row, chosen, unsaved)
    done = {"decided": "Saved", "skipped": "Skipped", "unsure": "Left for a second look"}[state]
    more = f" with {len(rows) - 1} look-alikes" if len(rows) > 1 else ""
    return _next(workspace, request, chosen, row, f"{done}{more}: {workspace.products.titles[row]}")


def _second_opinion(
    workspace: Workspace, request: Request, row: int, labels: Labels, form: Form
) -> Response:
    """Keep what a second person made of a product, and go on."""
    chosen = read_filter(request)
    state = VERDICTS[first(form, "verdict", "save")]
    # whoever is not sure says nothing; the product waits for another person
    if state != "decided":
        return _next(workspace, request, chosen, row, "Left for another person")
    visitor = visitor_of(request)
    key = first(form, "request_key")
    if not workspace.give_second_opinion(row, labels, number(form, "second"), key, visitor):
        said = "Nothing was saved: an answer was kept or changed meanwhile. Decide now."
        return _to(address(f"/review/p/{row}", chosen, said=said))
    title = workspace.products.titles[row]
    return _next(workspace, request, chosen, row, f"Saved as a second opinion: {title}")


def _named(names: Iterable[str]) -> tuple[str, ...]:
    """Names without blanks around them, each once."""
    return tuple(sorted({name.strip() for name in names} - {""}))


def _add_list_routes(router: APIRouter, workspace: Workspace) -> None:
    @router.get("/list")
    def products(request: Request) -> HTMLResponse:
        chosen = read_filter(request)
        current = workspace.store.current()
        person = workspace.for_person(visitor_of(request).name, current)
        rows = workspace.queues.rows(chosen, current, person)
        start = page_start(request)
        shown = rows[start : start + PAGE_ROWS]
        # whoever is to give a second opinion does not see the first
        labels = {row: workspace.labels_of(row, current) for row in shown}
        for row in person.second_looks:
            labels[row] = workspace.products.starting_labels(row)
        return page(
            workspace,
            request,
            "list.html.j2",
            chosen,
            title="Products",
            products=workspace.products,
            found=len(rows),
            rows=shown,
            start=start,
            page_rows=PAGE_ROWS,
            labels=labels,
            person=person,
            is_decided=lambda row: workspace.queues.is_decided(row, current),
        )


def _add_bulk_routes(router: APIRouter, workspace: Workspace) -> None:
    @router.post("/bulk")
    def preview(request: Request) -> HTMLResponse:
        check_lead(request)
        chosen = read_filter(request)
        token, found = workspace.preview_bulk(chosen)
        return page(
            workspace,
            request,
            "bulk.html.j2",
            chosen,
            title="Accept many",
            products=workspace.products,
            rows=found.rows[:20],
            found=len(found.rows),
            token=token,
        )

    @router.post("/bulk/{token}")
    def confirm(request: Request, token: str) -> Response:
        check_lead(request)
        chosen = read_filter(request)
        try:
            with workspace.lock:
                kept = workspace.confirm_bulk(token, visitor_of(request))
        except ConflictError as conflict:
            said = f"Nothing was saved: {conflict}. Preview again."
            return _to(address("/review/list", chosen, said=said))
        if kept is None:
            said = "Nothing was saved: the preview is too old. Preview again."
        else:
            said = f"Saved {len(kept)} products"
        return _to(address("/review/list", chosen, said=said))


def _add_undo_routes(router: APIRouter, workspace: Workspace) -> None:
    @router.post("/decisions/{identity}/undo")
    def undo(request: Request, identity: int) -> Response:
        visitor = visitor_of(request)
        try:
            undone = workspace.store.undo(identity, visitor.name, visitor.role, f"undo-{identity}")
        except (ConflictError, StorageError) as error:
            return _to(address("/review/history", read_filter(request), said=str(error)))
        return undone_page(request, undone.product)

    @router.post("/second-opinions/{identity}/undo")
    def take_back(request: Request, identity: int) -> Response:
        visitor = visitor_of(request)
        opinion = workspace.opinions.take_back(identity, (visitor.name, visitor.role))
        if opinion is None:
            said = "Nothing was undone: you have no such second opinion, or took it back before"
            return _to(address("/review", read_filter(request), said=said))
        return undone_page(request, opinion.product)

    def undone_page(request: Request, product: str) -> Response:
        row = workspace.products.row_of.get(product)
        if row is None:
            return _to(address("/review/history", read_filter(request), said="Undone"))
        said = f"Undone: {workspace.products.titles[row]}"
        return _to(address(f"/review/p/{row}", read_filter(request), said=said))

    @router.get("/history")
    def history(request: Request) -> HTMLResponse:
        person = workspace.for_person(visitor_of(request).name, workspace.store.current())
        # who is to give a second opinion must not see the first
        unseen = {workspace.products.ids[row] for row in person.second_looks}
        rows = [row for row in workspace.store.history() if row.product not in unseen]
        taken_back = {row.undoes for row in workspace.store.all_decisions() if row.undoes}
        chosen = read_filter(request)
        return page(
            workspace,
            request,
            "history.html.j2",
            chosen,
            title="History",
            rows=rows,
            taken_back=taken_back,
            products=workspace.products,
        )


def _next(
    workspace: Workspace, request: Request, chosen: Filter, after: int | None, said: str = ""
) -> Response:
    """On to the next product, or to the page that says that none waits."""
    name = visitor_of(request).name
    # whoever goes on is done with what they had open
    workspace.open_products.leave(name)
    current = workspace.store.current()
    person = workspace.for_person(name, current)
    row = workspace.queues.next_row(chosen, current, after, person)
    said = said or request.query_params.get("said", "")
    more = {"said": said} if said else {}
    if row is not None:
        return _to(address(f"/review/p/{row}", chosen, **more))
    if after is not None:
        return _to(address("/review", chosen, **more))
    waiting = workspace.queues.rows(chosen, current, person)
    held = [person.elsewhere[one] for one in waiting if one in person.elsewhere]
    return page(workspace, request, "empty.html.j2", chosen, title="Nothing waits", held=held)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


def _check_row(workspace: Workspace, row: int) -> None:
    if not 0 <= row < len(workspace.products):
        raise Problem(404, "no-product", "the catalogue has no product in this row")
