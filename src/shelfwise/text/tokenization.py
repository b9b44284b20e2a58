"""A column of texts split into words, for a million texts or for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal
from unicodedata import category

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.text.vocabulary import TokenArray

Segmentation = Literal["unicode", "blanks"]
"""How words are split. unicode: by Unicode's rules, also without blanks; blanks: as in shelfwise 0.1."""

_ASCII_SEPARATORS = r"\x00-/:-@\[-`{-\x7f"
_CHUNK_TEXTS = 4096


def lowered(texts: Sequence[str | None]) -> pa.Array:
    """N texts in lower case; None is empty."""
    return pc.utf8_lower(pa.array(texts, pa.large_string()).fill_null(""))


def separators(codes: Iterable[int]) -> str:
    """The pattern of what stands between words: everything but letters, marks and numbers of any script.

    As classes of letters the pattern would take several milliseconds to compile, longer than all else for one
    product. So it names the separators beyond ASCII.

    Args:
        codes: the code points above 127 that the texts have.

    >>> separators([0x2013])
    '[\\\\x00-/:-@\\\\[-`{-\\\\x7f\\\\x{2013}]+'
    """
    # Unicode categories: L letters, M marks, N numbers
    between = [code for code in codes if category(chr(code))[0] not in "LMN"]
    escaped = "".join(f"\\x{{{code:X}}}" for code in between)
    return f"[{_ASCII_SEPARATORS}{escaped}]+"


def beyond_ascii(column: pa.Array) -> list[int]:
    """The code points above 127 that N texts have, rising."""
    texts = column.filter(pc.invert(pc.string_is_ascii(column)))
    found: set[int] = set()
    # in chunks, because four bytes a letter of a whole column would be much memory
    for start in range(0, len(texts), _CHUNK_TEXTS):
        letters = "".join(texts.slice(start, _CHUNK_TEXTS).to_pylist())
        codes = np.frombuffer(letters.encode("utf-32-le"), np.uint32)
        found.update(np.flatnonzero(np.bincount(codes)).tolist())
    return [code for code in sorted(found) if code > 127]


def split_column(column: pa.Array, between: str) -> TokenArray:
    """What stands between matches of the pattern `between`; one at the end of a text leaves an empty word.

    >>> split_column(pa.array(["red mug", "a mug."]), r"[ .]+").words
    ('red', 'mug', 'a', '')
    """
    # Arrow also splits at spaces of all scripts, but that reads beyond the last text,
    # and may leave the blank on its last word
    spaced = pc.replace_substring_regex(column, pattern=between, replacement=" ")
    lists = pc.ascii_split_whitespace(spaced)
    encoded = lists.values.dictionary_encode()
    ids = encoded.indices.to_numpy()
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return TokenArray(ids, offsets, tuple(encoded.dictionary.to_pylist()))
