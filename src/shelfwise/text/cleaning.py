"""Text to words: one pass of vectorised regular expressions over a whole column."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import numpy as np
import pyarrow.compute as pc
from pydantic import Field

from shelfwise.config import Settings
from shelfwise.text.tokenization import lowered, separators, split_column
from shelfwise.text.vocabulary import TokenArray

_LONGEST = {"title": 29, "description": 30}
_CONTRACTION = r"['\x{2019}](?:s|t|re|ve|ll|d|m)\b"
_AROUND_COMPOUNDS = (
    r"""[\s\x1c-\x1f\x{85}\pZ,;:@#$%&?!()\[\]{}<>"\x{201C}\x{201D}_]+|--+|[.'\x{2019}]+(?:\s+|$)"""
)


class CleaningSettings(Settings):
    """Which words of a text are kept.

    Words are lower-cased, and of contractions the stem stays (``women's`` -> ``women``). Kept are words of letters
    only: of a ``title`` those below 30 letters; of a ``description`` those up to 30 letters that are no stop words
    (the paper, section 3; for titles the authors' scripts).
    """

    kind: Literal["title", "description"] = "title"
    compounds: Literal["split", "drop"] = Field(
        "split",
        description="words joined by - or /: their parts, or nothing (authors' scripts: t-shirt fails isalpha)",
    )


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """The English words without a meaning of their own, and the stems that contractions leave (``don``, ``isn``)."""
    return frozenset(files("shelfwise.text").joinpath("stop_words.txt").read_text("utf-8").split())


def tokenize_column(texts: Sequence[str | None], settings: CleaningSettings) -> TokenArray:
    """The words of N texts; None and texts of which nothing is kept have none.

    >>> settings = CleaningSettings(kind="description")
    >>> tokens = tokenize_column(["A men's T-shirt in 100% cotton", None], settings)
    >>> tokens.row(0), tokens.row(1)
    (['men', 'shirt', 'cotton'], [])
    """
    column = pc.replace_substring_regex(lowered(texts), pattern=_CONTRACTION, replacement="")
    everything = split_column(
        column, separators(column) if settings.compounds == "split" else _AROUND_COMPOUNDS
    )
    return everything.remap(*_keep(everything.words, settings))


def _keep(
    words: Sequence[str], settings: CleaningSettings
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], tuple[str, ...]]:
    """The new id of each distinct word (-1: not kept) and the words that are kept, in their order."""
    unwanted = stop_words() if settings.kind == "description" else frozenset()
    longest = _LONGEST[settings.kind]
    wanted = np.array(
        [word.isalpha() and len(word) <= longest and word not in unwanted for word in words], dtype=bool
    )
    table = np.where(wanted, np.cumsum(wanted) - 1, -1).astype(np.int32)
    return table, tuple(word for word, keep in zip(words, wanted, strict=True) if keep)
