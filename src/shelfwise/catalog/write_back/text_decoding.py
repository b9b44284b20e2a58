"""The text of a file, and the same encoding again for the changed text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shelfwise.errors import CatalogError

_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")


@dataclass(frozen=True)
class DecodedText:
    """A text, with its byte order mark if it has one.

    Args:
        errors: what becomes of characters that the encoding lacks, in the words of ``str.encode``.
    """

    text: str
    encoding: str
    errors: str = "strict"

    def encode(self, text: str) -> bytes:
        """Another text in the same encoding.

        Raises:
            UnicodeError: the encoding lacks a character of it.
        """
        return text.encode(self.encoding, self.errors)


def decoded(
    content: bytes, is_xml: bool, encoding: str | None, *, by_lines: bool = False
) -> DecodedText:
    """The text of a file.

    Args:
        is_xml: the file declares its encoding itself.
        encoding: that the reader has found; None for UTF-8.
        by_lines: every line is a record of its own; one that is no text is kept byte for byte.

    Raises:
        CatalogError: the text would be written with other bytes than it has.
        UnicodeError: the bytes are no text of the encoding.
    """
    name = encoding or "utf-8"
    declared = _DECLARED.match(content.removeprefix(b"\xef\xbb\xbf"))
    if is_xml and declared:
        name = declared[1].decode()
    for mark, marked in _MARKS:
        if content.startswith(mark):
            name = marked
    reading = "surrogateescape" if by_lines else "strict"
    try:
        text = content.decode(name, reading)
    except LookupError:
        raise CatalogError(f"its encoding {name} is not known") from None
    if text.encode(name, reading) != content:
        raise CatalogError(f"its bytes are not those that {name} has for its text")
    # a reference stands for any character that XML's encoding lacks
    return DecodedText(text, name, "xmlcharrefreplace" if is_xml else reading)
