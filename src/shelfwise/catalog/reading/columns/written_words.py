"""Words of column names, also as they are written without accents: ``libellé`` and ``libelle``."""

# ruff: noqa: RUF001 - the letters of other languages look like ours

from __future__ import annotations

import unicodedata

_SHORTEST = 4
"""Letters below which a word without its accents is another one, as ``ár`` and ``ar`` are."""

_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "ß": "ss"})
"""Those that are no letter with an accent to Unicode."""


def words_of(text: str) -> tuple[str, ...]:
    """The words between blanks, each once, behind each accented one what programs make of it.

    >>> words_of("libellé ár")
    ('libellé', 'libelle', 'ár')
    """
    return tuple(dict.fromkeys(one for word in text.split() for one in (word, _plain(word))))


def word_set(text: str) -> frozenset[str]:
    """As :func:`words_of`, where their order says nothing."""
    return frozenset(words_of(text))


def _plain(word: str) -> str:
    """A word without accents; as given where it is short, or in another script than the Latin one."""
    parts = unicodedata.normalize("NFD", word.translate(_LETTERS))
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    return plain if plain.isascii() and len(plain) >= _SHORTEST else word
