"""Text to words: one pass of vectorised regular expressions over a whole column."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import numpy as np
import pyarrow.compute as pc
import regex
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from shelfwise.text.scripts import split_scripts
from shelfwise.text.tokenization import (
    Segmentation,
    beyond_ascii,
    lowered,
    separators,
    split_column,
)
from shelfwise.text.vocabulary import TokenArray

_MAX_LETTERS = {"title": 29, "description": 30}
_CONTRACTION = r"['\x{2019}](?:s|t|re|ve|ll|d|m)\b"
_AROUND_COMPOUNDS = (
    r"""[\s\x1c-\x1f\x{85}\pZ,;:@#$%&?!()\[\]{}<>"\x{201C}\x{201D}_]+|--+|[.'\x{2019}]+(?:\s+|$)"""
)

_MARKS = regex.compile(r"\p{M}+")


class CleaningSettings(BaseModel):
    """Which words of a text are kept.

    Words are lower-cased, and of contractions the stem stays (``women's`` -> ``women``). Kept are words of
    letters only. A ``title`` keeps those below 30 letters, a ``description`` those up to 30 letters that are
    no stop words (the paper, section 3; for titles the authors' scripts).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["title", "description"] = Field(
        "title",
        description="which words are kept: title those of letters only; description also drops stop words",
    )
    compounds: Literal["split", "drop"] = Field(
        "split",
        description="words with - or / in them: split keeps their parts, drop nothing (the authors' scripts)",
    )
    segmentation: Segmentation = Field(
        "unicode",
        description="where words end: at white space and signs; unicode also makes each letter of a script "
        "without blanks a word, blanks does not",
    )


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """English words without a meaning of their own, and the stems of contractions (``don``, ``isn``)."""
    return frozenset(files("shelfwise.text").joinpath("stop_words.txt").read_text("utf-8").split())


def tokenize_column(texts: Sequence[str | None], settings: CleaningSettings) -> TokenArray:
    """The words of N texts; None and texts of which nothing is kept have none.

    >>> settings = CleaningSettings(kind="description")
    >>> tokens = tokenize_column(["A men's T-shirt in 100% cotton", None], settings)
    >>> tokens.row(0), tokens.row(1)
    (['men', 'shirt', 'cotton'], [])
    """
    # contractions go before splitting: afterwards the apostrophe would be gone
    column = pc.replace_substring_regex(lowered(texts), pattern=_CONTRACTION, replacement="")
    codes = beyond_ascii(column)
    if settings.segmentation == "unicode":
        column = split_scripts(column, codes, every_letter=True)
    # compounds that stay whole contain a sign, so the filter for letters drops them
    between = separators(codes) if settings.compounds == "split" else _AROUND_COMPOUNDS
    tokens = split_column(column, between)
    return tokens.keep_words(_wanted(tokens.words, settings))


def _wanted(words: Sequence[str], settings: CleaningSettings) -> NDArray[np.bool_]:
    """(W,) which of the distinct words are kept."""
    unwanted = stop_words() if settings.kind == "description" else frozenset()
    longest = _MAX_LETTERS[settings.kind]
    # decided once a distinct word, however often it occurs
    fits = []
    for word in words:
        letters = word
        if settings.segmentation == "unicode" and not word.isascii():
            # the marks of Hindi or Thai vowels are written on letters
            letters = _MARKS.sub("", word)
        fits.append(letters.isalpha() and len(word) <= longest and word not in unwanted)
    return np.array(fits, dtype=bool)
