"""Systems in order of their micro-F1, and those that no other beats in both quality and cost.

Dimensions: N test products, L labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from shelfwise.core.types import MultiHot
from shelfwise.metrics.bootstrap import paired_bootstrap


def ranked(
    systems: dict[str, dict[str, Any]],
    decided: Mapping[str, MultiHot],
    truth: MultiHot,
    resamples: int,
    seed: int,
) -> list[str]:
    """The names of `systems`, best tuned micro-F1 first.

    Adds to each entry ``rank``; ``pareto``, whether no other system is at least as good and quicker to fit;
    and ``versus_best``, the difference in micro-F1 from the best with its 95 % interval and p-value by paired
    bootstrap. The last is None for the best itself, and where `resamples` is 0.

    Args:
        systems: entries of results.json by name, which are changed.
        decided: each system's decisions (N, L) at its tuned threshold.
        truth: (N, L).
    """
    # sorting is stable: of equal systems the one fitted first comes first
    order = sorted(systems, key=lambda name: -systems[name]["micro_f1_tuned"])
    points = [(systems[name]["seconds_fit"], systems[name]["micro_f1_tuned"]) for name in order]
    efficient = pareto(points)
    for place, name in enumerate(order):
        difference = None
        # the best, at place 0, is compared with nothing
        if place and resamples:
            best = decided[order[0]]
            found = paired_bootstrap(truth, decided[name], best, "micro_f1", resamples, seed)
            difference = asdict(found)
        systems[name] |= {
            "rank": place + 1,
            "pareto": place in efficient,
            "versus_best": difference,
        }
    return order


def pareto(points: Sequence[tuple[float, float]]) -> set[int]:
    """The places of those (cost, worth) points that no other beats in one and equals or beats in the other.

    >>> sorted(pareto([(9, 0.9), (5, 0.8), (6, 0.7)]))
    [0, 1]
    """
    return {place for place, point in enumerate(points) if not _is_beaten(point, points)}


def _is_beaten(point: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    """Whether one of `others` costs no more and is worth no less, and differs in one of the two."""
    cost, worth = point
    for other_cost, other_worth in others:
        no_worse = other_cost <= cost and other_worth >= worth
        # a point equals itself, and does not beat itself
        if no_worse and (other_cost < cost or other_worth > worth):
            return True
    return False
