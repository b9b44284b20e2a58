"""Who may review, and the address by which each person opens the page."""

from __future__ import annotations

from collections.abc import Sequence

from shelfwise.errors import ConfigError
from shelfwise.service.access.sessions import Role, Sessions, Visitor
from shelfwise.service.answers.problems import Problem

MAX_NAME = 80
"""Characters of a name."""

_NAME_RULE = f"a name has 1 to {MAX_NAME} characters, all of which can be seen"


class People:
    """The people of one review.

    Args:
        address: how browsers reach the review, without a path.
        sessions: of these people.
        visitors: who is known from the start.

    Raises:
        ConfigError: a name occurs twice, is empty or too long.
    """

    def __init__(self, address: str, sessions: Sessions, visitors: Sequence[Visitor]) -> None:
        self.address = address
        self.sessions = sessions
        self._roles: dict[str, Role] = {}
        for one in visitors:
            name = plain_name(one.name)
            if name is None:
                raise ConfigError(f"--{one.role} {one.name!r} is no name; {_NAME_RULE}")
            self._roles[name] = one.role
        # two people of one name could not be told apart later
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
        found = plain_name(name)
        if found is None:
            raise Problem(422, "no-name", _NAME_RULE, field="name")
        if role not in ("reviewer", "lead"):
            raise Problem(422, "no-role", "the role is reviewer or lead", field="role")
        visitor = Visitor(found, "lead" if role == "lead" else "reviewer")
        known = self._roles.setdefault(found, visitor.role)
        # two people of one name could not be told apart in the decisions
        if known != visitor.role:
            raise Problem(409, "known-name", f"{found} is already a {known}; take another name")
        return self.one_time_address(visitor)


def plain_name(text: str) -> str | None:
    """A name with single blanks; None for what could not be told apart in the decisions."""
    name = " ".join(text.split())
    return name if 0 < len(name) <= MAX_NAME and name.isprintable() else None
