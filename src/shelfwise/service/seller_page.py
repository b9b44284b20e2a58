"""The seller's page at ``/``: a form that shows the labels of one product, with their reasons."""

from __future__ import annotations

import json
import shlex
from importlib.resources import files
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from shelfwise.reports.probability_words import probability_word
from shelfwise.service.answers.problems import Problem
from shelfwise.service.api_routes import answered
from shelfwise.service.engine.engine import Engine
from shelfwise.service.page_templates import render
from shelfwise.service.requests.request_models import CategorizeRequest, ImageData, Product

EXAMPLES = (
    {"title": "Mug with a handle", "description": "Keeps tea warm, dishwasher safe."},
    {"title": "Running shoe", "description": "Light, with a cushioned sole for the road."},
    {"title": "Bedside lamp", "description": "A warm light beside the bed, with a shade of linen."},
)
"""Products to click, for whoever has none at hand."""

ASKED_FOR = {"title": "a title", "description": "a description", "image": "an image"}
"""Fields of the form, in words."""

STATIC = {"colours.css": "text/css", "seller.css": "text/css", "seller.js": "text/javascript"}
"""Files of the page, with their types."""


def seller_router(engine: Engine, *, needs_key: bool = False) -> APIRouter:
    """The page of a service.

    Args:
        needs_key: whether programs must send a key, which the page's examples then do.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def form(title: str = "", description: str = "") -> HTMLResponse:
        shown = {"title": title[:1_000], "description": description[:20_000]}
        return HTMLResponse(_page(shown, engine))

    @router.get("/colours.css")
    def colours() -> Response:
        return _static("colours.css")

    @router.get("/seller.css")
    def style() -> Response:
        return _static("seller.css")

    @router.get("/seller.js")
    def script() -> Response:
        return _static("seller.js")

    @router.post("/")
    async def labels(request: Request) -> HTMLResponse:
        sent = await request.form(max_files=1, max_fields=2)
        shown = {name: str(sent.get(name, "")) for name in ("title", "description")}
        picture = sent.get("picture")
        # a browser sends an empty file where none was chosen
        content = await picture.read() if isinstance(picture, UploadFile) else b""
        try:
            product = _product(shown, content)
            parts = {"picture": content} if content else {}
            found = await _labels(engine, request, product, parts)
        except Problem as problem:
            return HTMLResponse(_page(shown, engine, problem=problem.detail), problem.status)
        programs = _programs(shown, str(request.base_url).rstrip("/"), needs_key)
        page = _page(shown, engine, answer=found, **programs, **_not_given(found))
        return HTMLResponse(page)

    return router


async def _labels(
    engine: Engine, request: Request, product: Product, parts: dict[str, bytes]
) -> dict[str, Any]:
    """The answer for one product, with the members' scores where the model has members.

    Raises:
        Problem: there is no answer.
    """
    reasons = _has_reasons(engine)
    wanted: Literal["members", "none"] = "members" if reasons else "none"
    options = CategorizeRequest(products=[product], reasons=wanted).options()
    try:
        found, _ = await answered(engine, request, "categorize", [product], parts, options)
    except Problem as problem:
        # another model may have taken the place of one that has members
        if not reasons or problem.status != 501:
            raise
        options = CategorizeRequest(products=[product]).options()
        found, _ = await answered(engine, request, "categorize", [product], parts, options)
    only: dict[str, Any] = found[0]
    return only


def _has_reasons(engine: Engine) -> bool:
    """Whether the model has members, whose scores are its labels' reasons; one that is not loaded may."""
    try:
        return not engine.facts["exported"]
    except Problem:
        return True


def _read_fields(engine: Engine) -> list[str]:
    """The fields of the form that the model reads; all of them while it is not loaded."""
    try:
        read = engine.facts["fields"]
    except Problem:
        return list(ASKED_FOR)
    return [field for field in ASKED_FOR if field in read]


def _static(name: str) -> Response:
    content = files("shelfwise.service").joinpath("static", name).read_text("utf-8")
    return Response(content, media_type=STATIC[name])


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
        raise Problem(422, "nothing-given", "give a title, a description or an image")
    try:
        return Product(**given)
    except ValidationError:
        raise Problem(422, "invalid-field", "a text has 20,000 characters at most") from None


def _not_given(answer: dict[str, Any]) -> dict[str, list[str]]:
    """What the model reads and this product lacks: what the form asks for, and what only programs send."""
    missing = answer["missing_modalities"]
    asked_for = [words for field, words in ASKED_FOR.items() if field in missing]
    return {
        "asked_for": asked_for,
        "others": [field for field in missing if field not in ASKED_FOR],
    }


def _programs(shown: dict[str, str], address: str, needs_key: bool) -> dict[str, str]:
    """This request for the shell and for Python, without the picture.

    The key is never on the page: both programs read it from the environment.
    """
    product = {name: text for name, text in shown.items() if text.strip()}
    body = json.dumps({"products": [product]}, ensure_ascii=False)
    # a line of its own, so that a person sees where the key goes
    key_header = '    -H "authorization: Bearer $SHELFWISE_KEY" \\\n' if needs_key else ""
    curl = (
        f"curl {address}/v1/categorize -H 'content-type: application/json' \\\n"
        f"{key_header}    -d {shlex.quote(body)}"
    )
    key_import = "import os\n\n" if needs_key else ""
    key_argument = ', os.environ["SHELFWISE_KEY"]' if needs_key else ""
    python = (
        f"{key_import}from shelfwise.service.client import Client\n\n"
        f"client = Client({address!r}{key_argument})\n"
        f"[product] = client.categorize([{product!r}])\n"
        'print([label["name"] for label in product["labels"]])'
    )
    return {"curl": curl, "python": python}


def _page(shown: dict[str, str], engine: Engine, **values: Any) -> str:
    fields = _read_fields(engine)
    shared = {
        "shown": shown,
        "examples": EXAMPLES,
        "probability_word": probability_word,
        "reasons": _has_reasons(engine),
        "fields": fields,
        # what the form asks for beside the title
        "surer_with": [ASKED_FOR[field] for field in fields if field != "title"],
    }
    return render("seller.html.j2", **shared, **values)
