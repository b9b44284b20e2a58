"""Fields as bags of n-grams, against scikit-learn's TF-IDF."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from shelfwise.core.catalog import Catalog
from shelfwise.features import tfidf
from shelfwise.features.ngram_rows import NgramRows
from shelfwise.features.tfidf import BagSettings, NgramCounts, TfidfVocabulary

WORDS = ("mug", "muggy", "teapot", "kettle", "lamp", "lampshade", "red", "redder", "old", "oldest")
NEW = ["mug mug teapot", "kettle saucer", "nothing known herein", None, ""]


def texts(count: int = 60) -> list[str | None]:
    rng = np.random.default_rng(0)
    drawn = [" ".join(rng.choice(WORDS, rng.integers(1, 8))) for _ in range(count)]
    return [*drawn, "unique words", None]


def bags(titles: list[str | None], settings: BagSettings) -> NgramCounts:
    return NgramCounts.read(
        Catalog.from_records({"id": str(i), "title": t} for i, t in enumerate(titles)),
        ["title"],
        settings,
    )


def oracle(weighting: str, **counting: Any) -> Any:
    common: dict[str, Any] = {"min_df": 2, "lowercase": True, **counting}
    return (
        TfidfVectorizer(sublinear_tf=True, **common)
        if weighting == "tfidf"
        else CountVectorizer(binary=True, **common)
    )


@pytest.mark.parametrize("weighting", ["tfidf", "binary"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            {"words": (1, 2), "letters": ()},
            {"analyzer": "word", "token_pattern": r"\w+", "ngram_range": (1, 2)},
        ),
        (
            {"words": (), "letters": (3, 4)},
            {"analyzer": "char_wb", "ngram_range": (3, 4)},
        ),  # the same for words of three letters or more
    ],
    ids=["words", "letters"],
)
def test_inner_products_are_those_of_scikit_learn(
    weighting: Any, ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    settings, vectorizer = BagSettings(weighting=weighting, **ours), oracle(weighting, **theirs)
    (train,), (new,) = bags(texts(), settings).grams, bags(NEW, settings).grams
    space = TfidfVocabulary.fit(train, settings)
    rows = np.concatenate([space.inputs(grams, settings).toarray() for grams in (train, new)])
    vectorizer.fit([text or "" for text in texts()])
    expected = vectorizer.transform([text or "" for text in [*texts(), *NEW]]).toarray()
    expected = expected / np.maximum(np.linalg.norm(expected, axis=1, keepdims=True), 1e-9)
    assert len(space.keys) == expected.shape[1]
    np.testing.assert_allclose(rows @ rows.T, expected @ expected.T, atol=1e-5)


def test_rows_have_length_1_or_0() -> None:
    settings = BagSettings()
    read = bags(texts(), settings)
    for grams in read.grams:
        lengths = np.linalg.norm(
            TfidfVocabulary.fit(grams, settings).inputs(grams, settings).toarray(), axis=1
        )
        assert lengths[:60] == pytest.approx(1)
        assert not lengths[60:].any(), "of words that occur once nothing is known"


class TestPresence:
    CATALOG = Catalog.from_records(
        [
            {"id": "1", "title": "mug", "description": "red"},
            {"id": "2", "title": "mug"},
            {"id": "3", "description": "-- !"},
            {"id": "4"},
        ]
    )

    @pytest.mark.parametrize(
        ("every", "present"),
        [(False, [True, True, False, False]), (True, [True, False, False, False])],
    )
    def test_a_word_in_any_field_or_in_every_one(self, every: bool, present: list[bool]) -> None:
        read = NgramCounts.read(self.CATALOG, ["title", "description"], BagSettings(), every=every)
        assert read.present.tolist() == present
        assert read.take(np.array([1, 0])).present.tolist() == present[1::-1]

    def test_one_kind_of_grams_for_each_field_and_kind_of_run(self) -> None:
        for settings, kinds in (
            (BagSettings(), 4),
            (BagSettings(letters=()), 2),
            (BagSettings(words=()), 2),
        ):
            assert (
                len(NgramCounts.read(self.CATALOG, ["title", "description"], settings).grams)
                == kinds
            )


def test_unknown_words_count_in_the_length_if_wanted() -> None:
    """A text of known and unknown words is as long as its known part is of its whole."""
    settings = BagSettings(words=(1,), letters=())
    (train,), (new,) = (
        bags(["mug red", "mug old", "red old"], settings).grams,
        bags(["mug zebra"], settings).grams,
    )
    vocabulary = TfidfVocabulary.fit(train, settings)
    known = vocabulary.weights[0]
    assert np.linalg.norm(vocabulary.inputs(new, settings).toarray()) == pytest.approx(1)
    found = vocabulary.inputs(new, settings, unknown_weight=2.0).toarray()
    assert np.linalg.norm(found) == pytest.approx(known / np.hypot(known, 2.0))
    assert np.linalg.norm(
        vocabulary.inputs(train, settings, unknown_weight=2.0).toarray(), axis=1
    ) == pytest.approx(1)


@pytest.mark.parametrize("segmentation", ["unicode", "blanks"])
def test_blocks_of_texts_give_the_n_grams_of_all(
    monkeypatch: pytest.MonkeyPatch, segmentation: str
) -> None:
    """To the last bit: keys, counts, their order and their types, ideographs in some blocks only."""
    titles = [*texts(), "\u8336\u58f6 mug", None, "", *texts(10)]
    settings = BagSettings.model_validate({"segmentation": segmentation})
    whole = bags(titles, settings)
    monkeypatch.setattr("shelfwise.features.tfidf.BLOCK_BYTES", 100)
    blocks = bags(titles, settings)
    assert np.array_equal(blocks.present, whole.present)
    for found, expected in zip(blocks.grams, whole.grams, strict=True):
        assert np.array_equal(found.keys, expected.keys)
        for part in ("data", "indices", "indptr"):
            one = getattr(found.counts, part)
            other = getattr(expected.counts, part)
            assert np.array_equal(one, other)
            assert one.dtype == other.dtype


def test_a_large_column_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelfwise.features.tfidf.BLOCK_BYTES", 100)
    shelf = Catalog.from_records({"id": str(i), "title": t} for i, t in enumerate(texts()))
    first = NgramCounts.read(shelf, ["title"], BagSettings())
    second = NgramCounts.read(shelf, ["title"], BagSettings(min_count=5))
    assert second.grams[0] is first.grams[0]
    assert len(NgramCounts.read(shelf, ["title"], BagSettings(letters=())).grams) == 1


def test_members_that_count_alike_share_the_counts_of_a_few_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog = Catalog.from_records([{"id": "1", "title": "red mug"}, {"id": "2", "title": "mug"}])
    first = NgramCounts.read(catalog, ["title"], BagSettings())
    again = NgramCounts.read(catalog, ["title"], BagSettings())
    assert again.grams[0] is first.grams[0]
    other = NgramCounts.read(catalog, ["title"], BagSettings(letters=(2,)))
    assert other.grams[1] is not first.grams[1]
    # those of many would stay in memory as long as the catalogue
    monkeypatch.setattr(tfidf, "MOST_SHARED", 1)
    assert NgramCounts.read(catalog, ["title"], BagSettings()).grams[0] is not first.grams[0]


@pytest.mark.parametrize(
    ("title", "products", "least"),
    [
        ("red mug {}", 200, 1),
        ("red mug {0} with lid {0} and handle {0}", 200, 1),
        # most of the words are in every text
        ("red mug with a lid and handle {}", 200, 2),
        # thirteen words
        ("red mug {0} with lid {0} and handle {0} for tea and milk", 200, 2),
        ("red mug {}", 2001, 2),
    ],
)
def test_words_of_one_product_are_known_where_texts_are_short_and_few(
    title: str, products: int, least: int
) -> None:
    names: list[str | None] = [title.format(f"name{number}") for number in range(products)]
    counts = bags([*names, None], BagSettings())
    words, letters = NgramRows.fit(counts.grams, counts.least, BagSettings()).vocabularies
    assert (len(words.keys) > products) == (least == 1)
    # letters are many in the shortest of texts
    assert np.array_equal(letters.keys, counts.grams[1].keys[counts.grams[1].documents() >= 2])


@pytest.mark.parametrize("products", [2000, 2001])
def test_a_fold_knows_words_as_the_whole_catalogue_does(products: int) -> None:
    counts = bags([f"red mug name{number}" for number in range(products)], BagSettings())
    rows = np.arange(1600)
    fold = counts.take(rows)
    words, _ = NgramRows.fit(fold.grams, fold.least, BagSettings()).vocabularies
    assert (len(words.keys) > len(rows)) == (products == 2000)


def test_products_that_are_taken_are_copied_when_their_ngrams_are_read() -> None:
    counts = bags(["mug red", "mug old", "red old", "zebra"], BagSettings())
    rows = np.array([2, 0, 3])
    some = counts.take(rows).take(np.array([1, 0]))
    # neither a fold nor its training part holds n-grams of its own
    assert some.counted is counts.counted
    for kind, whole in zip(some.grams, counts.grams, strict=True):
        assert np.array_equal(kind.counts.toarray(), whole.counts.toarray()[[0, 2]])
    assert np.array_equal(some.present, counts.present[[0, 2]])
