"""The question that a user is asked where a column can be read in two ways."""

from __future__ import annotations

from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.categories.two_readings import question_of_two_readings


def test_both_readings_are_shown_with_the_line_for_each() -> None:
    texts = ["Lamps", "Toys/Puzzles", "Boots, Sandals"]
    one = CategorySigns("/", ",")
    question = question_of_two_readings(texts, "shelf", one, CategorySigns("", ""))
    assert "'Toys/Puzzles' is Toys > Puzzles (1 category) or Toys/Puzzles (1 category)" in question
    assert "is Boots and Sandals (2 categories) or Boots, Sandals (1 category)" in question
    # what both read alike says nothing
    assert "Lamps" not in question
    assert 'category_separator = "/", category_delimiter = ","' in question
