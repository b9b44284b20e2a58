"""How many words two texts have in common.

Dimensions: N products, E pairs of them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from shelfwise.catalog.shared_texts import cleaned
from shelfwise.core.types import Floats, Rows


def shared_words(texts: pa.ChunkedArray, first: Rows, second: Rows) -> Floats:
    """(E,) the share of the different words of two texts that both have, 0 to 1; 0 where both have none.

    >>> titles = pa.chunked_array([["Red mug, large", "Large mug, blue", None]])
    >>> shared_words(titles, np.array([0, 0]), np.array([1, 2])).tolist()
    [0.5, 0.0]

    Args:
        texts: (N,) as written; case and signs do not matter.
        first: (E,) rows.
        second: (E,) rows.
    """
    # only of products that are in a pair: others may be a million
    rows, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    words = [frozenset((text or "").split()) for text in cleaned(texts.take(rows)).to_pylist()]
    shares = np.zeros(len(first), np.float32)
    for pair, (one, other) in enumerate(places.reshape(2, -1).T.tolist()):
        together = words[one] | words[other]
        if together:
            shares[pair] = len(words[one] & words[other]) / len(together)
    return shares
