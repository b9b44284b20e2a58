"""Texts of categories without what a page, a list or a cell puts around the names."""

from __future__ import annotations

import html
import re
from functools import lru_cache

from shelfwise.catalog.reading.categories.written_lists import unbracketed
from shelfwise.text.html import plain_text

_LINE_END = re.compile(r"(?i)<br\s*/?>|</(?:li|p|div|td|dd)>")
"""Mark-up that ends a line of a page."""

_BULLETS = re.compile(r"(?:\s*[-*\u2022]\s+\S.*(?:\n|$))+")
_BULLET = re.compile(r"(?m)^\s*[-*\u2022]\s+")

_HASHTAGS = re.compile(r"(?:\s*#[^\W\d][^\s#]*)+\s*")
"""Words with a sign in front, as in notes; ``C#`` and ``#1 Gifts`` are names."""

_SCHEME = re.compile(r"(^|[,;|\n]\s*)[A-Za-z]+:/(?=[^/\s])")
"""The kind of thing in front of a path from the root, ``object:/Home/Mugs``; addresses have two strokes."""

_QUOTED = re.compile(r"\s*\"[^\"]*\"(\s*[,;|]\s*\"[^\"]*\")*\s*")


@lru_cache(maxsize=65_536)
def read_name(value: str) -> str:
    """A category's name as plain text."""
    return plain_text(value)


def signs_only(text: str) -> str:
    r"""A text of categories whose signs all separate or belong to names: none is left of mark-up, brackets,
    bullets, hash signs or quotes.

    Line breaks and tabs stay, as they may separate; what a page shows below each other stands on lines.

    >>> signs_only("Home &gt; <b>Mugs</b>"), signs_only("[Mugs, Gifts]")
    ('Home > Mugs', 'Mugs, Gifts')
    >>> signs_only("<li>Mugs</li><li>Gifts</li>"), signs_only("- Mugs\n- Gifts")
    ('Mugs\nGifts', 'Mugs\nGifts')
    >>> signs_only('"Mugs", "Gifts"')
    'Mugs, Gifts'
    >>> signs_only("object:/Home/Mugs,object:/Gifts"), signs_only("https://shop.example/mugs")
    ('/Home/Mugs,/Gifts', 'https://shop.example/mugs')
    """
    text = unbracketed(text)
    if "<" in text:
        lines = _LINE_END.sub("\n", text).splitlines()
        text = "\n".join(filter(None, map(read_name, lines)))
    # a name such as "A&amp;B" holds a sign that is none; dumps are often escaped twice
    elif "&" in text:
        text = html.unescape(html.unescape(text))
    if ":/" in text:
        text = _SCHEME.sub(r"\1/", text)
    if _BULLETS.fullmatch(text):
        text = _BULLET.sub("", text)
    if _HASHTAGS.fullmatch(text):
        text = "\n".join(text.replace("#", " ").split())
    return text.replace('"', "") if _QUOTED.fullmatch(text) else text
