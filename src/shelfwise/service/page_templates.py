"""The service's pages, written by templates. Everything that callers send is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2


def render(template: str, **values: Any) -> str:
    """A page.

    Args:
        template: the name of its file, among the templates of the service.
        values: what the template names.
    """
    return _templates().get_template(template).render(**values)


def sentence(text: str) -> str:
    """What a program is told, as people write it.

    >>> sentence("the price is not a number"), sentence("Try again.")
    ('The price is not a number.', 'Try again.')
    """
    ends = "" if text.endswith((".", "!", "?")) else "."
    return text[:1].upper() + text[1:] + ends


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.PackageLoader("shelfwise.service", "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.ChainableUndefined
    )
    environment.filters["sentence"] = sentence
    return environment
