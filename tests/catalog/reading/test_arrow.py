"""What is found about whole columns, against the same found one value after the other."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.reading import arrow as arrays
from shelfwise.catalog.reading.arrow import (
    consecutive_runs,
    holds_mark,
    may_be_untidy,
    may_need_cleaning,
    opens_json,
    take_rows,
)
from shelfwise.catalog.reading.columns.column_checks import _PLAIN_TEXT
from shelfwise.text.html import plain_text

TEXTS = st.lists(st.none() | st.text(" a&<[{é\x7f", max_size=5), max_size=9)
LETTERS = (
    " " * 6
    + "abcXYZ059.,;#&<>'\"()-/"
    + "".join(map(chr, range(0x7F, 0x180)))
    + "’™•–€\t\n\u2028\u202eяΩ中"
)


@given(st.lists(st.integers(0, 9)), st.integers(0, 3))
@settings(deadline=None)
def test_rows_of_few_or_many_runs(rows: list[int], most: int) -> None:
    table = pa.concat_tables([pa.table({"a": [[str(i)], None]}) for i in range(5)])
    before = arrays._MAX_RUNS
    arrays._MAX_RUNS = most
    try:
        found = take_rows(table, np.array(rows, dtype=np.int64))
    finally:
        arrays._MAX_RUNS = before
    assert found.column("a").to_pylist() == [table.column("a").to_pylist()[row] for row in rows]
    assert [
        row
        for first, last in consecutive_runs(np.array(rows, dtype=np.int64))
        for row in range(first, last + 1)
    ] == rows


@given(TEXTS, st.data())
@settings(deadline=None)
def test_marks_are_told_of_the_strings_that_hold_them(
    texts: list[str | None], data: st.DataObject
) -> None:
    begin = data.draw(st.integers(0, len(texts)))
    array = pa.array(texts, pa.string()).slice(begin)
    texts = texts[begin:]
    assert holds_mark(array, opens_json).tolist() == [
        text is not None and ("[" in text or "{" in text) for text in texts
    ]
    rough = [
        text is not None and (plain_text(text) != text or any(x in text for x in "&<\x7fé"))
        for text in texts
    ]
    assert [
        m or t == "" for m, t in zip(may_need_cleaning(array, may_be_untidy), texts, strict=True)
    ] == [m or t == "" for m, t in zip(rough, texts, strict=True)]


@given(st.lists(st.text(LETTERS, max_size=12), min_size=1))
@settings(max_examples=400, deadline=None)
def test_plain_text_is_what_cleaning_keeps(texts: list[str]) -> None:
    plain = pc.match_substring_regex(pa.array(texts), _PLAIN_TEXT).to_pylist()
    assert all(plain_text(text) == text for text, same in zip(texts, plain, strict=True) if same)


def test_what_plain_text_is_and_is_not() -> None:
    plain = ["Café au lait", "Müller & Söhne", "é", "&", "Öl für Tür", "x" * 20_000 + " é" * 20_000]
    rough = [
        "",
        " a",
        "a  b",
        "Ã©",
        "Â a",
        "AT&T",
        "&amp;",
        "<b>",
        "éé",
        "cœur",
        "a\tb",
        "a ",
        "°",
        "a\nb",
    ]
    assert pc.match_substring_regex(pa.array(plain + rough), _PLAIN_TEXT).to_pylist() == [
        True
    ] * len(plain) + [False] * len(rough)
    assert [plain_text(text) for text in plain] == plain
