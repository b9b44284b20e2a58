from collections.abc import Callable

import pytest

from shelfwise.text.cleaning import CleaningSettings, tokenize_column
from shelfwise.text.ngrams import split_words
from shelfwise.text.tokenization import beyond_ascii, lowered, separators, split_column
from shelfwise.text.vocabulary import TokenArray

ENDS = ["a" * 53, "Été Thé:"]
"""64 bytes: what is read beyond them is another buffer's."""


@pytest.mark.parametrize(
    "split",
    [
        split_words,
        lambda texts: tokenize_column(texts, CleaningSettings(compounds="split")),
        lambda texts: tokenize_column(texts, CleaningSettings(compounds="drop")),
    ],
    ids=["n-grams", "split", "drop"],
)
def test_the_last_word_has_no_blank_whatever_lies_behind_it_in_memory(
    split: Callable[[list[str]], TokenArray],
) -> None:
    assert {tuple(split(ENDS).row(1)[-2:]) for _ in range(500)} == {("été", "thé")}


def test_every_kind_of_blank_separates() -> None:
    blanks = "\t\n\x0b\x1c\x1f\x85\xa0\u1680\u2003\u2028\u202f\u205f\u3000"
    column = lowered([f"Thé{blank}VERT" for blank in blanks])
    tokens = split_column(column, separators(beyond_ascii(column)))
    assert {tuple(tokens.row(i)) for i in range(len(blanks))} == {("thé", "vert")}
    dropped = tokenize_column(column.to_pylist(), CleaningSettings(compounds="drop"))
    assert {tuple(dropped.row(i)) for i in range(len(blanks))} == {("thé", "vert")}


def test_no_text_at_all() -> None:
    column = lowered([])
    assert len(split_column(column, separators(beyond_ascii(column)))) == 0
    column = lowered([None])
    assert split_column(column, separators(beyond_ascii(column))).row(0) == [""]
