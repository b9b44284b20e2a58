"""The address of the page that says why a product gets its labels."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from shelfwise.explain.occlusion import Word
from shelfwise.review.pages.forms import read_filter
from shelfwise.review.pages.rendering import page
from shelfwise.review.reasons import Reasons
from shelfwise.review.workspace import Workspace
from shelfwise.service.answers.problems import Problem

MAX_WORDS = 8
"""Words shown of a label: those that change its score most."""

LEAST_WEIGHT = 0.005
"""Words that change a score less are not shown."""


def reason_router(workspace: Workspace, reasons: Reasons) -> APIRouter:
    """The page about one product's reasons."""
    router = APIRouter(prefix="/review", include_in_schema=False)

    @router.get("/p/{row}/reasons")
    def why(request: Request, row: int) -> HTMLResponse:
        products = workspace.products
        if not 0 <= row < len(products):
            raise Problem(404, "no-product", "the catalogue has no product in this row")
        # takes seconds the first time, so it is a page of its own
        found = reasons.of(products, row)
        listed = sorted(found.reasons.items(), key=lambda one: -one[1].score)
        return page(
            workspace,
            request,
            "reasons.html.j2",
            read_filter(request),
            title=f"Why: {products.titles[row]}",
            row=row,
            products=products,
            reasons=listed,
            words={name: _strongest(reason.words) for name, reason in listed},
            suggested=products.suggestion(row),
            is_trained=products.ids[row] in products.training_ids,
        )

    return router


def _strongest(words: tuple[Word, ...]) -> list[Word]:
    """The words that change a score most, the strongest first."""
    found = [word for word in words if abs(word.weight) >= LEAST_WEIGHT]
    return sorted(found, key=lambda word: -abs(word.weight))[:MAX_WORDS]
