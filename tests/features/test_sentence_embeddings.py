"""Texts as an encoder's tokens, and what it says of them: each text is tokenised and encoded once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shelfwise.core.catalog import Catalog
from shelfwise.core.device_request import DEVICE_VARIABLE
from shelfwise.core.types import Context
from shelfwise.features import sentence_embeddings as room
from shelfwise.features.sentence_embeddings import TokenBatches, TokenizedTexts, encode_texts
from shelfwise.features.sentence_encoder import (
    EncoderSource,
    find_encoder,
    load_encoder,
    load_tokenizer,
)
from shelfwise.nn import device

WORDS = ("red", "blue", "mug", "lamp")
PAIRS = [
    ("red mug", "blue"),
    ("lamp", None),
    (" ", ""),
    ("red mug", "blue"),
    (None, "lamp"),
    ("blue lamp", "red red red mug"),
]


@pytest.fixture(scope="module")
def source(
    make_encoder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> EncoderSource:
    return find_encoder(str(make_encoder(tmp_path_factory.mktemp("encoder"), WORDS)))


@pytest.fixture
def catalog() -> Catalog:
    return Catalog.from_records(
        {"id": str(i), "title": t, "description": d} for i, (t, d) in enumerate(PAIRS)
    )


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts were given to the encoder, call by call."""
    counts: list[int] = []
    real = room.run_encoder

    def counted(encoder: Any, tokens: Any) -> Any:
        counts.append(len(tokens))
        return real(encoder, tokens)

    monkeypatch.setattr(room, "run_encoder", counted)
    return counts


def test_fields_become_one_text(source: EncoderSource, catalog: Catalog) -> None:
    read = TokenizedTexts.read(catalog, "title+description", source, 32)
    assert read.present.tolist() == [True, True, False, True, True, True]
    words = load_tokenizer(source).convert_ids_to_tokens(
        read.tokens.take(np.array([0])).ids.tolist()
    )
    assert words == ["red", "mug", ".", "blue"]
    assert read.tokens.lengths.tolist() == [4, 1, 0, 4, 1, 7]
    taken = read.take(np.array([5, 2]))
    assert taken.tokens.lengths.tolist() == [7, 0]
    assert taken.present.tolist() == [True, False]


def test_a_catalogue_is_tokenised_once_a_length(source: EncoderSource, catalog: Catalog) -> None:
    read = TokenizedTexts.read(catalog, "title", source, 32)
    assert TokenizedTexts.read(catalog, "title", source, 32) is read
    assert TokenizedTexts.read(catalog, "title", source, 1).tokens.lengths.max() == 1
    assert TokenizedTexts.read(catalog, "description", source, 32).present.tolist() == [
        True,
        False,
        False,
        True,
        True,
        True,
    ]


def test_no_products(source: EncoderSource) -> None:
    read = TokenizedTexts.read(Catalog.from_records([]), "title", source, 32)
    assert len(read) == 0
    assert encode_texts(read, source, Context(), "title").shape == (0, 16)


def test_vectors_are_the_mean_word_of_each_text_alone(
    source: EncoderSource, catalog: Catalog
) -> None:
    read = TokenizedTexts.read(catalog, "title+description", source, 32)
    vectors = encode_texts(read, source, Context(), "title")
    encoder = load_encoder(source)
    for row in np.flatnonzero(read.present):
        ids = torch.from_numpy(read.tokens.take(np.array([row])).ids.astype(np.int64))[None]
        with torch.inference_mode():
            words = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0]
        np.testing.assert_allclose(vectors[row], words.mean(dim=0).numpy(), atol=1e-5)


def test_texts_without_a_token_are_zeros(source: EncoderSource, catalog: Catalog) -> None:
    """Tokenisers that put no marks around a text give an encoder nothing to read there."""
    for rows in ([2], [2, 0]):
        vectors = encode_texts(
            TokenizedTexts.read(catalog.take(rows), "title", source, 32), source, Context(), "title"
        )
        assert vectors.any(axis=1).tolist() == [row == 0 for row in rows]


