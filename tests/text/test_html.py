"""Mark-up, entities and mojibake, and text that has none of them."""

from __future__ import annotations

import re._parser as pattern_parser
import time

import ftfy
import pytest
from ftfy.badness import BADNESS_RE
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from shelfwise.text.html import _BLOCK, _CONTEXT_LETTERS, _CONTROL, _UNCHANGED, plain_text


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
        (
            "one<br>two<p>three</p><ul><li>four</li><li>five</li></ul>six",
            "one two three four five six",
        ),
        ("a<script>var x = '<b>';</script><style>b{}</style><!-- c -->d", "ad"),
        ("&lt;p&gt;escaped&lt;/p&gt;", "escaped"),
        ("size < 5 and > 3, I <3 it, a<5", "size < 5 and > 3, I <3 it, a<5"),
        ('<span class="a-size-medium a-color-secondary"', ""),
        ("</span></span></span>", ""),
        ("a\x00b\x07c\x1b", "abc"),
        ("safe \u202egpj.exe\u202c end", "safe gpj.exe end"),
        ("\u2066one\u2069 \u202btwo\u202c", "one two"),
        ("\u200fכוס\u200e", "כוס"),
        ("Mug\u200b \u200bblue\u200b", "Mug blue"),
        (
            "\U0001d40c\U0001d42e\U0001d420 \U0001d4d1\U0001d4f5\U0001d4fe\U0001d4ee 1\u00b2",
            "Mug Blue 1\u00b2",
        ),
        # it ends words of languages without blanks
        ("ถ้วย\u200bชา", "ถ้วย\u200bชา"),
        ("\ufeffMug", "Mug"),
        ("a\u00a0b\u2003c", "a b c"),
        ("<title>T</title> x", "T x"),
        ("AT&T", "AT&T"),
        ("<frameset>", ""),
    ],
)
def test_plain_text(value: str, words: str) -> None:
    assert plain_text(value) == words


@given(
    st.text(
        st.characters(codec="ascii", categories=("L", "N", "Zs", "P"), exclude_characters="<&"),
        max_size=30,
    )
)
def test_clean_text_only_loses_space(value: str) -> None:
    assert plain_text(value) == " ".join(value.split())


@given(
    st.text(max_size=40)
    | st.lists(
        st.sampled_from(
            ["<", ">", "&", "lt;", "b", "/", "!--", "script", '"', " ", "é", "\0", "#x", ";"]
        )
    ).map("".join)
)
@settings(max_examples=300, deadline=None)
def test_any_text_becomes_tidy_text(value: str) -> None:
    words = plain_text(value)
    assert words == " ".join(words.split())
    assert "\0" not in words


@pytest.mark.parametrize(
    "value",
    [
        "<div>" * 200_000 + "deep",
        "<" * 200_000,
        "<b " * 100_000,
        "<script>" * 100_000,
        "&" * 200_000,
        "<p>" * 2000 + "x",
    ],
)
def test_hostile_text_takes_no_time(value: str) -> None:
    start = time.process_time()
    plain_text(value)
    assert time.process_time() - start < 2


def test_unchanged_letters_are_those_that_ftfy_keeps() -> None:
    letters = [
        chr(code)
        for code in range(0x20, 0x110000)
        if not 0xD800 <= code < 0xE000 and _UNCHANGED.fullmatch(chr(code))
    ]
    assert len(letters) > 30_000
    assert "".join(ftfy.fix_text(letter, unescape_html=False) for letter in letters) == "".join(
        letters
    )


def test_no_sign_of_mojibake_reaches_further_than_we_look() -> None:
    assert (
        pattern_parser.parse(BADNESS_RE.pattern, BADNESS_RE.flags).getwidth()[1] < _CONTEXT_LETTERS
    )


@given(
    st.text(
        st.sampled_from("abc Ã©Â¶â€™šŸžñüß°®™£–Жщя语のカ한\u00e2")
        | st.characters(min_codepoint=0x20, max_codepoint=0x17F),
        max_size=30,
    )
)
@settings(max_examples=500, deadline=None)
def test_text_that_skips_ftfy_is_text_that_ftfy_keeps(value: str) -> None:
    if "<" not in value and "&" not in value:
        assert plain_text(value) == " ".join(
            _CONTROL.sub("", ftfy.fix_text(value, unescape_html=False)).split()
        )


@given(
    st.lists(
        st.sampled_from(
            ["p", "br", "B", "i", "u", "em", "strong", "div", "span", "ul", "ol", "li"]
        ).flatmap(
            lambda tag: st.sampled_from([f"<{tag}>", f"</{tag}>", f"<{tag} />", f"<{tag}\n>"])
        )
        | st.sampled_from(["a", "b ", " c", "&", "& d", ">", "\n", "é", "\x0c", "x"])
    ).map("".join)
)
@settings(max_examples=500, deadline=None)
def test_bare_tags_are_dropped_as_the_parser_drops_them(value: str) -> None:
    root = LexborHTMLParser(_BLOCK.sub(" <", value)).root
    assert root is not None
    assert plain_text(value).split() == root.text(deep=True).split()
