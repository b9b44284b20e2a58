"""Forms and addresses, read strictly: a field that is not what it should be is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import get_args
from urllib.parse import parse_qs, urlencode

from fastapi import Request

from shelfwise.review.queues import Filter, Queue, State
from shelfwise.service.answers.problems import Problem

MAX_BODY = 100_000
"""Bytes that a form may have; the longest honest one has a few thousand."""

Form = Mapping[str, list[str]]


async def read_form(request: Request) -> Form:
    """The fields of a form, each with its values.

    Raises:
        Problem: it is too long, or no form.
    """
    body = b""
    async for part in request.stream():
        # counted as it comes: what a browser says of the length may be wrong
        body += part
        if len(body) > MAX_BODY:
            raise Problem(413, "form-too-long", f"a form has at most {MAX_BODY} bytes")
    try:
        return parse_qs(body.decode("ascii"), True, errors="strict", max_num_fields=5000)
    except ValueError:
        raise Problem(
            400, "no-form", "expected the fields of a form, as a browser sends them"
        ) from None


def first(form: Form, name: str, default: str = "") -> str:
    """The first value of a field."""
    return form.get(name, [default])[0]


def chosen_names(form: Form, known: Collection[str]) -> list[str]:
    """The categories that were ticked, and those that were typed.

    Args:
        known: the categories that there are.
    """
    typed = first(form, "add").strip()
    # a name may hold the sign that separates names: whoever took it from the list means the whole of it
    added = [typed] if typed in known else typed.split("|")
    return [*form.get("label", []), *added]


def number(form: Form, name: str) -> int:
    """A field that holds a whole number.

    Raises:
        Problem: it does not.
    """
    text = first(form, name)
    # isdigit is true of digits that int() does not read
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Problem(422, "no-number", f"the field {name} must be a whole number", field=name)
    return int(text)


def page_start(request: Request) -> int:
    """The first row of a page of a list; 0 for an address that tells none."""
    text = request.query_params.get("from", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def read_filter(request: Request) -> Filter:
    """The filter in an address.

    Raises:
        Problem: it names a queue or a state that is not there.
    """
    values = request.query_params
    queue = values.get("queue", "uncertain")
    state = values.get("state", "waiting")
    if queue not in get_args(Queue):
        known = ", ".join(get_args(Queue))
        raise Problem(422, "unknown-queue", f"the queues are {known}", field="queue")
    if state not in get_args(State):
        known = ", ".join(get_args(State))
        raise Problem(422, "unknown-state", f"a state is one of {known}", field="state")
    text = values.get("q", "")[:500]
    return Filter(queue, text, values.get("label", "")[:500], state)  # type: ignore[arg-type]


def address(path: str, chosen: Filter, **more: str) -> str:
    """A path with a filter, and whatever else is to be in the address."""
    values = {"queue": chosen.queue, "q": chosen.text, "label": chosen.label, "state": chosen.state}
    defaults = {"q": "", "label": "", "state": "waiting"}
    kept = {name: value for name, value in values.items() if value != defaults.get(name)}
    return f"{path}?{urlencode({**kept, **more})}"
