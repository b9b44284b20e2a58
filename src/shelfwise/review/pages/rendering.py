"""The review pages, written by templates. Everything that a catalogue holds is escaped."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse

from shelfwise.reports.page_values import moment, signed
from shelfwise.reports.probability_words import probability_word
from shelfwise.review.database.decision_rows import Decision, Labels
from shelfwise.review.database.second_opinions import SecondOpinion
from shelfwise.review.pages.forms import address
from shelfwise.review.pages.pictures import shows_more_than_the_model_sees
from shelfwise.review.queues import PURPOSE, QUEUES, TITLES, Filter
from shelfwise.review.workspace import Workspace
from shelfwise.service.answers.problems import Problem
from shelfwise.service.page_templates import sentence

SHOWN_COPIES = 12

KEY_ACTIONS = (
    ("accept", "Accept the suggestion"),
    ("skip", "Skip"),
    ("unsure", "Not sure"),
    ("undo", "Undo"),
    ("add", "Add a category"),
    ("next", "Next, without deciding"),
    ("previous", "Previous"),
    ("help", "Show the keys"),
)
"""What a single key does, under the names of ``keys.js``."""

PAGE_ROWS = 50
"""Rows on one page of a list."""


@dataclass(frozen=True)
class Unsaved:
    """A decision that was not kept, and why.

    Args:
        labels: what the person had ticked.
        problem: a label that nobody knows, in words.
        theirs: the decision of somebody who was faster.
        newer: the model was changed since the page was shown.
    """

    labels: Labels
    problem: str = ""
    theirs: Decision | None = None
    newer: bool = False

    @property
    def status(self) -> int:
        """Of the answer."""
        return 422 if self.problem else 409


@lru_cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("shelfwise.review", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sure"] = probability_word
    environment.filters["sentence"] = sentence
    environment.filters["signed"] = signed
    environment.filters["moment"] = moment
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    environment.filters["points"] = lambda share: f"{100 * share:+.1f}"
    environment.filters["megabytes"] = lambda size: f"{size / 1e6:,.1f} MB"
    environment.globals.update(address=address, queue_titles=TITLES, queue_purpose=PURPOSE)
    return environment


def render(
    workspace: Workspace, request: Request, template: str, chosen: Filter, **values: Any
) -> str:
    """A page with the bar of queues on top."""
    current = workspace.store.current()
    counts = {queue: workspace.queues.progress(queue, current) for queue in QUEUES}
    visitor = request.state.visitor
    shared = {
        "visitor": visitor,
        "chosen": chosen,
        "counts": counts,
        "precision": workspace.queues.precision(current),
        "undo_path": _undo_path(workspace.last_to_undo(visitor.name)),
        "label_names": workspace.label_names[:3000],
        "said": request.query_params.get("said", ""),
        "request_path": request.url.path,
        "changes": request.app.state.changes,
        "source": workspace.products.catalog.source.rpartition("/")[2],
        "title": "Review",
    }
    return _templates().get_template(template).render({**shared, **values})


def _undo_path(last: Decision | SecondOpinion | None) -> str | None:
    """Where a person takes back what they decided last."""
    if last is None:
        return None
    kind = "second-opinions" if isinstance(last, SecondOpinion) else "decisions"
    return f"/review/{kind}/{last.id}/undo"


def product_page(
    workspace: Workspace,
    request: Request,
    row: int,
    chosen: Filter,
    unsaved: Unsaved | None = None,
) -> HTMLResponse:
    """One product, to be decided.

    Args:
        unsaved: a decision that was not kept.
    """
    products = workspace.products
    current = workspace.store.current()
    name = request.state.visitor.name
    person = workspace.for_person(name, current)
    latest = current.get(products.ids[row])
    # of what somebody else has decided a second person sees nothing
    hidden = latest if row in person.second_looks else None
    if hidden is not None:
        latest = None
        current = {key: one for key, one in current.items() if key != products.ids[row]}
    # what a person ticked is never lost
    labels = _labels_at_first(workspace, row, current) if unsaved is None else unsaved.labels
    candidates = products.shown(row)
    known = {candidate.name for candidate in candidates}
    rows = workspace.queues.rows(chosen, current, person)
    copies = [
        one
        for one in products.copies_of(row)
        if hidden is None and not workspace.queues.is_decided(one, current)
    ]
    opinions = {one.product: one for one in workspace.opinions.all()}
    page = render(
        workspace,
        request,
        "product.html.j2",
        chosen,
        title=products.titles[row],
        row=row,
        products=products,
        candidates=candidates,
        checked=frozenset(labels),
        further_labels=[name for name in labels if name not in known],
        suggestion=products.suggestion(row),
        several_frames=shows_more_than_the_model_sees(products.catalog, row),
        latest=latest,
        changed_since=_is_decided(latest) and latest.fingerprint != products.fingerprint(row),
        history=[] if hidden else workspace.store.history(products.ids[row]),
        second_look=None if hidden is None else hidden.id,
        opinion=None if latest is None else opinions.get(latest.product),
        holder=workspace.open_products.holder(row, name),
        copies=copies[:SHOWN_COPIES],
        steps=_steps(rows, row),
        key_actions=KEY_ACTIONS,
        request_key=secrets.token_urlsafe(16),
        unsaved=unsaved,
    )
    return HTMLResponse(page, 200 if unsaved is None else unsaved.status)


def _is_decided(latest: Decision | None) -> TypeGuard[Decision]:
    return latest is not None and latest.state == "decided"


def _labels_at_first(workspace: Workspace, row: int, current: dict[str, Decision]) -> Labels:
    """The labels that are ticked when a product is opened."""
    products = workspace.products
    # nobody decided and the catalogue says nothing: the suggestion is where one begins
    if not _is_decided(current.get(products.ids[row])) and products.given[row] is None:
        return products.suggestion(row)
    return workspace.labels_of(row, current)


def _steps(rows: Sequence[int], row: int) -> dict[str, int | None]:
    """The products before and behind a product, in the order of its queue."""
    if row not in rows:
        return {"previous": None, "next": rows[0] if rows else None}
    place = rows.index(row)
    return {
        "previous": rows[place - 1] if place else None,
        "next": rows[place + 1] if place + 1 < len(rows) else None,
    }


def page(
    workspace: Workspace, request: Request, template: str, chosen: Filter, **values: Any
) -> HTMLResponse:
    """Any other page."""
    return HTMLResponse(render(workspace, request, template, chosen, **values))


def error_page(problem: Problem, request_id: str | None) -> str:
    """What stands against a request, with the way back."""
    template = _templates().get_template("error.html.j2")
    return template.render(problem=problem.to_dict(request_id), title="Not done")
