"""Which encoding of Central Europe a table is in, told by the letters of its languages.

Windows-1250, ISO 8859-2, and those of DOS and old Macs put the letters of Polish, Czech, Slovak, Croatian,
Slovene and Hungarian in different places. Each language has few letters beyond ASCII, so that hardly a text
fits one of them in the wrong encoding. Where another reading fits nearly as well, nothing is told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_CENTRAL = ("cp1250", "iso8859-2", "cp852", "mac_latin2")
_OTHERS = (
    *("cp1252", "iso8859-15", "cp850", "mac_roman", "cp1254", "cp1257", "iso8859-13", "cp775"),
    *("iso8859-4", "iso8859-16"),
)

_ALPHABETS = {
    "Polish": "ąćęłńóśźż",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Croatian": "čćđšž",
    "Hungarian": "áéíóöőúüű",
    "Romanian": "ăâîşţ",
    "Sorbian": "ćčěłńóŕřśšžź",
    "Albanian": "çë",
    "German": "äöüß",
    "French": "àâæçéèêëîïôœùûüÿ",
    "Spanish": "áéíñóúü",
    "Portuguese": "áâãàçéêíóôõú",
    "Italian": "àèéìíîòóùú",
    "Catalan": "àçèéíïòóúü",
    "Danish": "åæøéô",
    "Swedish": "åäöéà",
    "Icelandic": "áæðéíóöúýþ",
    "Faroese": "áæðíóøúý",
    "Estonian": "äõöüšž",
    "Finnish": "åäöšž",
    "Dutch": "éèëïöü",
    "Turkish": "âçğıîöşüû",
    "Latvian": "āčēģīķļņšūž",
    "Lithuanian": "ąčęėįšųūž",
    "Maltese": "ċġħżàèìòù",
}
"""Language -> its letters beyond ASCII."""

_EDGES = "\u201e\u201c\u201d\u201a\u2018\u2019\u2013\u2014\u2026\xa0«»\u2039\u203a€®™°§"
"""Quotes, dashes and signs around words."""

_INNER_CAPITAL = re.compile(
    r"[a-zß-öø-ÿāăąćčďđēěęğłńňőřśšťůűźžż][A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĚĘĞŁŃŇŐŘŚŠŤŮŰŹŽŻ]"
)

_ENOUGH = 15
"""Distinct words beyond ASCII below which nothing is told."""

_ENOUGH_LETTERS = 3
"""Distinct letters beyond ASCII of a language below which it is not told."""

_FITTING = 0.9
"""Share of words that are of the language; others are names of makers."""

_CLEARLY = 0.3
"""By so much smaller a share another reading is dismissed."""

_MIN_DIFFERING = 3
_FEW = 0.2
"""Share of the words which two readings read differently that may fit the other one, too."""


@dataclass(frozen=True)
class _Reading:
    """Some words in an encoding, and which of them fit a language."""

    encoding: str
    texts: tuple[str, ...]
    fits: tuple[bool, ...]
    letters: int

    @property
    def share(self) -> float:
        return sum(self.fits) / len(self.fits)


def central_encoding(words: Sequence[bytes]) -> str | None:
    """The one encoding of Central Europe in which the words are of one language; None where it is not sure.

    Args:
        words: with bytes beyond ASCII.

    >>> texts = "žába čáp štěně kůň řeka děda míč kočka ježek žížala světlo hůl stůl nůž úřad rýč"
    >>> [central_encoding(texts.encode(name).split()) for name in ("cp1250", "iso8859-2")]
    ['cp1250', 'iso8859-2']
    >>> central_encoding("Küche Größe Tücher".encode("cp1252").split()) is None
    True
    """
    distinct = list(dict.fromkeys(words))
    if len(distinct) < _ENOUGH:
        return None
    readings = [one for name in (*_CENTRAL, *_OTHERS) for one in _readings(distinct, name)]
    likely = [
        one
        for one in readings
        if one.encoding in _CENTRAL and one.share >= _FITTING and one.letters >= _ENOUGH_LETTERS
    ]
    if not likely:
        return None
    best = max(likely, key=lambda one: one.share)
    return best.encoding if all(_is_dismissed(other, best) for other in readings) else None


def _readings(words: Sequence[bytes], encoding: str) -> list[_Reading]:
    """The words in one encoding, once for each language."""
    texts = tuple(word.decode(encoding, "replace").strip(_EDGES) for word in words)
    foreign = [_foreign_letters(text) for text in texts]
    used = frozenset().union(*(letters for letters in foreign if letters is not None))
    found = []
    for letters in map(frozenset, _ALPHABETS.values()):
        fits = tuple(own is not None and own <= letters for own in foreign)
        found.append(_Reading(encoding, texts, fits, len(used & letters)))
    return found


@lru_cache(maxsize=65_536)
def _foreign_letters(text: str) -> frozenset[str] | None:
    """What a word has beyond the letters of ASCII; None where it is no word."""
    if _INNER_CAPITAL.search(text):
        return None
    return frozenset(one for one in text.lower() if not one.isascii())


def _is_dismissed(other: _Reading, best: _Reading) -> bool:
    """Whether another reading gives the same texts, or fits clearly worse."""
    if other.texts == best.texts or other.share <= best.share - _CLEARLY:
        return True
    differing = [i for i, text in enumerate(best.texts) if text != other.texts[i]]
    fitting = sum(best.fits[i] for i in differing)
    return fitting >= _MIN_DIFFERING and sum(other.fits[i] for i in differing) <= _FEW * fitting
