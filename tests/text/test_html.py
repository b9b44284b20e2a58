"""Mark-up, entities and mojibake, and text that has none of them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.text.html import plain_text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", ""),
        ("  two   words\n", "two words"),
        ("Arts &amp; Crafts", "Arts & Crafts"),
        ("Arts &amp;amp; Crafts", "Arts & Crafts"),
        ("caf&eacute;", "café"),
        ("schÃ¶n", "schön"),
        ("Dad’s", "Dad's"),
        ("<b>H</b>ello", "Hello"),
        ("one<br>two<p>three</p><ul><li>four</li><li>five</li></ul>six", "one two three four five six"),
        ("a<script>var x = '<b>';</script><style>b{}</style><!-- c -->d", "ad"),
        ("&lt;p&gt;escaped&lt;/p&gt;", "escaped"),
        ("size < 5 and > 3, I <3 it, a<5", "size < 5 and > 3, I <3 it, a<5"),
        ('<span class="a-size-medium a-color-secondary"', ""),
        ("</span></span></span>", ""),
        ("a\x00b\x07c\x1b", "abc"),
        ("a\u00a0b\u2003c", "a b c"),
        ("<title>T</title> x", "T x"),
        ("AT&T", "AT&T"),
        ("<frameset>", ""),
    ],
)
def test_plain_text(value: str, words: str) -> None:
    assert plain_text(value) == words


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "Zs", "P"), exclude_characters="<&"), max_size=30))
def test_clean_text_only_loses_space(value: str) -> None:
    assert plain_text(value) == " ".join(value.split())


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["<", ">", "&", "lt;", "b", "/", "!--", "script", '"', " ", "é", "\0", "#x", ";"])).map("".join)
)
@settings(max_examples=300, deadline=None)
def test_any_text_becomes_tidy_text(value: str) -> None:
    words = plain_text(value)
    assert words == " ".join(words.split())
    assert "\0" not in words


@pytest.mark.parametrize(
    "value", ["<div>" * 200_000 + "deep", "<" * 200_000, "<b " * 100_000, "<script>" * 100_000, "&" * 200_000, "<p>" * 2000 + "x"]
)
def test_hostile_text_takes_no_time(value: str) -> None:
    start = time.process_time()
    plain_text(value)
    assert time.process_time() - start < 2
