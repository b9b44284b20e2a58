"""Texts as tokens of a sentence encoder, and the frozen encoder's vectors of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from threading import Lock

import numpy as np
import torch
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, FieldInputs, Floats, Rows
from shelfwise.disk.embedding_cache import SHARD_ROWS, EmbeddingCache
from shelfwise.features.joined_fields import joined_fields
from shelfwise.features.sentence_encoder import (
    EncoderSource,
    frozen_encoder,
    load_tokenizer,
    mean_pooling,
)
from shelfwise.nn.device import device_with_room, uses_bfloat16
from shelfwise.nn.training_loop import run_network
from shelfwise.text.vocabulary import Ragged

CHUNK_ROWS = 8 * SHARD_ROWS
"""Texts encoded between two writes to the cache."""

BATCH = 32

BATCH_ON_GPU = 256
"""A step of few texts leaves most of a GPU idle."""

MEMORY_OF_BATCH = 4 << 30
"""Bytes: the widest layer of a large encoder, 4,096 numbers a token, and a copy, for texts of 512 tokens."""

_TOKENIZING = Lock()


@dataclass(frozen=True)
class TokenizedTexts(FieldInputs):
    """The tokens of N texts, and, where the encoder stays frozen, its vectors (N, D)."""

    tokens: Ragged
    encoded: Floats | None = None

    @classmethod
    def read(
        cls, catalog: Catalog, fields: str, source: EncoderSource, longest: int
    ) -> TokenizedTexts:
        """Tokenise the fields ("title+description") of each product as one text; a catalogue's once.

        Args:
            longest: tokens of a text that are kept, from its beginning.
        """

        def tokenize() -> TokenizedTexts:
            texts = joined_fields(catalog, fields)
            present = np.array([text != "" for text in texts], dtype=bool)
            return TokenizedTexts(present, _tokenize(texts, source, longest))

        return catalog.memoize(("tokens", fields, source, longest), tokenize)

    def take(self, rows: Rows) -> TokenizedTexts:
        """The given rows, in that order."""
        encoded = None if self.encoded is None else self.encoded[rows]
        return TokenizedTexts(self.present[rows], self.tokens.take(rows), encoded)


@dataclass(frozen=True)
class TokenBatches:
    """Texts as token numbers (B, W) with their mask."""

    tokens: Ragged

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """Numbers and mask, both (B, W); W is the longest text's."""
        texts = self.tokens.take(rows)
        inside = np.arange(texts.lengths.max()) < texts.lengths[:, None]
        numbers = np.zeros(inside.shape, np.int64)
        # the true places of the mask, row by row, are as many as there are tokens
        numbers[inside] = texts.ids
        return torch.from_numpy(numbers), torch.from_numpy(inside.astype(np.int64))


def encode_fields(
    catalog: Catalog, fields: str, source: EncoderSource, longest: int, context: Context
) -> Floats:
    """The frozen encoder's vectors (N, D) of the fields as one text, 0 without a text; a catalogue's once."""
    texts = TokenizedTexts.read(catalog, fields, source, longest)

    def encoded() -> Floats:
        vectors = encode_texts(texts, source, context, fields)
        # an empty text still has the tokenizer's own tokens
        return np.where(texts.present[:, None], vectors, np.float32(0))

    return catalog.memoize(("sentences", fields, source, longest), encoded)


def encode_texts(
    texts: TokenizedTexts, source: EncoderSource, context: Context, title: str
) -> Floats:
    """The frozen encoder's vectors of N texts: (N, D), 0 without a token.

    Vectors in ``context.cache`` are looked up, the others computed and kept there.

    Args:
        title: of the progress.
    """
    folder = None if context.cache is None else context.cache / "texts" / _folder_name(source)
    cache = EmbeddingCache(folder)
    keys = _token_digests(texts.tokens)
    # equal texts are encoded once, at their first place
    first_rows: dict[bytes, int] = {}
    for row, key in enumerate(keys):
        first_rows.setdefault(key, row)
    encoder = frozen_encoder(source)
    vectors = np.zeros((len(keys), encoder.config.hidden_size), np.float32)
    known = cache.fill(first_rows, vectors)
    # the encoder cannot read a text without tokens; its vector stays 0
    lengths = texts.tokens.lengths
    missing = [row for key, row in first_rows.items() if key not in known and lengths[row] > 0]
    with context.progress(f"{title}, encoding", len(missing)) as progress:
        for start in range(0, len(missing), CHUNK_ROWS):
            rows = np.array(missing[start : start + CHUNK_ROWS], np.int64)
            vectors[rows] = run_encoder(encoder, texts.tokens.take(rows))
            cache.write([keys[row] for row in rows], vectors[rows])
            progress.advance(len(rows))
    return vectors[[first_rows[key] for key in keys]]


def run_encoder(encoder: nn.Module, tokens: Ragged) -> Floats:
    """(N, D) the mean of each text's word vectors."""
    # texts of one length together, so that little padding is computed
    order = np.argsort(tokens.lengths, kind="stable")
    pooled = partial(mean_pooling, encoder)
    size = BATCH if device_with_room(MEMORY_OF_BATCH).type == "cpu" else BATCH_ON_GPU
    return run_network(
        encoder, TokenBatches(tokens), size, order, forward=pooled, shared=True, precision="auto"
    )


def _folder_name(source: EncoderSource) -> str:
    """A name for all that vectors depend on, the text apart."""
    weights = source.sha256
    # vectors in bfloat16 have two or three digits: a run in float32 must not find them
    facts = f"{weights}, bfloat16" if uses_bfloat16("auto") else weights
    return hashlib.sha256(facts.encode()).hexdigest()


def _token_digests(tokens: Ragged) -> list[bytes]:
    """A key for each text, by its tokens: texts that differ in spaces or case alone share a vector."""
    digests = []
    for start, end in pairwise(tokens.offsets):
        digests.append(hashlib.sha256(tokens.ids[start:end].tobytes()).digest())
    return digests


def _tokenize(texts: list[str], source: EncoderSource, longest: int) -> Ragged:
    """The tokens of each text, at most `longest`."""
    if not texts:
        return Ragged(np.zeros(0, np.int32), np.zeros(1, np.int64))
    # a tokenizer is shared, and not made for several threads
    with _TOKENIZING:
        rows = load_tokenizer(source)(texts, truncation=True, max_length=longest)["input_ids"]
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return Ragged(np.fromiter(chain.from_iterable(rows), np.int32, offsets[-1]), offsets)
