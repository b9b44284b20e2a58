"""A probability in words, the same on every page."""

from __future__ import annotations

SURE = ((0.95, "sure"), (0.8, "likely"), (0.5, "perhaps"), (0.2, "unlikely"), (0.0, "no"))
"""From which probability on a word holds; nobody has to know what a score is."""


def probability_word(score: float, is_given: bool = False) -> str:
    """The word for a probability.

    Args:
        is_given: whether the model gives the label. With a threshold below one half it gives labels that
            are more often wrong than right, and still nobody would call these unlikely.

    >>> probability_word(0.97), probability_word(0.3), probability_word(0.3, is_given=True)
    ('sure', 'unlikely', 'perhaps')
    """
    word = next(word for least, word in SURE if score >= least)
    return "perhaps" if is_given and word in ("unlikely", "no") else word
