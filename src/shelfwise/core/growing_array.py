"""Numbers that come in many pieces, in one array from the first on.

Joining a list of pieces holds all of them twice, and small pieces that are freed afterwards leave holes that
the process keeps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_ROOM_SHARE = 8
"""One in so many numbers is room for further ones: what is held in vain."""


class GrowingArray:
    """An array (E,) that pieces are added to.

    >>> numbers = GrowingArray(np.int32)
    >>> numbers.add(np.array([1, 2]))
    >>> numbers.add(np.array([3]))
    >>> numbers.finished().tolist()
    [1, 2, 3]
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self._content: NDArray[Any] = np.empty(0, dtype)
        self._length = 0

    def add(self, piece: NDArray[Any]) -> None:
        """Add the numbers (K,) of a piece behind all others."""
        end = self._length + len(piece)
        if end > len(self._content):
            # nobody else has a view of it; of a large array the system moves pages, and copies nothing
            self._content.resize(end + end // _ROOM_SHARE, refcheck=False)
        self._content[self._length : end] = piece
        self._length = end

    def finished(self) -> NDArray[Any]:
        """All numbers (E,); nothing can be added any more."""
        content = self._content
        content.resize(self._length, refcheck=False)
        self._content = np.empty(0, content.dtype)
        return content
