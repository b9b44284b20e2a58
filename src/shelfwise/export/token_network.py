"""A sentence encoder as a part of a graph: tokens of texts to vectors.

Dimensions: B products, W tokens, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from shelfwise.errors import PluginError
from shelfwise.features.sentence_encoder import EncoderSource, load_encoder, load_tokenizer


class TokenEncoder(nn.Module):
    """Numbers of tokens (B, W), below 0 after the last, to the mean of their vectors (B, D)."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Tensor) -> Tensor:
        """Vectors (B, D)."""
        inside = tokens >= 0
        # attention to no token at all would be 0 / 0; what it gives of an absent text is not counted below
        attended = torch.cat([torch.ones_like(inside[:, :1]), inside[:, 1:]], dim=1)
        numbers = tokens.clamp(min=0)
        words = self.encoder(input_ids=numbers, attention_mask=attended.long()).last_hidden_state
        weights = inside.unsqueeze(2).to(words.dtype)
        means: Tensor = (words * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)
        return means


def token_encoder(source: EncoderSource, tuned: Mapping[str, Tensor]) -> nn.Module:
    """The encoder of `source` with the `tuned` weights in place of its own."""
    if not tuned:
        return _published(source)
    encoder: nn.Module = load_encoder(source)
    encoder.load_state_dict(tuned, strict=False)
    return encoder


def tokenizer_json(source: EncoderSource, longest: int) -> str:
    """The encoder's tokenizer as JSON; it keeps `longest` tokens of a text, from its beginning.

    Raises:
        PluginError: the tokenizer is of a kind that has no such form.
    """
    backend: Any = getattr(load_tokenizer(source), "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise PluginError(
            f"the tokenizer of {source.origin} has no tokenizer.json; use an encoder that has one"
        )
    # a copy: the tokenizer itself is shared
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.enable_truncation(longest)
    tokenizer.no_padding()
    return str(tokenizer.to_str())


@lru_cache(maxsize=2)
def _published(source: EncoderSource) -> nn.Module:
    """The encoder as it was published, on the processor, one for all members."""
    # not the one that predictions use, which may be on another device
    encoder: nn.Module = load_encoder(source).requires_grad_(False)
    return encoder
