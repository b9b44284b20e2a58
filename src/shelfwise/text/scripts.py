"""Scripts that put no blanks between words, and signs within words that are not meant.

Source: Unicode Standard Annex 29, text segmentation. Every ideograph and hiragana is a word of its own, marks
belong to the letter before them, and format characters to the word around them. The annex leaves Thai, Lao,
Khmer and Burmese to dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import regex

IDEOGRAPH = r"[\p{Ideographic}\p{Script=Hiragana}&&\p{L}]"
"""The pattern of one, for the library `regex` with its flag V1."""

_IDEOGRAPHIC = regex.compile(IDEOGRAPH, regex.V1)

_SYLLABIC = regex.compile(r"[\p{Script=Hangul}\p{Script=Katakana}&&\p{L}]", regex.V1)
"""Each is a syllable, and many words have two; other words stand before and behind them without a blank."""

_COMPLEX = regex.compile(r"[\p{Line_Break=Complex_Context}&&\p{L}]", regex.V1)
"""Letters of Thai, Lao, Khmer, Burmese and the like: words of several letters, without blanks."""

_IGNORABLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}--\N{ZERO WIDTH SPACE}]", regex.V1)
"""Soft hyphens, joiners and variation selectors: how a word is drawn. A blank without width splits words."""


@lru_cache(maxsize=2**17)
def is_ideographic(word: str) -> bool:
    """Whether `word`, as :func:`split_scripts` leaves it, is an ideograph or a hiragana.

    >>> is_ideographic("茶"), is_ideographic("tea"), is_ideographic("")
    (True, False, False)
    """
    return _IDEOGRAPHIC.match(word) is not None


@lru_cache(maxsize=2**17)
def is_syllabic(word: str) -> bool:
    """Whether `word` has syllables of Hangul or katakana.

    >>> is_syllabic("여행가방"), is_syllabic("mug")
    (True, False)
    """
    return not word.isascii() and _SYLLABIC.search(word) is not None


def split_scripts(column: pa.Array, codes: Sequence[int], every_letter: bool = False) -> pa.Array:
    """N texts with blanks around each ideograph and hiragana, and without ignorable signs.

    Args:
        codes: the code points above 127 that the texts have; without one of those the texts are not read.
        every_letter: split Thai and its like into letters, too. N-grams of letters find their words without.

    >>> split_scripts(pa.array(["Teekanne 茶壶"]), [0x8336, 0x58F6]).to_pylist()
    ['Teekanne  茶  壶 ']
    """
    ignorable = [code for code in codes if _IGNORABLE.match(chr(code))]
    split = [code for code in codes if is_ideographic(chr(code))]
    if every_letter:
        split += [code for code in codes if _COMPLEX.match(chr(code))]
    if ignorable:
        column = pc.replace_substring_regex(column, pattern=_one_of(ignorable), replacement="")
    if split:
        # a mark is drawn on the letter before it
        letter = rf"({_one_of(split)}\pM*)"
        column = pc.replace_substring_regex(column, pattern=letter, replacement=r" \1 ")
    return column


def _one_of(codes: Iterable[int]) -> str:
    """A pattern of any of these characters; of no others, because classes of letters compile slowly."""
    return "[" + "".join(f"\\x{{{code:X}}}" for code in codes) + "]"
