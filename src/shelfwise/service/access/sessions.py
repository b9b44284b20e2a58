"""Who is at a browser: a one-time address opens a session, and a signed cookie keeps it."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["caller", "admin", "metrics", "reviewer", "lead"]

COOKIE = "shelfwise_session"
ENTER = "/enter/"
"""Where one-time addresses begin."""


@dataclass(frozen=True)
class Visitor:
    """Who sent a request.

    Args:
        name: of a person or a key, as decisions and logs show it.
        role: what the visitor may do.
    """

    name: str
    role: Role


@dataclass
class Sessions:
    """Sessions of people, kept by their browsers and by nobody else.

    Args:
        secret: signs the cookies. Kept across restarts by whoever wants sessions to outlive the process.
        seconds: how long a session lasts.
        clock: seconds since 1970.
        https: whether browsers reach the pages by HTTPS only; cookies are then sent by nothing else.
    """

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    seconds: float = 12 * 3600
    clock: Callable[[], float] = time.time
    https: bool = False
    _invitations: dict[str, Visitor] = field(default_factory=dict, repr=False)

    def one_time_path(self, visitor: Visitor) -> str:
        """A path that opens a session for `visitor`, the first time it is visited."""
        token = secrets.token_urlsafe(32)
        self._invitations[token] = visitor
        return ENTER + token

    def redeem(self, token: str) -> Visitor | None:
        """Whom a one-time address was made for; None where it was used before, or never made."""
        return self._invitations.pop(token, None)

    def cookie(self, visitor: Visitor) -> str:
        """The value of the header ``Set-Cookie`` for a new session."""
        content = json.dumps([visitor.name, visitor.role, self.clock() + self.seconds])
        payload = base64.urlsafe_b64encode(content.encode()).decode()
        value = f"{payload}.{self._signature(payload)}"
        secure = "; Secure" if self.https else ""
        return f"{COOKIE}={value}; Path=/; Max-Age={self.seconds:.0f}; HttpOnly; SameSite=Strict{secure}"

    def visitor(self, value: str) -> Visitor | None:
        """Whose session a cookie's value is; None where it was not made here, or is too old."""
        payload, _, signature = value.partition(".")
        # bytes: compare_digest refuses text beyond ASCII
        if not hmac.compare_digest(signature.encode(), self._signature(payload).encode()):
            return None
        # what is signed was written above, so its shape is known
        name, role, until = json.loads(base64.urlsafe_b64decode(payload))
        return Visitor(name, role) if self.clock() < until else None

    def _signature(self, payload: str) -> str:
        return hmac.digest(self.secret, payload.encode(), "sha256").hex()
