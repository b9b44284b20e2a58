"""The routes under ``/v1``: categorize, similar, explain, labels, models."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from shelfwise.model.bundle_reader import MANIFEST
from shelfwise.service.answers import examples
from shelfwise.service.answers.answer_models import (
    CategorizeAnswer,
    ExplainAnswer,
    LabelsAnswer,
    ProblemAnswer,
    SimilarAnswer,
)
from shelfwise.service.answers.problems import MEDIA_TYPE, Problem
from shelfwise.service.engine.admission import Answer, Job, Task
from shelfwise.service.engine.engine import Engine
from shelfwise.service.engine.submit import submit
from shelfwise.service.requests.request_models import (
    CategorizeRequest,
    ExplainRequest,
    ModelRequest,
    Product,
    SimilarRequest,
)
from shelfwise.service.requests.request_reading import (
    deadline_seconds,
    read_request,
    worker_products,
)

Body = TypeVar("Body", bound=BaseModel)

_REASONS = {
    400: "Not JSON, or a header that cannot be read",
    401: "No key, or a wrong one",
    403: "Not for this key, or sent by another site's page",
    404: "Nothing of that name",
    408: "The body took too long",
    409: "Another change is under way",
    413: "The body is too large",
    415: "Neither JSON nor multipart",
    421: "The header Host is not ours",
    422: "A field is not as it should be",
    429: "Too much to do; Retry-After tells when to come back",
    500: "A fault of the service",
    501: "The model cannot do this",
    503: "Loading, ending, or no worker; Retry-After tells when to come back",
    504: "The time is over",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The description of these errors, for the API's description."""
    content = {MEDIA_TYPE: {"schema": ProblemAnswer.model_json_schema()}}
    return {status: {"description": _REASONS[status], "content": content} for status in statuses}


_REFUSED = problems(400, 401, 403, 408, 413, 415, 421, 422, 429, 500, 501, 503, 504)
"""What any request with products may meet."""


def body_of(model: type[BaseModel], named: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a request's body; it is read by hand, so FastAPI does not know it."""
    schema = model.model_json_schema(
        ref_template=f"#/components/schemas/{model.__name__}.{{model}}"
    )
    # references point into the schema itself
    text_schema = _inlined(schema, schema.pop("$defs", {}), model.__name__)
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": text_schema, "examples": dict(named)},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "request": {**text_schema, "description": "the JSON, as above"}
                        },
                        "required": ["request"],
                    }
                },
            },
        }
    }


def api_router(engine: Engine) -> APIRouter:
    """The routes under ``/v1`` of a service."""
    router = APIRouter(prefix="/v1")
    for add in (_add_categorize, _add_similar, _add_explain, _add_labels, _add_models):
        add(router, engine)
    return router


def _add_categorize(router: APIRouter, engine: Engine) -> None:
    @router.post(
        "/categorize",
        response_model=CategorizeAnswer,
        responses=_REFUSED,
        openapi_extra=body_of(CategorizeRequest, examples.CATEGORIZE),
    )
    async def categorize(request: Request) -> Any:
        """Label products. All of them are labelled, or none."""
        body, files = await read_request(request, CategorizeRequest, engine.settings)
        answers, timing = await answered(
            engine, request, "categorize", body.products, files, body.options()
        )
        _count(engine, answers)
        content = {"model": _version(engine), "products": answers, "timing": timing}
        # what a worker answers is as the description says, which a test checks and not every request
        return Response(msgspec.json.encode(content), media_type="application/json")


def _add_similar(router: APIRouter, engine: Engine) -> None:
    @router.post(
        "/similar",
        response_model=SimilarAnswer,
        responses=_REFUSED,
        openapi_extra=body_of(SimilarRequest, examples.SIMILAR),
    )
    async def similar(request: Request) -> Any:
        """Find the training products most like a product."""
        body, files = await read_request(request, SimilarRequest, engine.settings)
        options = {"k": body.k}
        answers, timing = await answered(engine, request, "similar", [body.product], files, options)
        found = {name: answers[0][name] for name in ("similar", "warnings")}
        return {"model": _version(engine), **found, "timing": timing}


def _add_explain(router: APIRouter, engine: Engine) -> None:
    @router.post(
        "/explain",
        response_model=ExplainAnswer,
        responses=_REFUSED,
        openapi_extra=body_of(ExplainRequest, examples.EXPLAIN),
    )
    async def explain(request: Request) -> Any:
        """Tell why a product gets its labels."""
        body, files = await read_request(request, ExplainRequest, engine.settings)
        options = {"evidence": body.evidence}
        answers, timing = await answered(engine, request, "explain", [body.product], files, options)
        return {"model": _version(engine), **answers[0], "timing": timing}


