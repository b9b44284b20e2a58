"""The seller's page at ``/``: a form that shows the labels of one product, with their reasons."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from shelfwise.service.api_routes import answered
from shelfwise.service.engine import Engine
from shelfwise.service.problems import Problem
from shelfwise.service.request_models import CategorizeRequest, ImageData, Product

EXAMPLES = ("Mug with a handle", "Laces for boots", "Snare drum")
"""Titles to click, for whoever has no product at hand."""


def seller_router(engine: Engine) -> APIRouter:
    """The page of a service."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def form(title: str = "") -> HTMLResponse:
        return HTMLResponse(_page({"title": title[:1_000]}))

    @router.post("/")
    async def labels(request: Request) -> HTMLResponse:
        sent = await request.form(max_files=1, max_fields=2)
        shown = {name: str(sent.get(name, "")) for name in ("title", "description")}
        picture = sent.get("picture")
        content = await picture.read() if isinstance(picture, UploadFile) else b""
        try:
            product = _product(shown, content)
            options = CategorizeRequest(products=[product], reasons="members").options()
            files = {"picture": content} if content else {}
            found, _ = await answered(engine, request, "categorize", [product], files, options)
        except Problem as problem:
            return HTMLResponse(_page(shown, problem=problem.detail), problem.status)
        return HTMLResponse(_page(shown, answer=found[0]))

    return router


def sureness(score: float) -> str:
    """A probability in words."""
    if score >= 0.9:
        return "almost sure"
    return "likely" if score >= 0.7 else "perhaps"


def _product(shown: dict[str, str], content: bytes) -> Product:
    """The product of a form.

    Raises:
        Problem: nothing was given, or a text is too long.
    """
    given: dict[str, Any] = {name: text for name, text in shown.items() if text.strip()}
    if content:
        given["image"] = ImageData(part="picture")
    # an empty product would be labelled, too, and mislead
    if not given:
        raise Problem(422, "nothing-given", "give a title, a description or a picture")
    try:
        return Product(**given)
    except ValidationError:
        raise Problem(422, "invalid-field", "a text has 20,000 characters at most") from None


def _page(shown: dict[str, str], **values: Any) -> str:
    template = _templates().get_template("seller.html.j2")
    return template.render(shown=shown, examples=EXAMPLES, sureness=sureness, **values)


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.PackageLoader("shelfwise.service", "templates")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.ChainableUndefined)
