"""Kinds of n-grams side by side, against scipy's own stacking."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from shelfwise.features.ngram_rows import ID_COUNTING, NgramRows
from shelfwise.features.tfidf import BagSettings, count_grams
from shelfwise.text.gram_counts import Grams
from shelfwise.text.ngrams import split_words

TEXTS = ["red mug with a handle", None, "blue mug", "red red shoe", "", "mug shoe lamp 茶壶"]
UNSEEN = ["a red lamp", "qzx", None, "mug mug shoe handle"]
SETTINGS = BagSettings(min_count=1)
LEAST = (2, 2, 2)


def kinds_of(texts: list[str | None]) -> list[Grams]:
    """Words and letters of the texts, and some ids."""
    tokens = split_words(texts)
    ids = sp.csr_array(np.arange(len(texts) * 3).reshape(-1, 3) % 4 == 1, dtype=np.float32)
    return [*count_grams(tokens, SETTINGS), Grams.of(ids, np.array([3, 5, 9], np.uint64))]


def test_rows_are_those_of_each_kind_stacked_by_scipy() -> None:
    fitted = NgramRows.fit(kinds_of(TEXTS), LEAST, SETTINGS, id_scale=1.5)
    for texts in (TEXTS, UNSEEN, UNSEEN[1:2], []):
        kinds = kinds_of(texts)
        found = fitted.rows(kinds)
        words, letters, ids = fitted.vocabularies
        wanted = sp.hstack(
            [
                words.inputs(kinds[0], SETTINGS),
                letters.inputs(kinds[1], SETTINGS),
                ids.inputs(kinds[2], ID_COUNTING) * np.float32(1.5),
            ],
            format="csr",
        )
        assert found.shape == wanted.shape
        assert found.dtype == np.float32
        for name in ("data", "indices", "indptr"):
            assert getattr(found, name).tolist() == getattr(wanted, name).tolist()


def test_a_word_is_known_or_many_of_its_letters_or_an_id() -> None:
    fitted = NgramRows.fit(kinds_of(TEXTS), LEAST, SETTINGS, id_scale=1.5)
    # "mugs" is another form of "mug"; "shortlist" has two of 17 n-grams of "shoe"
    texts = ["a red lamp", "mugs", "shortlist", "qzx", None]
    *kinds, ids = kinds_of(texts)
    nobody = Grams.of(sp.csr_array(ids.counts.shape, dtype=np.float32), ids.keys)
    assert fitted.rows([*kinds, nobody])[[2]].nnz > 0
    assert fitted.knows([*kinds, nobody]).tolist() == [True, True, False, False, False]
    # the only id of "qzx" is in one product of the training, which is too few to be known
    assert fitted.knows([*kinds, ids]).tolist()[3:] == [False, True]
