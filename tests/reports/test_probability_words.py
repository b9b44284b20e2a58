"""A probability in words."""

from __future__ import annotations

import pytest

from shelfwise.reports.probability_words import probability_word


@pytest.mark.parametrize(
    ("score", "word"),
    [
        (1.0, "sure"),
        (0.95, "sure"),
        (0.94, "likely"),
        (0.5, "perhaps"),
        (0.2, "unlikely"),
        (0, "no"),
    ],
)
def test_each_word_begins_at_its_limit(score: float, word: str) -> None:
    assert probability_word(score) == word
