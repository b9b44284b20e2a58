"""A column of texts cut into pieces, for a million texts or for one."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import category

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.text.vocabulary import TokenArray

_ASCII_SEPARATORS = r"\x00-/:-@\[-`{-\x7f"
_PIECE = 4096


def lowered(texts: Sequence[str | None]) -> pa.Array:
    """N texts in lower case; None is empty."""
    return pc.utf8_lower(pa.array(texts, pa.large_string()).fill_null(""))


def separators(column: pa.Array) -> str:
    """The pattern of what stands between the words of `column`: all that is no letter, mark or number of any script.

    In these terms the pattern would take several milliseconds to compile, longer than all else for one product, so it names
    those beyond ASCII that the column has.

    >>> separators(pa.array(["thé – vert"]))
    '[\\\\x00-/:-@\\\\[-`{-\\\\x7f\\\\x{2013}]+'
    """
    texts = column.filter(pc.invert(pc.string_is_ascii(column)))
    found: set[int] = set()
    for start in range(0, len(texts), _PIECE):
        letters = "".join(texts.slice(start, _PIECE).to_pylist())
        found.update(
            np.flatnonzero(np.bincount(np.frombuffer(letters.encode("utf-32-le"), np.uint32))).tolist()
        )
    beyond = [
        f"\\x{{{code:X}}}" for code in sorted(found) if code > 127 and category(chr(code))[0] not in "LMN"
    ]
    return f"[{_ASCII_SEPARATORS}{''.join(beyond)}]+"


def split_column(column: pa.Array, between: str) -> TokenArray:
    """What stands between matches of the pattern `between`; one at either end of a text leaves an empty piece there.

    >>> split_column(pa.array(["red mug", "a mug."]), r"[ .]+").words
    ('red', 'mug', 'a', '')
    """
    # for spaces of all scripts Arrow has a split of its own, but it reads beyond the last text, and may leave the blank on its last word
    lists = pc.ascii_split_whitespace(pc.replace_substring_regex(column, pattern=between, replacement=" "))
    encoded = lists.values.dictionary_encode()
    return TokenArray(
        encoded.indices.to_numpy(),
        lists.offsets.to_numpy().astype(np.int64),
        tuple(encoded.dictionary.to_pylist()),
    )
