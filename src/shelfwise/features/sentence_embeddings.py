"""Texts in an encoder's own tokens, and what the encoder, as it came, says of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from threading import Lock

import numpy as np
import torch
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.embedding_cache import SHARD_ROWS, EmbeddingCache
from shelfwise.core.types import Context, FieldInputs, Floats, Rows
from shelfwise.features.sentence_encoder import EncoderSource, frozen_encoder, load_tokenizer, mean_pooling
from shelfwise.nn.training_loop import run_network
from shelfwise.text.vocabulary import Ragged

_TOKENIZING = Lock()


@dataclass(frozen=True)
class TokenizedTexts(FieldInputs):
    """The tokens of N texts, and, where it is known, what the encoder says of them: (N, D)."""

    tokens: Ragged
    encoded: Floats | None = None

    @classmethod
    def read(cls, catalog: Catalog, fields: str, source: EncoderSource, longest: int) -> TokenizedTexts:
        """The fields ("title+description") of each product as one text, cut off after `longest` tokens; once a catalogue."""

        def tokenize() -> TokenizedTexts:
            columns = [catalog.column(name) for name in fields.split("+")]
            texts = [
                ". ".join(v.strip() for v in values if v and v.strip())
                for values in zip(*columns, strict=True)
            ]
            with _TOKENIZING:
                encoding = (
                    load_tokenizer(source)(texts, truncation=True, max_length=longest)["input_ids"]
                    if texts
                    else []
                )
            offsets = np.cumsum([0, *map(len, encoding)]).astype(np.int64)
            tokens = Ragged(np.array([i for row in encoding for i in row], dtype=np.int32), offsets)
            return TokenizedTexts(np.array([text != "" for text in texts], dtype=bool), tokens)

        return catalog.memoize(("tokens", fields, source, longest), tokenize)

    def take(self, rows: Rows) -> TokenizedTexts:
        """The given rows, in that order."""
        return TokenizedTexts(
            self.present[rows], self.tokens.take(rows), None if self.encoded is None else self.encoded[rows]
        )


@dataclass(frozen=True)
class TokenBatches:
    """Texts as token numbers (B, W) with their mask."""

    tokens: Ragged

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """Numbers and mask, both (B, W)."""
        texts = self.tokens.take(rows)
        inside = np.arange(texts.lengths.max()) < texts.lengths[:, None]
        numbers = np.zeros(inside.shape, np.int64)
        numbers[inside] = texts.ids
        return torch.from_numpy(numbers), torch.from_numpy(inside.astype(np.int64))


def encode_fields(
    catalog: Catalog, fields: str, source: EncoderSource, longest: int, context: Context
) -> Floats:
    """What the encoder, as it came, says of the fields of each product as one text: (N, D), 0 of no text; once a catalogue."""
    passages = TokenizedTexts.read(catalog, fields, source, longest)

    def encoded() -> Floats:
        vectors = encode_passages(passages, source, context, fields)
        return np.where(passages.present[:, None], vectors, np.float32(0))

    return catalog.memoize(("sentences", fields, source, longest), encoded)


def encode_passages(passages: TokenizedTexts, source: EncoderSource, context: Context, title: str) -> Floats:
    """What the encoder, as it came, says of each text: (N, D), from ``context.cache`` as far as it is there; 0 of no token."""
    name = hashlib.sha256(source.sha256.encode()).hexdigest()
    shelf = EmbeddingCache(None if context.cache is None else context.cache / "texts" / name)
    ids, ends = passages.tokens.ids, passages.tokens.offsets
    keys = [hashlib.sha256(ids[start:end].tobytes()).digest() for start, end in pairwise(ends)]
    first = {key: i for i, key in reversed(list(enumerate(keys)))}  # texts that are alike are encoded once
    encoder = frozen_encoder(source)
    vectors = np.zeros((len(keys), encoder.config.hidden_size), np.float32)
    shelf.fill({key: i for key, i in first.items() if key in shelf.places}, vectors)
    missing = np.array(
        sorted(i for key, i in first.items() if key not in shelf.places and ends[i] < ends[i + 1]),
        dtype=np.int64,
    )
    with context.progress(f"{title}, encoding", len(missing)) as progress:
        for start in range(0, len(missing), 8 * SHARD_ROWS):
            rows = missing[start : start + 8 * SHARD_ROWS]
            vectors[rows] = run_encoder(encoder, passages.tokens.take(rows))
            shelf.write([keys[i] for i in rows], vectors[rows])
            progress.advance(len(rows))
    return vectors[[first[key] for key in keys]]


def run_encoder(encoder: nn.Module, tokens: Ragged) -> Floats:
    """(N, D) the mean word vectors of N texts, texts of one length together."""

    order = np.argsort(tokens.lengths, kind="stable")  # texts of one length together
    return run_network(
        encoder, TokenBatches(tokens), batch_size=32, order=order, ask=partial(mean_pooling, encoder)
    )
