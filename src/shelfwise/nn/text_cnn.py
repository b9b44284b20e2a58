"""The text part of a network: word vectors, a convolution, the maximum over the text, one hidden layer.

Sources: the paper, section 3; the authors' scripts; Kim 2014 for windows 3/4/5, static and multichannel vectors.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import FieldInputs, Floats, PluginSettings, Rows
from shelfwise.nn.data_parallel import DataParallel, data_parallel
from shelfwise.nn.device import device
from shelfwise.text.cleaning import CleaningSettings, tokenize_column
from shelfwise.text.vocabulary import Ragged, TokenArray, Vocabulary
from shelfwise.text.word_vectors import WordVectors, load_vectors

log = logging.getLogger(__name__)


class TextSettings(PluginSettings):
    """The defaults are the paper's for titles; for descriptions set ``cleaning.kind`` and `maxlen` 300."""

    cleaning: CleaningSettings = CleaningSettings()
    maxlen: int = Field(
        57, ge=1, description="words of a text that are read (paper: title 57, description 300)"
    )
    truncating: Literal["pre", "post"] = Field(
        "post", description="longer texts lose their beginning (Keras' default) or their end"
    )
    vocabulary_size: int = Field(
        10_000, ge=2, description="commonest training words kept, and one for padding"
    )
    embedding: Literal["rand", "static", "non_static", "multichannel"] = Field(
        "non_static",
        description="vectors random; fixed; trained; or a fixed and a trained copy, summed (Kim 2014)",
    )
    vectors: str = Field("auto", description="the packaged GloVe, or a file (.txt .vec .gz .zip .bin .npy)")
    dimensions: int = Field(
        120,
        ge=1,
        description="first numbers of a vector used, at most those it has (authors' scripts: 120 of 300)",
    )
    unknown: Literal["uniform", "zeros"] = Field(
        "uniform", description="words without a vector: U(-0.25, 0.25), or 0"
    )
    graph: Literal["conv", "pool"] = Field(
        "conv", description="pool: no convolution, as the authors' scripts run in fact"
    )
    windows: tuple[int, ...] = Field((5,), min_length=1, description="words a filter sees (Kim: 3, 4, 5)")
    filters: int = Field(200, ge=1, description="filters of each window (Kim: 100)")
    hidden: int = Field(170, ge=0, description="units of the hidden layer, 0 for none (Kim)")

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if not 1 <= min(self.windows) <= max(self.windows) <= self.maxlen:
            raise ValueError(f"windows are {self.windows}; each must be between 1 and maxlen, {self.maxlen}")
        return self

    @property
    def sizes(self) -> tuple[int, ...]:
        """The windows that texts are cut into: without a convolution, single words."""
        return self.windows if self.graph == "conv" else (1,)


@dataclass(frozen=True)
class Texts(FieldInputs):
    """The words of N texts; present are those with a word left after cleaning."""

    tokens: TokenArray

    @classmethod
    def read(cls, catalog: Catalog, field: str, cleaning: CleaningSettings) -> Self:
        """Clean and tokenise `field`; a catalogue's field is cleaned once, however many read it."""
        tokens = catalog.memoize(
            ("words", field, cleaning), lambda: tokenize_column(catalog.column(field), cleaning)
        )
        return cls(tokens.lengths > 0, tokens)

    def take(self, rows: Rows) -> Texts:
        """The given rows, in that order."""
        return Texts(self.present[rows], self.tokens.take(rows))


@dataclass(frozen=True)
class WordBatches:
    """Texts as numbers, for the training loop."""

    texts: Ragged
    settings: TextSettings

    @classmethod
    def of(cls, inputs: Texts, vocabulary: Vocabulary, settings: TextSettings) -> Self:
        """The known words of every text, as many as are read."""
        return cls(vocabulary.encode(inputs.tokens).truncate(settings.maxlen, settings.truncating), settings)

    def __len__(self) -> int:
        return len(self.texts)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """For each window size its windows (R, size), then their number in each text (B,)."""
        cuts = [self.texts.windows(rows, size, self.settings.maxlen) for size in self.settings.sizes]
        return tuple(torch.from_numpy(array) for cut in cuts for array in cut)


class _Convolution(nn.Linear):
    """A one-dimensional convolution over windows that are already cut: (R, size, D) to (R, filters).

    Only the windows that texts have are multiplied, not the rectangle up to a batch's longest text: four times as
    fast on product descriptions as ``nn.Conv1d``, with the same answer.
    """

    def __init__(self, dimensions: int, size: int, filters: int) -> None:
        super().__init__(size * dimensions, filters)
        bound = (
            6 / (size * (dimensions + filters))
        ) ** 0.5  # Glorot as Keras counts it: filters * size go out
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)

    def forward(self, windows: Tensor) -> Tensor:
        return super().forward(windows.flatten(1))


