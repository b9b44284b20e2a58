"""Texts as tokens of a sentence encoder. Needs the library tokenizers, and neither torch nor transformers.

Dimensions: N products of a catalogue, B of them in a batch, W tokens of the batch's longest text.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.libraries import library
from shelfwise.core.types import Bools, Rows
from shelfwise.export.graph_inputs import Arrays, GraphPortion, example_of
from shelfwise.features.joined_fields import joined_fields
from shelfwise.text.vocabulary import Ragged

NO_TOKEN = -1
"""Fills the rows after their last token; every token's number is at least 0."""

TOKENIZER = "tokenizer"
"""The name under which a tokenizer is saved."""


@dataclass(frozen=True)
class TokenReader:
    """Text columns, read as one text, as numbers of tokens (B, W), :data:`NO_TOKEN` after the last.

    Args:
        tokenizer: the encoder's own, as JSON; it cuts off what the encoder does not read.
    """

    varies: ClassVar[bool] = True

    field: str
    tokenizer: str

    def open(self, catalog: Catalog) -> TokenReading:
        """Tokenise the texts of a catalogue.

        Raises:
            PluginError: the library tokenizers is not installed.
        """
        texts = joined_fields(catalog, self.field)
        present = np.array([text != "" for text in texts], np.bool_)
        # an empty text would have the tokens that stand around every text
        encoded = self._tokenizer.encode_batch_fast([text for text in texts if text])
        numbers = [one.ids for one in encoded]
        lengths = np.zeros(len(texts), np.int64)
        lengths[present] = [len(one) for one in numbers]
        offsets = np.cumsum([0, *lengths]).astype(np.int64)
        ids = np.fromiter(chain.from_iterable(numbers), np.int32, offsets[-1])
        return TokenReading(Ragged(ids, offsets), present)

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`~shelfwise.export.readers.reader` makes it a reader again."""
        return {"kind": "tokens", "field": self.field}

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Arrays) -> Self:
        """The reader that `facts` and `arrays` were taken from."""
        return cls(facts["field"], arrays[TOKENIZER].tobytes().decode("utf-8"))

    def saved(self) -> Arrays:
        """The tokenizer, as bytes."""
        return {TOKENIZER: np.frombuffer(self.tokenizer.encode("utf-8"), np.uint8)}

    def key(self) -> Hashable:
        """Members whose encoders tokenise the same texts alike share the tokens."""
        return ("tokens", self.field, self.tokenizer)

    def example(self, count: int, width: int) -> GraphPortion:
        """Texts of equal tokens."""
        return example_of(np.zeros((count, width), np.int64))

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizers = library("tokenizers", "onnx", "the sentence encoder of an exported model")
        return tokenizers.Tokenizer.from_str(self.tokenizer)


@dataclass(frozen=True)
class TokenReading:
    """N texts as numbers of tokens.

    Args:
        present: (N,) whether there is a text.
    """

    tokens: Ragged
    present: Bools

    @property
    def lengths(self) -> Rows:
        """(N,) tokens."""
        return self.tokens.lengths

    def portion(self, rows: Rows) -> GraphPortion:
        """Numbers (B, W), int64."""
        texts = self.tokens.take(rows)
        # at least one column, as an encoder cannot read none
        width = max(1, int(texts.lengths.max(initial=0)))
        filled = np.arange(width) < texts.lengths[:, None]
        numbers = np.full(filled.shape, NO_TOKEN, np.int64)
        numbers[filled] = texts.ids
        # an encoder gives a vector to any letters, so tokens do not tell what is known
        return GraphPortion(numbers, self.present[rows], None)
