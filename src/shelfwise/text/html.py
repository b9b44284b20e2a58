"""Text as people read it: entities decoded, mark-up dropped, mojibake mended, white space collapsed."""

from __future__ import annotations

import re
from html import unescape

import ftfy
from selectolax.lexbor import LexborHTMLParser

_MARKUP = re.compile(r"<[a-zA-Z/!?]")
_TAG = re.compile(r"<[^<>]*>")
_HIDDEN = re.compile(r"(?is)<(script|style)\b.*?(?:</\1\s*>|\Z)")
_BLOCK = re.compile(r"(?i)<(?=/?(?:br|p|div|li|ul|ol|dl|dt|dd|h[1-6]|hr|table|tr|td|th|section|article)\b)")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
_MAX_TAGS = 2_000


def plain_text(value: str) -> str:
    """The words of `value`: no entities, tags, scripts, styles, control characters or doubled spaces.

    Entities are decoded twice, because dumps are often escaped twice. A ``<`` that opens no tag stays.
    Letters broken by a wrong encoding are mended with ftfy (which also straightens curly quotes). Any text is
    accepted; text without words becomes ``""``.

    >>> plain_text("Arts,  Music &amp;amp; <b>Photo</b>graphy<br>new<script>x()</script>")
    'Arts, Music & Photography new'
    >>> plain_text("size < 5 &lt;3")
    'size < 5 <3'
    """
    if value.isascii() and value.isprintable() and "&" not in value and "<" not in value:
        return " ".join(value.split())
    if "&" in value:
        value = unescape(unescape(value))
    if _MARKUP.search(value):
        value = _without_tags(value)
    if not value.isascii():
        value = ftfy.fix_text(value, unescape_html=False)
    return " ".join(_CONTROL.sub("", value).split())


def _without_tags(value: str) -> str:
    # The parser is quadratic in the nesting depth: 200,000 nested tags take minutes, so that many are stripped by pattern.
    if value.count("<") > _MAX_TAGS:
        return _TAG.sub(" ", _HIDDEN.sub(" ", value))
    root = LexborHTMLParser(_BLOCK.sub(" <", value)).root
    if root is None:
        return ""
    for node in root.css("script, style"):
        node.decompose()
    return root.text(deep=True)
