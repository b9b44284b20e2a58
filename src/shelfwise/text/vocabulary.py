"""Words to numbers: ragged token columns, and the vocabulary learnt from the training rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Offsets = NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """N rows of numbers, end to end.

    Args:
        ids: (T,) int32, all rows' numbers.
        offsets: (N + 1,) int64; row i is ``ids[offsets[i]:offsets[i + 1]]``.
    """

    ids: Ids
    offsets: Offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Offsets:
        """(N,) numbers per row."""
        return np.diff(self.offsets)

    def take(self, rows: NDArray[Any]) -> Self:
        """The given rows, in that order."""
        starts, lengths = self.offsets[rows], self.lengths[rows]
        return self._with(*_gather(self.ids, starts, lengths))

    def keep(self, mask: NDArray[np.bool_]) -> Self:
        """Only the numbers whose `mask` (T,) is true; rows move together, none goes."""
        before = np.concatenate([[0], np.cumsum(mask)]).astype(np.int64)
        return self._with(self.ids[mask], before[self.offsets])

    def truncate(self, longest: int, cut: Literal["pre", "post"]) -> Self:
        """Rows of at most `longest`: ``post`` cuts off their end, ``pre`` their beginning (the Keras default)."""
        lengths = np.minimum(self.lengths, longest)
        starts = self.offsets[:-1] if cut == "post" else self.offsets[1:] - lengths
        return self._with(*_gather(self.ids, starts, lengths))

    def windows(
        self, rows: NDArray[Any], size: int, longest: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All different stretches of `size` numbers in the given rows (B,), as if 0 followed each row up to `longest`.

        A window of zeros alone stands for all of its kind, so what is computed from the windows of a row is neither
        more work in the company of longer rows, nor any different. Rows must be at most `longest` long, `size` too.

        Returns:
            (R, size) the windows, row after row, and (B,) how many each row has, at least 1.

        >>> Ragged(np.array([7, 8], np.int32), np.array([0, 2])).windows(np.array([0]), size=2, longest=9)[0].tolist()
        [[7, 8], [8, 0], [0, 0]]
        """
        lengths = self.lengths[rows]
        counts = np.minimum(lengths, longest - size) + 1
        first = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        positions = first[:, None] + np.arange(size)
        inside = positions < np.repeat(lengths, counts)[:, None]
        windows = np.zeros(positions.shape, dtype=np.int64)
        windows[inside] = self.ids[(positions + np.repeat(self.offsets[rows], counts)[:, None])[inside]]
        return windows, counts

    def _with(self, ids: Ids, offsets: Offsets) -> Self:
        return type(self)(ids, offsets)


@dataclass(frozen=True)
class TokenArray(Ragged):
    """The words of N texts; `ids` are positions in `words`.

    Args:
        words: distinct words, in order of first appearance in the column the array was made from. Rows taken
            from it share them, so some may not occur.
    """

    words: tuple[str, ...]

    @classmethod
    def of(cls, rows: Iterable[Sequence[str]]) -> TokenArray:
        """From lists of words.

        >>> TokenArray.of([["red", "shoe"], [], ["red"]]).ids
        array([0, 1, 0], dtype=int32)
        """
        table: dict[str, int] = {}
        ids = [[table.setdefault(word, len(table)) for word in row] for row in rows]
        offsets = np.cumsum([0, *map(len, ids)]).astype(np.int64)
        return cls(np.array([i for row in ids for i in row], dtype=np.int32), offsets, tuple(table))

    def row(self, index: int) -> list[str]:
        """The words of one text."""
        return [self.words[i] for i in self.ids[self.offsets[index] : self.offsets[index + 1]]]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(len(words),) how often each word occurs in these rows."""
        return np.bincount(self.ids, minlength=len(self.words))

    def distinct(self) -> tuple[str, ...]:
        """The words that occur in these rows."""
        return tuple(self.words[i] for i in np.flatnonzero(self.counts))

    def remap(self, table: Ids, words: tuple[str, ...]) -> TokenArray:
        """Number the words anew: word i becomes ``table[i]``, an index into `words`; below 0 it is dropped."""
        packed = Ragged(table[self.ids], self.offsets)
        packed = packed.keep(packed.ids >= 0)
        return TokenArray(packed.ids, packed.offsets, words)

    def _with(self, ids: Ids, offsets: Offsets) -> Self:
        return type(self)(ids, offsets, self.words)


@dataclass(frozen=True)
class Vocabulary:
    """The commonest words of the training texts; word i has the number i + 1, and 0 is padding.

    As the Keras ``Tokenizer(num_words)`` of the authors' scripts: by falling frequency, ties by first occurrence;
    rarer words have no number at all and vanish before padding.
    """

    words: tuple[str, ...]

    @classmethod
    def fit(cls, tokens: TokenArray, size: int = 10_000) -> Vocabulary:
        """The ``size - 1`` commonest words of `tokens`, which must be training rows only.

        >>> Vocabulary.fit(TokenArray.of([["red", "shoe"], ["blue", "shoe"]]), size=3).words
        ('shoe', 'red')
        """
        first = np.full(len(tokens.words), len(tokens.ids))
        first[tokens.ids[::-1]] = np.arange(len(tokens.ids))[
            ::-1
        ]  # of repeated indices the last assignment stays
        order = np.lexsort((first, -tokens.counts))[: size - 1]
        return cls(tuple(tokens.words[i] for i in order if tokens.counts[i]))

    def __len__(self) -> int:
        """Rows an embedding needs: the words and the padding."""
        return len(self.words) + 1

    def encode(self, tokens: TokenArray) -> Ragged:
        """Each row's known words as numbers from 1; unknown words leave no gap."""
        numbers = self._numbers
        table = np.array([numbers.get(word, 0) for word in tokens.words], dtype=np.int32)
        packed = Ragged(table[tokens.ids], tokens.offsets)
        return packed.keep(packed.ids > 0)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words, start=1)}


def _gather(ids: Ids, starts: Offsets, lengths: Offsets) -> tuple[Ids, Offsets]:
    """Pieces of `ids` end to end, with their new offsets, without a loop over rows."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    positions = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return ids[positions], offsets
