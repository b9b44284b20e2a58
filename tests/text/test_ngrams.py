import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from shelfwise.text import ngrams
from shelfwise.text.gram_counts import Grams
from shelfwise.text.ngrams import letter_grams, split_words, word_grams
from shelfwise.text.vocabulary import TokenArray

TEXTS = [
    "Red T-shirt, 2-pack",
    None,
    "  ",
    "red red shoe",
    "Ωmega ÜBER shoe's",
    "a",
    "2 pack red shoe",
]
WORDS = st.lists(
    st.lists(st.text("abé1", min_size=1, max_size=5), max_size=6), min_size=1, max_size=6
)


def sorted_columns(counts: np.ndarray) -> np.ndarray:
    """The columns in an order that does not depend on the n-grams' names."""
    return counts[:, np.lexsort(counts)]


class TestSplitWords:
    def test_keeps_digits_stop_words_and_single_letters(self) -> None:
        tokens = split_words(TEXTS)
        assert tokens.row(0) == ["red", "t", "shirt", "2", "pack"]
        assert tokens.row(4) == ["ωmega", "über", "shoe", "s"]
        assert [int(n) for n in tokens.lengths] == [5, 0, 0, 3, 4, 1, 4]
        assert "" not in tokens.words

    def test_no_text_at_all(self) -> None:
        assert len(split_words([])) == 0
        assert word_grams(split_words([None]), (1, 2)).counts.shape == (1, 0)
        assert letter_grams(split_words([None]), (3,)).counts.shape == (1, 0)


class TestAgainstScikitLearn:
    @given(WORDS)
    def test_words(self, rows: list[list[str]]) -> None:
        ours = word_grams(TokenArray.of(rows), (1, 2, 3))
        if not any(rows):
            assert ours.counts.nnz == 0
            return
        theirs = CountVectorizer(
            analyzer=lambda r: [
                tuple(r[i : i + n]) for n in (1, 2, 3) for i in range(len(r) - n + 1)
            ]
        )
        expected = theirs.fit_transform(rows).toarray()
        assert np.array_equal(sorted_columns(ours.counts.toarray()), sorted_columns(expected))

    @given(WORDS)
    def test_letters(self, rows: list[list[str]]) -> None:
        ours = letter_grams(TokenArray.of(rows), (2, 3))
        if not any(rows):
            assert ours.counts.nnz == 0
            return
        theirs = CountVectorizer(
            analyzer=lambda r: [
                f" {w} "[i : i + n] for w in r for n in (2, 3) for i in range(len(w) + 3 - n)
            ],
            lowercase=False,
        )
        expected = theirs.fit_transform(rows).toarray()
        assert np.array_equal(sorted_columns(ours.counts.toarray()), sorted_columns(expected))


class TestKeys:
    def test_do_not_depend_on_the_rest_of_the_catalogue(self) -> None:
        alone, among = (word_grams(split_words(texts), (1, 2)) for texts in (["red shoe"], TEXTS))
        assert np.isin(alone.keys, among.keys).all()
        assert len(alone.keys) == 3

    def test_order_and_length_of_a_run_matter(self) -> None:
        tokens = TokenArray.of([["a", "b"], ["b", "a"], ["ab"], ["ba"], ["a", "a"], ["aa"]])
        both = [*word_grams(tokens, (1, 2)).keys, *letter_grams(tokens, (1, 2)).keys]
        assert len(set(map(int, both))) == len(both)
        assert len(word_grams(tokens, (1, 2)).keys) == 2 + 3 + 3

    @given(st.sets(st.text(max_size=4), min_size=1, max_size=50))
    def test_distinct_words_have_distinct_keys(self, words: set[str]) -> None:
        words.discard("")
        assert len(word_grams(TokenArray.of([sorted(words)]), (1,)).keys) == len(words)


class TestGrams:
    @pytest.fixture
    def grams(self) -> Grams:
        return word_grams(split_words(TEXTS), (1, 2))

    def test_align_picks_columns_by_key(self, grams: Grams) -> None:
        wanted = np.sort(np.concatenate([grams.keys[::3], np.array([7], np.uint64)]))
        dense = {
            int(key): column
            for key, column in zip(grams.keys, grams.counts.toarray().T, strict=True)
        }
        expected = np.stack([dense.get(int(key), np.zeros(len(TEXTS))) for key in wanted], axis=1)
        assert np.array_equal(grams.align(wanted).toarray(), expected)
        assert grams.align(wanted[:0]).shape == (len(TEXTS), 0)

    def test_taken_rows_keep_their_counts(self, grams: Grams) -> None:
        taken = grams.take(np.array([3, 1]))
        assert np.array_equal(taken.counts.toarray(), grams.counts.toarray()[[3, 1]])
        assert np.array_equal(taken.documents(), (grams.counts.toarray()[[3, 1]] > 0).sum(axis=0))

    @given(WORDS)
    def test_few_texts_are_counted_as_many_are(self, rows: list[list[str]]) -> None:
        tokens = TokenArray.of(rows)
        few = letter_grams(tokens, (2, 3))
        with pytest.MonkeyPatch.context() as changed:
            changed.setattr(ngrams, "_MOST_SPREAD", -1)
            many = letter_grams(tokens, (2, 3))
        for name in ("values", "columns", "offsets", "keys"):
            assert np.array_equal(getattr(few, name), getattr(many, name)), name

    def test_joined_and_folded_counts_are_those_of_dense_ones(self, grams: Grams) -> None:
        letters = letter_grams(split_words(TEXTS), (2,))
        keys = np.union1d(grams.keys, letters.keys)
        both = grams.joined(letters)
        assert np.array_equal(both.keys, keys)
        expected = (grams.align(keys) + letters.align(keys)).toarray()
        assert np.array_equal(both.counts.toarray(), expected)
        folded = both.folded(5)
        buckets = (both.keys % np.uint64(5)).astype(int)
        dense = np.zeros((len(TEXTS), 5), np.float32)
        np.add.at(dense.T, buckets, both.counts.toarray().T)
        assert np.array_equal(folded.counts.toarray(), dense[:, folded.keys.astype(int)])


def test_words_within_a_run_of_syllables_are_counted() -> None:
    texts = ["여행가방", "가방", "コーヒーカップ", "カップ", "red mug", "여행 가방"]
    tokens = split_words(texts)
    counts = letter_grams(tokens, (3, 4), (1, 2)).counts.toarray() > 0
    plain = letter_grams(tokens, (3, 4)).counts.toarray() > 0

    def shared(found: np.ndarray, one: int, other: int) -> int:
        return int((found[one] & found[other]).sum())

    # a bag is in a travel bag, and a cup in a coffee cup
    assert shared(counts, 0, 1) >= 3 > shared(plain, 0, 1)
    assert shared(counts, 2, 3) > shared(plain, 2, 3)
    # all other words are counted as before
    assert counts[4].sum() == plain[4].sum()
    assert letter_grams(tokens, (1, 2), (1, 2)).keys.tolist() == (
        letter_grams(tokens, (1, 2)).keys.tolist()
    )
