"""Systems in order of their micro-F1, and those that no other beats in both quality and cost."""

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
    """The names of `systems`, best tuned micro-F1 first; each entry is told its ``rank``, its ``pareto`` and ``versus_best``.

    ``pareto``: no other system is at least as good and quicker to fit. ``versus_best``: the difference in micro-F1 from the
    best, its 95 % interval and p-value by paired bootstrap; None for the best itself, and where `resamples` is 0.

    Args:
        decided: each system's decisions (N, L) at its tuned threshold.
        truth: (N, L).
    """
    order = sorted(systems, key=lambda name: -systems[name]["micro_f1_tuned"])
    efficient = pareto([(systems[name]["seconds_fit"], systems[name]["micro_f1_tuned"]) for name in order])
    for place, name in enumerate(order):
        paired = place and resamples
        difference = (
            asdict(paired_bootstrap(truth, decided[name], decided[order[0]], "micro_f1", resamples, seed))
            if paired
            else None
        )
        systems[name] |= {"rank": place + 1, "pareto": place in efficient, "versus_best": difference}
    return order


def pareto(points: Sequence[tuple[float, float]]) -> set[int]:
    """The places of those (cost, worth) points that no other beats in one and equals or beats in the other.

    >>> sorted(pareto([(9, 0.9), (5, 0.8), (6, 0.7)]))
    [0, 1]
    """
    return {
        i
        for i, (cost, worth) in enumerate(points)
        if not any(c <= cost and w >= worth and (c < cost or w > worth) for c, w in points)
    }