class TextBranch(nn.Module):
    """Windows of word numbers to features (B, D); D, the `width`, is `hidden`, or the number of filters without a hidden layer.

    Padding takes part in the maximum, and its vector (row 0, zero at first) is trained like any word's:
    there is no mask in the paper's model. Filters are applied to the sum of two channels, which for a
    convolution is the sum of what each gives.
    """

    def __init__(self, vectors: Tensor, settings: TextSettings) -> None:
        super().__init__()
        dimensions, kind = vectors.shape[1], settings.embedding
        self.channels = nn.ParameterDict()
        if kind in ("static", "multichannel"):
            self.channels["fixed"] = nn.Parameter(vectors, requires_grad=False)
        if kind != "static":
            self.channels["tuned"] = nn.Parameter(vectors.clone())
        windows = settings.windows if settings.graph == "conv" else ()
        self.convolutions = nn.ModuleList(
            _Convolution(dimensions, size, settings.filters) for size in windows
        )
        pooled = settings.filters * len(windows) if windows else dimensions
        self.hidden = nn.Linear(pooled, settings.hidden) if settings.hidden else None
        self.width = settings.hidden or pooled
        self.inputs = 2 * len(settings.sizes)
        self._parallel: DataParallel | None = None

    @contextmanager
    def on_all_cores(self) -> Iterator[None]:
        """Inside the block every core learns from a piece of each batch."""
        parts = (self.channels, self.convolutions, self.hidden)
        learnt = [p for part in parts if part is not None for p in part.parameters() if p.requires_grad]
        with data_parallel(self._features, learnt) as parallel:
            self._parallel = parallel if learnt and parallel.count > 1 and device().type == "cpu" else None
            try:
                yield
            finally:
                self._parallel = None

    def features(self, *cuts: Tensor) -> Tensor:
        """(B, D) from what :meth:`WordBatches.batch` gives."""
        if self._parallel is None or not self.training or len(cuts[1]) < self._parallel.count:
            return self._features(*cuts)
        return self._parallel(_pieces(cuts, self._parallel.count))

    def _features(self, *cuts: Tensor) -> Tensor:
        maps = []
        for number, (windows, counts) in enumerate(zip(cuts[::2], cuts[1::2], strict=True)):
            words = reduce(torch.add, (F.embedding(windows, vectors) for vectors in self.channels.values()))
            found = self.convolutions[number](words) if len(self.convolutions) else words.flatten(1)
            maps.append(torch.segment_reduce(found, "max", lengths=counts, axis=0))
        pooled = torch.cat(maps, dim=1)
        pooled = (
            pooled.relu() if len(self.convolutions) else pooled
        )  # relu is monotone: after the maximum it is less work
        return pooled if self.hidden is None else torch.relu(self.hidden(pooled))


def _pieces(cuts: tuple[Tensor, ...], count: int) -> list[tuple[Tensor, ...]]:
    """The texts of a batch in `count` pieces, each with its windows and their number, for each size."""
    pieces: list[list[Tensor]] = [[] for _ in range(count)]
    for windows, counts in zip(cuts[::2], cuts[1::2], strict=True):
        numbers = counts.tensor_split(count)
        for piece, own, number in zip(
            pieces, torch.split(windows, [int(n.sum()) for n in numbers]), numbers, strict=True
        ):
            piece += own, number
    return [tuple(piece) for piece in pieces]


def initial_vectors(
    tokens: TokenArray, words: tuple[str, ...], settings: TextSettings, seed: int, field: str
) -> tuple[Floats, dict[str, Any]]:
    """The embedding (V, D) of the vocabulary `words`, row 0 (padding) zero, and where it came from.

    Raises:
        WeightsError: the word vectors are missing or not what they should be.
    """
    if settings.embedding == "rand":
        vectors, found = np.zeros((len(words), settings.dimensions), np.float32), np.zeros(len(words), bool)
        facts: dict[str, Any] = {"vectors": "random", "coverage": 0.0}
    else:
        source = load_vectors(settings.vectors, tokens.words, settings.dimensions)
        vectors, found = source.look_up(words)
        facts = {"vectors": source.origin, "coverage": source.coverage(tokens.distinct())}
        _say_if_shorter(source, settings.dimensions, field)
    if settings.unknown == "uniform":
        chance = np.random.default_rng(seed).uniform(-0.25, 0.25, vectors.shape).astype(np.float32)
        vectors = np.where(found[:, None], vectors, chance)
    padding = np.zeros((1, vectors.shape[1]), np.float32)
    return np.concatenate([padding, vectors]), {
        **facts,
        "dimensions": vectors.shape[1],
        "vocabulary": len(words),
    }


def _say_if_shorter(source: WordVectors, dimensions: int, field: str) -> None:
    if (has := source.matrix.shape[1]) < dimensions:
        _warn_once(f"{field}: {dimensions} dimensions asked for, {source.origin} has {has}")


@lru_cache
def _warn_once(message: str) -> None:
    """A field is fitted once a fold; its warning is worth reading once."""
    log.warning(message)
