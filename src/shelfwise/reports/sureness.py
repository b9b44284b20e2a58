"""A probability in words, the same on every page."""

from __future__ import annotations

SURE = ((0.95, "sure"), (0.8, "likely"), (0.5, "perhaps"), (0.2, "unlikely"), (0.0, "no"))
"""From which probability on a word holds; nobody has to know what a score is."""


def sureness(score: float) -> str:
    """The word for a probability.

    >>> sureness(0.97), sureness(0.3)
    ('sure', 'unlikely')
    """
    return next(word for least, word in SURE if score >= least)
