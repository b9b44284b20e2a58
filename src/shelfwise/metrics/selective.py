"""What may be decided without a person: the codes of accept, review and reject, and how much each queue holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.types import MultiHot, Scores
from shelfwise.metrics.multilabel import Counts, ratio

Queues = NDArray[np.int8]
"""(N,) or (N, L) of the three codes."""

ACCEPT = 1
REVIEW = 0
REJECT = -1

QUEUES = {"accept": ACCEPT, "review": REVIEW, "reject": REJECT}


def coverage_at_precision(targets: MultiHot, scores: Scores, precision: float) -> dict[str, float | None]:
    """How much could be decided at a precision, had the limit been chosen with the truth in sight: an optimist's figure.

    Returns:
        ``threshold``, the lowest score whose acceptance keeps the precision (None: there is none); ``labels``, the share of the true
        labels that are then accepted; ``products``, the share of products with an accepted label.
    """
    true, said = np.asarray(targets) > 0, np.asarray(scores, np.float64)
    order = np.argsort(-said, axis=None, kind="stable")
    ranked = said.ravel()[order]
    kept = np.cumsum(true.ravel()[order]) >= precision * np.arange(1, len(ranked) + 1)
    possible = np.flatnonzero(
        kept & (np.diff(ranked, append=-1) < 0) & (ranked > 0)
    )  # of equal scores all are accepted, or none
    if not len(possible):
        return {"threshold": None, "labels": 0.0, "products": 0.0}
    accepted = said >= ranked[possible[-1]]
    share = float(ratio(np.count_nonzero(true & accepted), np.count_nonzero(true)))
    return {
        "threshold": float(ranked[possible[-1]]),
        "labels": share,
        "products": float(accepted.any(axis=1).mean()),
    }


def queue_figures(targets: MultiHot, decided: MultiHot, labels: Queues, products: Queues) -> dict[str, float]:
    """What sorting into accept, review and reject brought, and the work that is left; see :mod:`shelfwise.decision.selective_prediction`.

    Args:
        decided: (N, L) the labels that products are given.
        labels: (N, L), as ``AcceptanceLimits.sort`` gives them.
        products: (N,), as ``AcceptanceLimits.sort_products`` gives them.

    Returns:
        Of labels: ``precision`` of the accepted; ``recall``, the share of the true ones that is accepted or reviewed; ``accepted_true``,
        the share of the true ones that is accepted; ``automatic``, the share of the accepted or reviewed ones that is accepted;
        ``with_accepted``, the share of products with an accepted label; ``reviews``, labels to look at, a product.
        Of products: ``products_accepted``, ``products_reviewed``, ``products_rejected``, shares that sum to 1; and of the accepted
        ones, which need no person, ``whole_precision`` and ``whole_recall`` of their labels, and ``whole_exact``, the share that
        is given exactly the true ones.
    """
    true, given = np.asarray(targets) > 0, np.asarray(decided) > 0
    accepted, open_, whole = labels == ACCEPT, labels == REVIEW, products == ACCEPT
    right, passed = true & accepted, Counts.of(true[whole], given[whole], axis=None)
    shares = {
        "precision": (right.sum(), accepted.sum()),
        "recall": (right.sum() + (true & open_).sum(), true.sum()),
        "accepted_true": (right.sum(), true.sum()),
        "automatic": (accepted.sum(), accepted.sum() + open_.sum()),
        "with_accepted": (accepted.any(axis=1).sum(), len(true)),
        "reviews": (open_.sum(), len(true)),
        "products_accepted": ((products == ACCEPT).sum(), len(true)),
        "products_reviewed": ((products == REVIEW).sum(), len(true)),
        "products_rejected": ((products == REJECT).sum(), len(true)),
        "whole_precision": (passed.hits, passed.predicted),
        "whole_recall": (passed.hits, passed.true),
        "whole_exact": ((true == given)[whole].all(axis=1).sum(), whole.sum()),
    }
    return {name: float(ratio(above, below)) for name, (above, below) in shares.items()}
