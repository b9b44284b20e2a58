"""Samples of a stream are bounded, seeded, and everything where that is no more."""

from __future__ import annotations

import pyarrow as pa
import pytest

from shelfwise.catalog.stream_samples import EvenSample, TextSample

TEXTS = [f"text number {number:04}" for number in range(1000)]
"""Each of 16 bytes."""


def sampled(most_bytes: int, batch: int, seed: int = 0) -> tuple[TextSample, list[str | None]]:
    sample = TextSample(["title", "title"], most_bytes, seed)
    for start in range(0, len(TEXTS), batch):
        sample.add(pa.table({"title": TEXTS[start : start + batch]}))
    texts = [text for block in sample.blocks("title") for text in block]
    return sample, texts


def test_what_fits_is_kept_whole() -> None:
    sample, texts = sampled(16 * 1000, batch=7)
    assert texts == TEXTS
    assert len(sample) == sample.seen == 1000


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_a_sample_is_bounded_from_all_over_and_the_same_however_it_is_read(batch: int) -> None:
    sample, texts = sampled(16 * 300, batch)
    assert 100 < len(texts) <= 300
    assert texts == sampled(16 * 300, batch=64)[1]
    assert texts != sampled(16 * 300, batch, seed=1)[1]
    assert texts == sorted(texts, key=str), "in the order of the stream"
    # a fifth of the products has a fifth of the sample, more or less
    for start in range(0, 1000, 200):
        part = set(TEXTS[start : start + 200])
        assert 0.1 < len(part & set(texts)) / len(texts) < 0.35
    assert len(sample) == len(texts)


def test_a_text_that_is_too_large_leaves_an_empty_sample() -> None:
    sample = TextSample(["title"], 10, seed=0)
    sample.add(pa.table({"title": ["a" * 11]}))
    assert (len(sample), sample.seen) == (0, 1)


def test_a_missing_column_has_no_texts() -> None:
    sample = TextSample(["title", "other"], 100, seed=0)
    sample.add(pa.table({"title": ["a", None]}))
    assert list(sample.blocks("other")) == [[None, None]]


def test_values_at_equal_distances() -> None:
    whole = EvenSample(100)
    whole.extend(range(60))
    assert whole.spread(4) == [0, 20, 39, 59]
    assert whole.spread(100) == list(range(60))
    thinned = EvenSample(100)
    for start in range(0, 1000, 30):
        thinned.extend(range(start, min(start + 30, 1000)))
    assert thinned.seen == 1000
    # of 1,000 each sixteenth: each eighth would be 125
    assert thinned.spread(100) == list(range(0, 1000, 16))
    assert EvenSample(5).spread(3) == []
