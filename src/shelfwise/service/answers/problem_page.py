"""A problem as a page for people. It loads nothing, so it is whole wherever a style could not be had."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from shelfwise.service.page_templates import render

STYLES = ("colours.css", "problem.css")
"""What the page has of the service's own styles."""

_NOT_LED_HOME = frozenset({401, 421})
"""Whoever is told to use another address would be led back to this page by a link."""


def problem_page(problem: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """The headers and the page.

    A browser without a session, or with an unknown host, gets no second file of us. The style is therefore
    in the page, and the page's own policy allows this style alone.

    Args:
        problem: its members; see :meth:`~shelfwise.service.answers.problems.Problem.to_dict`.
    """
    style = _style()
    leads_home = problem["status"] not in _NOT_LED_HOME
    page = render("problem.html.j2", problem=problem, style=style, leads_home=leads_home)
    # by its digest, as a style without one would allow any
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": policy}
    return headers, page.encode()


@cache
def _style() -> str:
    folder = files("shelfwise.service").joinpath("static")
    return "".join(folder.joinpath(name).read_text("utf-8") for name in STYLES)
