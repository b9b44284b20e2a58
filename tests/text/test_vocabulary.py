from collections import Counter
from typing import Literal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfwise.text.vocabulary import Ragged, TokenArray, Vocabulary

LETTERS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=9), min_size=1, max_size=8)


def lists(ragged: Ragged) -> list[list[int]]:
    return [
        ragged.ids[a:b].tolist() for a, b in zip(ragged.offsets, ragged.offsets[1:], strict=False)
    ]


def rows(tokens: TokenArray) -> list[list[str]]:
    return [tokens.row(i) for i in range(len(tokens))]


def keras_word_index(texts: list[list[str]]) -> dict[str, int]:
    """What the Keras Tokenizer does: a stable sort by falling count of words in order of first appearance."""
    counts = Counter(word for text in texts for word in text)
    return {
        word: i
        for i, (word, _) in enumerate(sorted(counts.items(), key=lambda item: -item[1]), start=1)
    }


@given(LETTERS, st.data())
def test_take_is_indexing(texts: list[list[str]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=10))
    taken = TokenArray.of(texts).take(np.array(chosen, dtype=np.int64))
    assert rows(taken) == [texts[i] for i in chosen]
    assert set(taken.distinct()) == {word for i in chosen for word in texts[i]}


@given(LETTERS, st.integers(2, 9), st.data())
def test_vocabulary_is_that_of_keras(
    texts: list[list[str]], size: int, data: st.DataObject
) -> None:
    train = data.draw(st.permutations(range(len(texts))))[: max(1, len(texts) // 2)]
    tokens = TokenArray.of(texts)
    vocabulary = Vocabulary.fit(tokens.take(np.array(train)), size)
    index = {word: i for word, i in keras_word_index([texts[i] for i in train]).items() if i < size}
    assert dict(zip(vocabulary.words, range(1, size), strict=False)) == index
    assert len(vocabulary) == len(index) + 1
    assert lists(vocabulary.encode(tokens)) == [
        [index[word] for word in text if word in index] for text in texts
    ]


@given(LETTERS, st.integers(1, 10), st.sampled_from(["pre", "post"]))
def test_truncation(texts: list[list[str]], longest: int, cut: Literal["pre", "post"]) -> None:
    expected = [text[:longest] if cut == "post" else text[-longest:] for text in texts]
    assert rows(TokenArray.of(texts).truncate(longest, cut)) == expected


@given(LETTERS, st.integers(1, 5), st.integers(0, 9))
def test_windows_are_those_of_rows_padded_to_the_longest(
    texts: list[list[str]], size: int, more: int
) -> None:
    vocabulary = Vocabulary.fit(TokenArray.of(texts))
    longest = max(size, max(map(len, texts)) + more)
    ragged = vocabulary.encode(TokenArray.of(texts))
    windows, counts = ragged.windows(np.arange(len(texts)), size, longest)
    pieces = np.split(windows, np.cumsum(counts)[:-1])
    for text, piece in zip(lists(ragged), pieces, strict=True):
        padded = text + [0] * (longest - len(text))
        assert {tuple(w) for w in piece} == {
            tuple(padded[i : i + size]) for i in range(longest - size + 1)
        }


def test_windows_of_chosen_rows() -> None:
    ragged = Ragged(np.array([1, 2, 3], np.int32), np.array([0, 2, 2, 3]))
    windows, counts = ragged.windows(np.array([2, 1]), size=2, longest=3)
    assert windows.tolist() == [[3, 0], [0, 0], [0, 0]]
    assert counts.tolist() == [2, 1]


def test_nothing_to_learn_from() -> None:
    vocabulary = Vocabulary.fit(TokenArray.of([[], []]))
    assert vocabulary.words == ()
    assert vocabulary.encode(TokenArray.of([["new"]])).lengths.tolist() == [0]


def test_unknown_words_leave_no_gap_and_go_before_truncation() -> None:
    vocabulary = Vocabulary(("red", "shoe"))
    encoded = vocabulary.encode(TokenArray.of([["big", "red", "big", "shoe"]])).truncate(2, "post")
    assert lists(encoded) == [[1, 2]]


def test_many_rows_at_once() -> None:
    count = 20_000
    rng = np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 30, count))]).astype(np.int64)
    tokens = TokenArray(
        rng.integers(0, 500, offsets[-1]).astype(np.int32),
        offsets,
        tuple(f"w{i}" for i in range(500)),
    )
    encoded = Vocabulary.fit(tokens, 100).encode(tokens)
    assert len(encoded) == count
    assert encoded.ids.min() == 1
    assert encoded.ids.max() == 99
    common = {word for word, _ in Counter(tokens.words[i] for i in tokens.ids).most_common(99)}
    assert encoded.lengths[:50].tolist() == [
        sum(word in common for word in tokens.row(i)) for i in range(50)
    ]
