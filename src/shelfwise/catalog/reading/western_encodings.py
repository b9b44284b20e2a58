"""Which encoding of Western Europe a table is in that makes no words as Windows-1252, and Hungarian ones.

DOS, old Macs and Latin-9 put the accented letters elsewhere. Read in the wrong one, words have signs or
capitals in their middle; only where exactly one gives nothing but words, it is taken, and told. Windows-1250
has the long umlauts of Hungarian where Windows-1252 has letters of Portuguese, Estonian and French, so that
each word may be one; but no language of these has such words side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

CANDIDATES = ("cp850", "mac_roman", "iso8859-15")

LATIN_9 = "iso8859-15"

_LETTERS = "äöüßÄÖÜéèêëàâáåãæçñíìîïóòôõøœúùûÿÉÈÊËÀÂÁÅÃÆÇÑÍÌÎÏÓÒÔÕØŒÚÙÛŠšŽž"
_CAPITALS = "ÄÖÜÉÈÊËÀÂÁÅÃÆÇÑÍÌÎÏÓÒÔÕØŒÚÙÛŠŽ"
_STRANGE = re.compile(
    # a letter of no language of Western Europe
    rf"[^\W\d_a-zA-Z{_LETTERS}]"
    # a sign between letters, and a capital behind a small letter
    rf"|[a-zA-Z{_LETTERS}][^\w\s\x00-\x7f\u2019\u00b4\u00b7\u00ad][a-zA-Z{_LETTERS}]|[a-zß-ÿ][{_CAPITALS}]"
    # a dot between letters, but for the two of Catalan, col·lecció
    r"|(?<=[^\W\d_])(?:(?<![lL])\u00b7|\u00b7(?![lL]))(?=[^\W\d_])"
    # of Hungarian and Portuguese in other encodings of DOS
    r"|[^\W\d_aeiouyAEIOUY]\u00ef|\u00e7[\u00e4\u00f6]"
    # controls, and boxes that are drawn
    r"|[\x80-\x9f\u2500-\u25ff\ufffd]"
)
HUNGARIAN = "cp1250"

_LONG_UMLAUTS = re.compile("[őűŐŰ]")
_ACUTES = re.compile("[áéíóúÁÉÍÓÚ]")
_NOT_HUNGARIAN = re.compile("[^a-zA-ZáéíóöőúüűÁÉÍÓÖŐÚÜŰ]")
_PORTUGUESE = re.compile("ő[eE]|Ő[eE]")
"""What õe is in Windows-1250, the only place of õ in Portuguese."""

_SHARE = 0.02
"""Words that may be strange in the right encoding, such as names of makers."""

_ENOUGH = 3
"""Distinct words with accents below which nothing can be told."""

# the sign of any currency, which nobody writes and which is the euro in Latin-9, and fractions within words
_OF_LATIN_9 = re.compile(rb"\xa4|[A-WYZa-wyz][\xbc\xbd][a-z]")
_OF_WINDOWS = re.compile(rb"[\x80-\x9f]")


def western_encoding(words: Sequence[bytes]) -> str | None:
    """The one encoding in which all but a few of some words are words; None where there is none, or two.

    Args:
        words: with bytes beyond ASCII.

    >>> western_encoding(["Küche".encode("cp850"), "Größe".encode("cp850"), "Tücher".encode("cp850")])
    'cp850'
    """
    distinct = list(dict.fromkeys(words))
    if len(distinct) < _ENOUGH:
        return None
    good = [name for name in CANDIDATES if makes_words(distinct, name)]
    return good[0] if len(good) == 1 else None


def is_latin_9(chunks: Iterable[bytes]) -> bool:
    """Whether a table that may be Windows-1252 has signs that make sense in Latin-9 only.

    >>> is_latin_9(["Cœur, 5 €".encode("iso8859-15")]), is_latin_9(["Cœur, ½ l, 5 €".encode("cp1252")])
    (True, False)
    """
    found = False
    for chunk in chunks:
        if _OF_WINDOWS.search(chunk):
            return False
        found = found or _OF_LATIN_9.search(chunk) is not None
    return found


def is_hungarian(words: Sequence[bytes]) -> bool:
    """Whether a table that may be Windows-1252 makes words of Hungarian in Windows-1250.

    Estonian has no acute accents, French no õ, and Portuguese has it in front of an e only.

    Args:
        words: with bytes beyond ASCII.

    >>> is_hungarian(["fűrész".encode("cp1250"), "kő".encode("cp1250"), "bőr".encode("cp1250")])
    True
    >>> is_hungarian(["põld".encode("cp1252"), "sõõr".encode("cp1252"), "õun".encode("cp1252")])
    False
    """
    texts = [word.decode(HUNGARIAN, "replace") for word in dict.fromkeys(words)]
    with_umlaut = [text for text in texts if _LONG_UMLAUTS.search(text)]
    if len(with_umlaut) < _ENOUGH or not any("ő" in text.lower() for text in with_umlaut):
        return False
    strange = [text for text in texts if _NOT_HUNGARIAN.search(text) or _PORTUGUESE.search(text)]
    return len(strange) <= _SHARE * len(texts) and any(map(_ACUTES.search, texts))


def makes_words(words: Sequence[bytes], encoding: str) -> bool:
    """Whether all but a few of some words are words of Western Europe in an encoding."""
    strange = [word for word in words if _STRANGE.search(word.decode(encoding, "replace"))]
    return len(strange) <= _SHARE * len(words)
