"""Words to numbers: rows of numbers of any length, and the vocabulary of the training rows."""

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
        # numpy's diff takes four times as long of a single row
        return self.offsets[1:] - self.offsets[:-1]

    def take(self, rows: NDArray[Any]) -> Self:
        """The given rows, in that order."""
        ids, offsets = _gather(self.ids, self.offsets[rows], self.lengths[rows])
        return self._with(ids, offsets)

    def keep(self, mask: NDArray[np.bool_]) -> Self:
        """Only the numbers whose `mask` (T,) is true; every row stays, even if nothing is left in it."""
        kept_before = np.concatenate([[0], np.cumsum(mask)]).astype(np.int64)
        return self._with(self.ids[mask], kept_before[self.offsets])

    def truncate(self, longest: int, cut: Literal["pre", "post"]) -> Self:
        """Rows of at most `longest`: ``post`` cuts off the end, ``pre`` the beginning (the Keras default)."""
        lengths = np.minimum(self.lengths, longest)
        starts = self.offsets[:-1]
        if cut == "pre":
            starts = self.offsets[1:] - lengths
        ids, offsets = _gather(self.ids, starts, lengths)
        return self._with(ids, offsets)

    def windows(
        self, rows: NDArray[Any], size: int, longest: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The different windows of `size` numbers in the given rows (B,), as if 0 filled each to `longest`.

        A window of zeros alone stands for all of its kind. So what is computed from a row's windows is no
        more work beside longer rows, and no different. Rows must be at most `longest` long, `size` too.

        Returns:
            (R, size) the windows, row after row, and (B,) how many each row has, at least 1.

        >>> row = Ragged(np.array([7, 8], np.int32), np.array([0, 2]))
        >>> row.windows(np.array([0]), size=2, longest=9)[0].tolist()
        [[7, 8], [8, 0], [0, 0]]
        """
        lengths = self.lengths[rows]
        # a window begins at each number and once behind the last one, as far as `longest` has room
        counts = np.minimum(lengths, longest - size) + 1
        windows_before = np.cumsum(counts) - counts
        first = np.arange(counts.sum()) - np.repeat(windows_before, counts)
        # (R, size): places within the row; those behind its end stay 0
        places = first[:, None] + np.arange(size)
        inside = places < np.repeat(lengths, counts)[:, None]
        starts = np.repeat(self.offsets[rows], counts)[:, None]
        windows = np.zeros(places.shape, dtype=np.int64)
        windows[inside] = self.ids[(places + starts)[inside]]
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
        id_of: dict[str, int] = {}
        ids: list[int] = []
        offsets = [0]
        for row in rows:
            # a new word gets the next free id
            ids += [id_of.setdefault(word, len(id_of)) for word in row]
            offsets.append(len(ids))
        words = tuple(id_of)
        return cls(np.array(ids, np.int32), np.array(offsets, np.int64), words)

    def row(self, index: int) -> list[str]:
        """The words of one text."""
        start, end = self.offsets[index : index + 2]
        return [self.words[i] for i in self.ids[start:end]]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(len(words),) how often each word occurs in these rows."""
        return np.bincount(self.ids, minlength=len(self.words))

    def distinct(self) -> tuple[str, ...]:
        """The words that occur in these rows."""
        return tuple(self.words[i] for i in np.flatnonzero(self.counts))

    def keep_words(self, wanted: NDArray[np.bool_]) -> TokenArray:
        """Only the words that are `wanted` (W,), numbered anew in their order."""
        # a kept word's new id is how many are kept before it
        new_ids = np.where(wanted, np.cumsum(wanted) - 1, -1).astype(np.int32)
        words = tuple(word for word, is_kept in zip(self.words, wanted, strict=True) if is_kept)
        kept = Ragged(new_ids[self.ids], self.offsets)
        kept = kept.keep(kept.ids >= 0)
        return TokenArray(kept.ids, kept.offsets, words)

    def _with(self, ids: Ids, offsets: Offsets) -> Self:
        return type(self)(ids, offsets, self.words)


@dataclass(frozen=True)
class Vocabulary:
    """The commonest words of the training texts; word i has the number i + 1, and 0 is padding.

    As the Keras ``Tokenizer(num_words)`` of the authors' scripts: by falling frequency, ties by first
    occurrence. Rarer words have no number at all and vanish before padding.
    """

    words: tuple[str, ...]

    @classmethod
    def fit(cls, tokens: TokenArray, size: int = 10_000) -> Vocabulary:
        """The ``size - 1`` commonest words of `tokens`, which must be training rows only.

        >>> Vocabulary.fit(TokenArray.of([["red", "shoe"], ["blue", "shoe"]]), size=3).words
        ('shoe', 'red')
        """
        # place of each word's first occurrence; assigned backwards, because the last assignment to an index
        # stays
        count = len(tokens.ids)
        first_place = np.full(len(tokens.words), count)
        first_place[tokens.ids[::-1]] = np.arange(count)[::-1]
        # the last key of lexsort counts first
        order = np.lexsort((first_place, -tokens.counts))[: size - 1]
        return cls(tuple(tokens.words[i] for i in order if tokens.counts[i]))

    def __len__(self) -> int:
        """Rows an embedding needs: the words and the padding."""
        return len(self.words) + 1

    def encode(self, tokens: TokenArray) -> Ragged:
        """Each row's known words as numbers from 1; unknown words leave no gap."""
        numbers = self._numbers
        # looked up once a distinct word, not once an occurrence
        table = np.array([numbers.get(word, 0) for word in tokens.words], dtype=np.int32)
        packed = Ragged(table[tokens.ids], tokens.offsets)
        return packed.keep(packed.ids > 0)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words, start=1)}


def _gather(ids: Ids, starts: Offsets, lengths: Offsets) -> tuple[Ids, Offsets]:
    """Pieces of `ids` end to end, with their new offsets, without a loop over rows."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    # each number's old position is its new one, shifted as far as its piece moves
    shifts = starts - offsets[:-1]
    positions = np.arange(offsets[-1]) + np.repeat(shifts, lengths)
    return ids[positions], offsets
