"""Who sent a request to the review pages, and what only a lead may do."""

from __future__ import annotations

from fastapi import Request

from shelfwise.service.access.sessions import Visitor
from shelfwise.service.answers.problems import Problem


def visitor_of(request: Request) -> Visitor:
    """Who sent a request; access was checked before."""
    visitor: Visitor = request.state.visitor
    return visitor


def check_lead(request: Request) -> None:
    """Refuse whoever is no lead.

    Raises:
        Problem: the visitor is a reviewer.
    """
    if visitor_of(request).role != "lead":
        raise Problem(
            403, "not-allowed", "only a lead may do this: ask for it, or decide one by one"
        )
