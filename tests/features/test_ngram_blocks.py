"""N-grams kept in a file, against those that are held in memory."""

from __future__ import annotations

import numpy as np
import pytest

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.features import ngram_blocks
from shelfwise.features.ngram_blocks import DocumentCounts, NgramBlocks
from shelfwise.features.ngram_rows import NgramRows
from shelfwise.features.tfidf import BagSettings, NgramCounts

# blocks are of many products, where n-grams of one are never known
SETTINGS = BagSettings(min_count=2)
FIELDS = ("title", "description")
NOUNS = ("mug", "mugs", "red shoe", "lamp 茶壶", "")


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Eleven products, in blocks of three."""
    monkeypatch.setattr(ngram_blocks, "PRODUCTS_PER_BLOCK", 3)
    records = []
    for number in range(11):
        title = NOUNS[number % 5]
        description = f"a {NOUNS[number % 3]}" if number % 4 else None
        records.append({"id": str(number), "title": title, "description": description})
    return Catalog.from_records(records)


@pytest.mark.parametrize("every", [False, True])
def test_rows_and_weights_are_those_of_counts_in_memory(catalog: Catalog, every: bool) -> None:
    blocks = NgramBlocks.read(catalog, FIELDS, SETTINGS, Context(), every)
    counts = NgramCounts.read(catalog, FIELDS, SETTINGS, every)
    assert blocks.present.tolist() == counts.present.tolist()
    # out of order, and the first block more than once
    for rows in (np.arange(11), np.array([7, 1, 2, 0, 10]), np.zeros(0, np.int64)):
        some = blocks.take(rows)
        wanted = NgramRows.fit(counts.take(rows).grams, counts.least, SETTINGS)
        found = some.fitted_rows(SETTINGS)
        for one, other in zip(found.vocabularies, wanted.vocabularies, strict=True):
            assert one.keys.tolist() == other.keys.tolist()
            assert one.weights.tolist() == other.weights.tolist()
        read = [found.rows(portion.grams).toarray() for portion in some.portions()]
        if read:
            rows_in_memory = wanted.rows(counts.take(rows).grams).toarray()
            assert np.array_equal(np.concatenate(read), rows_in_memory)


def test_counts_of_blocks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # merged after every block, or at the end
    for most in (1, 1 << 22):
        monkeypatch.setattr(ngram_blocks, "_MERGED_AT_ONCE", most)
        counts = DocumentCounts()
        counts.add(np.array([3, 5, 9], np.uint64), np.array([1, 0, 4]))
        counts.add(np.array([1, 3], np.uint64), np.array([2, 7]))
        keys, documents = counts.most_frequent(10)
        assert (keys.tolist(), documents.tolist()) == ([1, 3, 9], [2, 8, 4])


def test_beyond_the_limit_the_rarest_are_left_out_and_equals_share_a_fate() -> None:
    counts = DocumentCounts()
    counts.add(np.arange(5, dtype=np.uint64), np.array([6, 2, 9, 2, 3]))
    assert counts.most_frequent(3)[0].tolist() == [0, 2, 4]
    # places are left rather than one of two equals preferred
    assert counts.most_frequent(4)[0].tolist() == [0, 2, 4]
