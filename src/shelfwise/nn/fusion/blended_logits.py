"""The mean of several policies' logits in the form that is exported.

Dimensions: B products, L labels, M members, P policies, S sets of members.
"""

from __future__ import annotations

from torch import Tensor


def mean_of_logits(
    scores: Tensor, present: Tensor, parts: Tensor, shares: Tensor, *, epsilon: float
) -> Tensor:
    """Scores (B, L) of the scores of all `parts` (P, B, L), which have fixed `shares` (P, 1, 1).

    Args:
        epsilon: scores nearer to 0 or 1 count as this near.
    """
    return (shares * parts.logit(eps=epsilon)).sum(dim=0).sigmoid()


def mean_of_familiar_logits(
    scores: Tensor,
    present: Tensor,
    parts: Tensor,
    weights: Tensor,
    skips_rare: Tensor,
    familiar: Tensor,
    *,
    epsilon: float,
) -> Tensor:
    """The same where some parts count only for sets of members that are among the `familiar` (S, M).

    Both `weights` and `skips_rare` are (P, 1).
    """
    is_familiar = (present.unsqueeze(1) == familiar).all(dim=2).any(dim=1)  # (B,)
    counted = weights * (is_familiar | ~skips_rare)  # (P, B)
    shares = counted / counted.sum(dim=0)
    return (shares.unsqueeze(2) * parts.logit(eps=epsilon)).sum(dim=0).sigmoid()