def test_texts_that_are_alike_are_encoded_once(
    source: EncoderSource, catalog: Catalog, encoded: list[int]
) -> None:
    vectors = encode_texts(
        TokenizedTexts.read(catalog, "title+description", source, 32), source, Context(), "title"
    )
    assert sum(encoded) == 3, "six texts: two red mugs, two lamps, one without a word, and the rest"
    assert np.array_equal(vectors[0], vectors[3])
    assert np.array_equal(vectors[1], vectors[4])


def test_the_cache_is_asked_for_each_text(
    source: EncoderSource, catalog: Catalog, encoded: list[int], tmp_path: Path
) -> None:
    context = Context(cache=tmp_path)
    some = encode_texts(
        TokenizedTexts.read(catalog.take([0, 1]), "title+description", source, 32),
        source,
        context,
        "title",
    )
    assert sum(encoded) == 2
    every = encode_texts(
        TokenizedTexts.read(catalog, "title+description", source, 32), source, context, "title"
    )
    assert sum(encoded) == 3
    assert np.array_equal(every[:2], some)
    again = encode_texts(
        TokenizedTexts.read(catalog.take([5, 0]), "title+description", source, 32),
        source,
        context,
        "title",
    )
    assert sum(encoded) == 3
    assert np.array_equal(again, every[[5, 0]])


def test_another_encoder_has_a_cache_of_its_own(
    source: EncoderSource, catalog: Catalog, make_encoder: Callable[..., Path], tmp_path: Path
) -> None:
    other = find_encoder(str(make_encoder(tmp_path / "other", WORDS, seed=1)))
    context = Context(cache=tmp_path / "cache")
    mine, theirs = (
        encode_texts(TokenizedTexts.read(catalog, "title", s, 32), s, context, "title")
        for s in (source, other)
    )
    assert not np.allclose(mine[0], theirs[0])
    assert np.array_equal(
        encode_texts(TokenizedTexts.read(catalog, "title", other, 32), other, Context(), "title"),
        theirs,
    )


def test_batches_are_padded_and_masked(source: EncoderSource, catalog: Catalog) -> None:
    batches = TokenBatches(TokenizedTexts.read(catalog, "title+description", source, 32).tokens)
    assert len(batches) == 6
    numbers, mask = batches.batch(np.array([1, 0]))
    assert numbers.shape == mask.shape == (2, 4)
    assert mask.tolist() == [[1, 0, 0, 0], [1, 1, 1, 1]]
    assert not numbers[mask == 0].any()


def test_vectors_in_bfloat16_are_near_and_kept_apart(
    source: EncoderSource,
    catalog: Catalog,
    encoded: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # also on a machine with a GPU
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    read = TokenizedTexts.read(catalog, "title+description", source, 32)
    context = Context(cache=tmp_path)
    exact = encode_texts(read, source, context, "title")
    monkeypatch.setattr(device, "_has_bfloat16", lambda: True)
    found = encode_texts(read, source, context, "title")
    assert len(encoded) == 2, "vectors of another precision were taken"
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    assert 0 < error < 0.05
    # each finds its own again
    assert np.array_equal(encode_texts(read, source, context, "title"), found)
    monkeypatch.setattr(device, "_has_bfloat16", lambda: False)
    assert np.array_equal(encode_texts(read, source, context, "title"), exact)


def test_batches_are_larger_on_a_gpu(
    source: EncoderSource, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    sizes: list[int] = []

    def noted(encoder: Any, batches: Any, size: int, *_: Any, **__: Any) -> Any:
        sizes.append(size)
        return np.zeros((len(batches), 16), np.float32)

    monkeypatch.setattr(room, "run_network", noted)
    tokens = TokenizedTexts.read(catalog, "title", source, 32).tokens
    room.run_encoder(load_encoder(source), tokens)
    monkeypatch.setattr(room, "device_with_room", lambda _: torch.device("cuda"))
    room.run_encoder(load_encoder(source), tokens)
    assert sizes == [room.BATCH, room.BATCH_ON_GPU]
