"""Accept, review, reject: the codes of the three queues, and how much each queue holds.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.types import Bools, Int64Array, Matrix, MultiHot, Scores
from shelfwise.metrics.counts import Counts, ratio, row_blocks
from shelfwise.metrics.scored_hits import ScoredHits, count_positive
from shelfwise.metrics.scored_pairs import descending_order

Queues = NDArray[np.int8]
"""(N,) or (N, L) of the three codes."""

ACCEPT = 1
REVIEW = 0
REJECT = -1

QUEUES = {"accept": ACCEPT, "review": REVIEW, "reject": REJECT}

PAIRS_PER_BLOCK = 1 << 20
"""Decisions that are counted at a time."""


def coverage_at_precision(
    targets: MultiHot, scores: Matrix, precision: float
) -> dict[str, float | None]:
    """How much could be decided at a precision, with the limit chosen by the truth: an upper bound.

    Returns:
        ``threshold``, the lowest score whose acceptance keeps the precision (None: there is none);
        ``labels``, the share of the true labels that are then accepted; ``products``, the share of products
        with an accepted label.
    """
    # all decisions but those scored 0: a limit accepts the first so many from the highest score down
    pairs = ScoredHits.of(targets, scores)
    order = descending_order(pairs.scores)
    ranked = pairs.scores[order]
    hits = pairs.hits[order]
    last = _last_precise(ranked, hits, precision)
    if last is None:
        return {"threshold": None, "labels": 0.0, "products": 0.0}
    # scores descend, so what is accepted comes first
    accepted = slice(last + 1)
    has_accepted = np.zeros(scores.shape[0], np.bool_)
    has_accepted[pairs.rows[order[accepted]]] = True
    return {
        "threshold": float(ranked[last]),
        "labels": float(ratio(np.count_nonzero(hits[accepted]), count_positive(targets))),
        "products": np.count_nonzero(has_accepted) / scores.shape[0],
    }


def _last_precise(ranked: Scores, hits: Bools, precision: float) -> int | None:
    """The place of the lowest score whose acceptance keeps the precision; None: there is none.

    Args:
        ranked: (E,) scores, falling.
        hits: (E,) whether each is a true label's.
    """
    last = None
    before = 0
    # some at a time: counts take eight times the memory of hits
    for some in row_blocks(len(ranked), 1, PAIRS_PER_BLOCK):
        counted = before + np.cumsum(hits[some])
        before = int(counted[-1])
        is_precise = counted >= precision * np.arange(some.start + 1, some.stop + 1)
        # of equal scores all are accepted, or none; the very last one has none below it
        scores = ranked[some]
        below = ranked[some.start + 1 : some.stop + 1]
        is_last_of_equals = np.ones(len(scores), np.bool_)
        is_last_of_equals[: len(below)] = scores[: len(below)] > below
        possible = np.flatnonzero(is_precise & is_last_of_equals)
        # the lowest possible limit accepts most
        if len(possible):
            last = some.start + int(possible[-1])
    return last


def queue_counts(
    targets: MultiHot, decided: MultiHot, labels: Queues, products: Queues
) -> dict[str, Int64Array]:
    """What :func:`queue_rates` divides, two numbers each: those of several parts add up.

    How products are sorted: ``decision/selective_prediction.py``.

    Args:
        targets: (N, L) the true labels.
        decided: (N, L) the labels that products are given.
        labels: (N, L) the queue of each label of each product.
        products: (N,) the queue of each product with the labels it is given.
    """
    true = np.asarray(targets) > 0
    given = np.asarray(decided) > 0
    # labels that no person looks at, and those that one does
    accepted = labels == ACCEPT
    reviewed = labels == REVIEW
    accepted_true = (true & accepted).sum()
    reviewed_true = (true & reviewed).sum()
    # products that no person looks at, with all labels they are given
    whole = products == ACCEPT
    of_whole = Counts.of(true[whole], given[whole], axis=None)
    exact = (true == given)[whole].all(axis=1)
    shares = {
        "precision": (accepted_true, accepted.sum()),
        "recall": (accepted_true + reviewed_true, true.sum()),
        "accepted_true": (accepted_true, true.sum()),
        "automatic": (accepted.sum(), accepted.sum() + reviewed.sum()),
        "with_accepted": (accepted.any(axis=1).sum(), len(true)),
        "reviews": (reviewed.sum(), len(true)),
        "products_accepted": (whole.sum(), len(true)),
        "products_reviewed": ((products == REVIEW).sum(), len(true)),
        "products_rejected": ((products == REJECT).sum(), len(true)),
        "whole_precision": (of_whole.hits, of_whole.predicted),
        "whole_recall": (of_whole.hits, of_whole.true),
        "whole_exact": (exact.sum(), whole.sum()),
    }
    return {name: np.array(counts, np.int64) for name, counts in shares.items()}


def queue_rates(counts: Mapping[str, Int64Array]) -> dict[str, float]:
    """What sorting into accept, review and reject brought, and the work that is left.

    Args:
        counts: as :func:`queue_counts` gives them.

    Returns:
        Of labels: ``precision`` of the accepted; ``recall``, the share of the true ones that is accepted or
        reviewed; ``accepted_true``, the share of the true ones that is accepted; ``automatic``, the share of
        the accepted or reviewed ones that is accepted; ``with_accepted``, the share of products with an
        accepted label; ``reviews``, labels to look at, a product.
        Of products: ``products_accepted``, ``products_reviewed`` and ``products_rejected``, which sum to 1.
        Of the accepted ones, which need no person: ``whole_precision`` and ``whole_recall`` of their labels,
        and ``whole_exact``, the share that is given exactly the true ones.
    """
    return {name: float(ratio(above, below)) for name, (above, below) in counts.items()}
