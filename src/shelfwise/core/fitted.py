"""One check, and one sentence, for every plug-in that is used before it is fitted."""

from __future__ import annotations

from typing import TypeVar

from shelfwise.errors import NotFittedError

Part = TypeVar("Part")


def require_fitted(part: Part | None, owner: str) -> Part:
    """`part`, which fitting makes.

    Args:
        part: a network, weights or whatever else does not exist before ``fit`` or ``restore``.
        owner: whose it is, for the message.

    Raises:
        NotFittedError: there is none yet.

    >>> require_fitted(3, "the policy 'ridge'")
    3
    """
    if part is None:
        raise NotFittedError(f"{owner} is not fitted; call fit or restore first")
    return part
