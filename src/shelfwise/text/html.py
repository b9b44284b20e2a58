"""Text as people read it: entities decoded, mark-up dropped, mojibake fixed, white space collapsed."""

from __future__ import annotations

import re
from html import unescape
from unicodedata import normalize

import ftfy
from ftfy.badness import is_bad
from selectolax.lexbor import LexborHTMLParser

_MARKUP = re.compile(r"<[a-zA-Z/!?]")
_TAG = re.compile(r"<[^<>]*>")
_HIDDEN = re.compile(r"(?is)<(script|style)\b.*?(?:</\1\s*>|\Z)")
_BLOCK = re.compile(
    r"(?i)<(?=/?(?:br|p|div|li|ul|ol|dl|dt|dd|h[1-6]|hr|table|tr|td|th|section|article)\b)"
)
_BARE_TAG = re.compile(r"(?i)</?(?:p|br|b|i|u|em|strong|div|span|ul|ol|li)[ \t\n\f\r]*/?>")
_ENTITY = re.compile("&[a-zA-Z#]")
# the last ones say or turn the direction of what follows them, on pages and terminals, too; a byte order
# mark within a text is left of files that were put together, and a blank of no width at the edge of a word
# is left of a page: names that differ in these alone are the same
_CONTROL = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
    r"|(?<!\S)\u200b+|\u200b+(?!\S)"
)
# bold and script letters, which are meant for formulas; sellers set words in them to be seen
_STYLED = re.compile("[\U0001d400-\U0001d7ff]+")
_MAX_TAGS = 2_000
_UNCHANGED = re.compile("[ -~À-ÖØ-öø-ıĴ-ňŊ-ž°®™£€\u2014•Ѐ-џ一-鿿ぁ-ゖァ-ヺ가-힣]{1,10000}")
"""Letters that ftfy never changes alone: European, Cyrillic, Chinese, Japanese, Korean, some signs."""

_FOREIGN = re.compile("[^ -~](?:[ -~]{0,16}[^ -~])*")
_CONTEXT_LETTERS = 8
"""Letters around a foreign one that can make it look like mojibake; no pattern of ftfy is longer."""

_FIXES = ftfy.TextFixerConfig(unescape_html=False, explain=False)


def plain_text(value: str) -> str:
    """The words of `value`: no entities, tags, scripts, styles, control characters or doubled spaces.

    Entities are decoded twice, because dumps are often escaped twice. A ``<`` that opens no tag stays.
    Letters broken by a wrong encoding are fixed with ftfy, which also straightens curly quotes; letters in
    styles of formulas become plain ones. Any text is accepted; text without words becomes ``""``.

    >>> plain_text("Arts,  Music &amp;amp; <b>Photo</b>graphy<br>new<script>x()</script>")
    'Arts, Music & Photography new'
    >>> plain_text("size < 5 &lt;3")
    'size < 5 <3'
    """
    # most texts need nothing but this, so it comes first
    if value.isascii() and value.isprintable() and "&" not in value and "<" not in value:
        return _spaced(value)
    if "&" in value:
        value = unescape(unescape(value))
    if "<" in value and _MARKUP.search(value):
        value = _without_tags(value)
    if not value.isascii() and not _is_left_by_ftfy(value):
        value = ftfy.fix_text(value, _FIXES)
        value = _STYLED.sub(lambda styled: normalize("NFKC", styled[0]), value)
    return _spaced(value)


def _spaced(value: str) -> str:
    """The text without control characters and doubled spaces."""
    # of all white space only the plain space is printable
    if value.isprintable() and "  " not in value:
        return value.strip()
    return " ".join(_CONTROL.sub("", value).split())


def _is_left_by_ftfy(value: str) -> bool:
    """Whether ftfy would keep the text as it is, decided without looking at the long stretches of ASCII."""
    if not _UNCHANGED.fullmatch(value):
        return False
    for found in _FOREIGN.finditer(value):
        start = max(found.start() - _CONTEXT_LETTERS, 0)
        if is_bad(value[start : found.end() + _CONTEXT_LETTERS]):
            return False
    return True


def _without_tags(value: str) -> str:
    # the parser is quadratic in the nesting depth: 200,000 nested tags take minutes, so many are dropped by
    # pattern
    if value.count("<") > _MAX_TAGS:
        return _TAG.sub(" ", _HIDDEN.sub(" ", value))
    # tags that start a line or a cell separate words; the others do not
    value = _BLOCK.sub(" <", value)
    bare = _BARE_TAG.sub("", value)
    # nothing but tags that neither hide nor move the text: what the parser gives, in a fifth of its time
    if "<" not in bare and not _ENTITY.search(bare):
        return bare
    root = LexborHTMLParser(value).root
    if root is None:
        return ""
    for node in root.css("script, style"):
        node.decompose()
    return root.text(deep=True)
