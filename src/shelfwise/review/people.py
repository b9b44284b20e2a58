"""Who may review, and the address by which each person opens the page."""

from __future__ import annotations

from collections.abc import Sequence

from shelfwise.errors import ConfigError
from shelfwise.service.access.sessions import Role, Sessions, Visitor
from shelfwise.service.answers.problems import Problem

MAX_NAME = 80
"""Characters of a name."""


class People:
    """The people of one review.

    Args:
        address: how browsers reach the review, without a path.
        sessions: of these people.
        visitors: who is known from the start.

    Raises:
        ConfigError: a name occurs twice.
    """

    def __init__(self, address: str, sessions: Sessions, visitors: Sequence[Visitor]) -> None:
        self.address = address
        self.sessions = sessions
        self._roles: dict[str, Role] = {one.name: one.role for one in visitors}
        if len(self._roles) < len(visitors):
            raise ConfigError("a name of --lead or --reviewer occurs twice; names tell who decided")

    def all(self) -> list[Visitor]:
        """Everyone an address was made for."""
        return [Visitor(name, role) for name, role in self._roles.items()]

    def one_time_address(self, visitor: Visitor) -> str:
        """An address that opens the page for `visitor`, the first time it is visited."""
        return self.address + self.sessions.one_time_path(visitor)

    def invite(self, name: str, role: str) -> str:
        """A one-time address for somebody new, or for somebody whose session is over.

        Raises:
            Problem: the name is empty or too long, the role is none, or the name has another role.
        """
        name = " ".join(name.split())
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise Problem(422, "no-name", f"a name has 1 to {MAX_NAME} characters", field="name")
        if role not in ("reviewer", "lead"):
            raise Problem(422, "no-role", "the role is reviewer or lead", field="role")
        visitor = Visitor(name, "lead" if role == "lead" else "reviewer")
        known = self._roles.setdefault(name, visitor.role)
        # two people of one name could not be told apart in the decisions
        if known != visitor.role:
            raise Problem(409, "known-name", f"{name} is already a {known}; take another name")
        return self.one_time_address(visitor)
