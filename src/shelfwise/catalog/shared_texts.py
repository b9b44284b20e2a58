"""Which products have the same text, but for case and signs; no text is kept.

Dimensions: N products.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shelfwise.core.arrow_size import BLOCK_BYTES, text_blocks
from shelfwise.core.types import Rows

_BETWEEN_WORDS = r"[^\p{L}\p{N}]+"

# cleaned at a time
_CLEANED_TEXTS = 4096


def shared_texts(texts: pa.ChunkedArray, shortest: int, limit: int) -> Rows:
    """(N,) ids of cleaned texts, below N.

    It is -1 where there is none, where it is too short, and where more than `limit` products share it.

    Args:
        texts: (N,) as written.
        shortest: characters of a cleaned text that counts.
        limit: products that may share a text.
    """
    known: dict[bytes, int] = {}
    codes: list[int] = []
    # some thousand at a time: cleaning copies them several times, and a column may fill half of the memory
    for block in text_blocks(texts, BLOCK_BYTES, _CLEANED_TEXTS):
        for text in cleaned(block).to_pylist():
            if text is None or len(text) < shortest:
                codes.append(-1)
                continue
            # a digest stands for its text, so that no text is kept
            digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
            codes.append(known.setdefault(digest, len(known)))
    ids = np.array(codes, dtype=np.int64)
    filled = ids >= 0
    # one more than there are ids, so that -1 has a place too
    uses = np.bincount(ids[filled], minlength=len(ids) + 1)
    shared = filled & (uses[ids] <= limit)
    return np.where(shared, ids, -1)


def cleaned(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts in lower case, with one space between words and no other signs."""
    words = pc.replace_substring_regex(pc.utf8_lower(texts), _BETWEEN_WORDS, " ")
    return pc.utf8_trim_whitespace(words)