def _add_labels(router: APIRouter, engine: Engine) -> None:
    @router.get(
        "/labels",
        response_model=LabelsAnswer,
        responses=problems(401, 403, 421, 422, 503),
    )
    async def labels(
        q: Annotated[str, Query(max_length=200, description="a part of the name")] = "",
        parent: Annotated[str | None, Query(max_length=1_000, description="directly below")] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    ) -> Any:
        """List the labels that the model can give."""
        part = q.casefold()
        found = []
        for one in engine.facts["labels"]:
            if parent is not None and parent not in one["parents"]:
                continue
            if part in one["name"].casefold():
                found.append(one)
        # cut after filtering, so that the total counts all that were found
        page = found[offset : offset + limit]
        return {"model": _version(engine), "labels": page, "total": len(found)}


def _add_models(router: APIRouter, engine: Engine) -> None:
    @router.post(
        "/models",
        status_code=202,
        responses=problems(400, 401, 403, 404, 408, 409, 413, 415, 421, 422, 429, 503),
        openapi_extra=body_of(ModelRequest, examples.CHANGE_MODEL),
    )
    async def change_model(request: Request) -> dict[str, Any]:
        """Change to another model while this one serves. Needs the administrator's key."""
        body, _ = await read_request(request, ModelRequest, engine.settings)
        return engine.change_model(_model_folder(engine.models_root, body.path)).to_dict()

    @router.get("/models/current", responses=problems(401, 403, 404, 421, 503))
    async def last_change() -> dict[str, Any]:
        """How far the last change of the model is."""
        change = None if engine.swap is None else engine.swap.to_dict()
        return {"serving": _version(engine), "change": change}


async def answered(
    engine: Engine,
    request: Request,
    task: Task,
    products: list[Product],
    files: Mapping[str, bytes],
    options: Mapping[str, Any],
) -> tuple[list[Answer], dict[str, float]]:
    """The answers for all products, and where the time went.

    Raises:
        Problem: one of them cannot be answered, or all of them.
        DisconnectedError: the caller is gone.
    """
    seconds = deadline_seconds(request, engine.settings)
    columns = engine.facts["columns"]
    sent = worker_products(products, files, columns, engine.settings)
    engine.check_ready()
    job = Job.of(task, sent, options, seconds)
    # the time runs from the request's first byte
    job.deadline -= time.monotonic() - request.state.arrived
    answers = await submit(engine.admission, job, request.receive)
    for index, answer in enumerate(answers):
        if "problem" in answer:
            raise Problem(**{"index": index, **answer["problem"]})
    timing = {
        "queue_ms": round(1000 * job.queue_seconds, 3),
        "inference_ms": round(1000 * job.inference_seconds, 3),
    }
    return answers, timing


def _count(engine: Engine, answers: list[Answer]) -> None:
    """Count what was decided."""
    metrics = engine.metrics
    for answer in answers:
        for name in answer["missing_modalities"]:
            metrics.missing.labels(name).inc()
        for one in answer["rejected"]:
            metrics.images_refused.inc(one["field"] == "image")
        for given in answer["labels"]:
            metrics.labels.labels(given["queue"] or "none").inc()
        if answer["novelty"] is not None:
            metrics.novelty.observe(answer["novelty"])


def _version(engine: Engine) -> dict[str, str]:
    facts = engine.facts
    return {"digest": facts["digest"], "preset": facts["preset"]}


def _model_folder(root: Path | None, path: str) -> Path:
    """The folder of a model that may be changed to.

    Raises:
        Problem: 403, none may; 404, there is no such model below the root.
    """
    if root is None:
        raise Problem(
            403, "no-models-root", "start the service with --models-root DIR to change models"
        )
    # no name of a file: one with a NUL, or too long
    try:
        # links that lead out are followed before the comparison
        folder = (root / path).resolve()
        inside = folder.is_relative_to(root.resolve()) and folder != root.resolve()
        found = inside and (folder / MANIFEST).is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        raise Problem(
            404, "no-such-model", "there is no model of that name below --models-root", field="path"
        )
    return folder


def _inlined(value: Any, definitions: Mapping[str, Any], prefix: str) -> Any:
    """A JSON schema with its definitions in the places that refer to them."""
    if isinstance(value, list):
        return [_inlined(one, definitions, prefix) for one in value]
    if not isinstance(value, dict):
        return value
    # what stands beside a reference goes before what it refers to
    if "$ref" in value:
        name = value["$ref"].rpartition(f"{prefix}.")[2]
        merged = {**definitions[name], **value}
        del merged["$ref"]
        return _inlined(merged, definitions, prefix)
    return {name: _inlined(one, definitions, prefix) for name, one in value.items()}
