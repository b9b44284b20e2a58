"""A name that nobody knows is answered with the one that was probably meant."""

from __future__ import annotations

from shelfwise.similar_names import did_you_mean, most_similar


def test_the_most_similar_name_is_named() -> None:
    assert most_similar("Mugz", ["Bowls", "Lamps", "Mugs"]) == "Mugs"
    assert did_you_mean("Mugz", ["Bowls", "Mugs"]) == "did you mean 'Mugs'? "


def test_without_a_similar_name_nothing_is_asked() -> None:
    assert most_similar("Lamps", ["Bowls", "Mugs"]) is None
    assert did_you_mean("Lamps", iter(["Bowls", "Mugs"])) == ""
    assert did_you_mean("Lamps", []) == ""
