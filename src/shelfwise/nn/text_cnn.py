"""The text part of a network: word vectors, a convolution, the maximum over the text, one hidden layer.

Sources: the paper, section 3; the authors' scripts; Kim 2014 for windows 3/4/5, static and multichannel
vectors.

Dimensions: B texts of a batch, R windows of them, V words of the vocabulary, D numbers of a vector.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
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

    cleaning: CleaningSettings = Field(
        CleaningSettings(), description="which words of a text are kept before anything is trained"
    )
    maxlen: int = Field(
        57,
        ge=1,
        description="most words of a text that are read (paper: title 57, description 300)",
    )
    truncating: Literal["pre", "post"] = Field(
        "post",
        description="which end a longer text loses: pre its beginning (Keras' default), post its end",
    )
    vocabulary_size: int = Field(
        10_000,
        ge=2,
        description="how many of the commonest training words are known; one place is for padding",
    )
    embedding: Literal["rand", "static", "non_static", "multichannel"] = Field(
        "non_static",
        description="word vectors: rand starts at random; static keeps pre-trained ones as they are; "
        "non_static trains them further; multichannel does both and adds them up (Kim 2014)",
    )
    vectors: str = Field(
        "auto",
        description="the pre-trained word vectors: 'auto' for the packaged GloVe, or a file "
        "(.txt .vec .gz .zip .bin .npy)",
    )
    dimensions: int = Field(
        120,
        ge=1,
        description="how many numbers of each word vector are used, the first ones (authors' scripts: 120 of "
        "300)",
    )
    unknown: Literal["uniform", "zeros"] = Field(
        "uniform",
        description="vectors of words that have none: uniform draws them between -0.25 and 0.25, zeros is 0",
    )
    graph: Literal["conv", "pool"] = Field(
        "conv",
        description="conv has a convolution over words; pool has none, as the authors' scripts in fact run",
    )
    windows: tuple[int, ...] = Field(
        (5,),
        min_length=1,
        description="how many words the filters of the convolution see (Kim 2014: 3, 4, 5)",
    )
    filters: int = Field(200, ge=1, description="filters for each of the windows (Kim 2014: 100)")
    hidden: int = Field(
        170, ge=0, description="units of the hidden layer; 0: no hidden layer (Kim 2014)"
    )

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if not 1 <= min(self.windows) <= max(self.windows) <= self.maxlen:
            raise ValueError(
                f"windows are {self.windows}; each must be between 1 and maxlen, {self.maxlen}"
            )
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
        column = catalog.column(field)
        tokens = catalog.memoize(
            ("words", field, cleaning), lambda: tokenize_column(column, cleaning)
        )
        return cls(tokens.lengths > 0, tokens)

    def take(self, rows: Rows) -> Texts:
        """The given rows, in that order."""
        return Texts(self.present[rows], self.tokens.take(rows))


@dataclass(frozen=True)
class WordBatches:
    """Texts as numbers of known words, for the training loop."""

    texts: Ragged
    settings: TextSettings

    @classmethod
    def of(cls, inputs: Texts, vocabulary: Vocabulary, settings: TextSettings) -> Self:
        """The known words of every text, as many as are read."""
        encoded = vocabulary.encode(inputs.tokens)
        return cls(encoded.truncate(settings.maxlen, settings.truncating), settings)

    def __len__(self) -> int:
        return len(self.texts)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """For each window size its windows (R, size), then their number in each text (B,)."""
        tensors: list[Tensor] = []
        for size in self.settings.sizes:
            windows, counts = self.texts.windows(rows, size, self.settings.maxlen)
            tensors += torch.from_numpy(windows), torch.from_numpy(counts)
        return tuple(tensors)


class _Convolution(nn.Linear):
    """A one-dimensional convolution over windows that are already cut: (R, size, D) to (R, filters).

    Only the windows that texts have are multiplied, not the rectangle up to a batch's longest text: four
    times as fast on product descriptions as ``nn.Conv1d``, with the same output.
    """

    def __init__(self, dimensions: int, size: int, filters: int) -> None:
        super().__init__(size * dimensions, filters)
        # Glorot as Keras counts it: filters * size go out
        bound = (6 / (size * (dimensions + filters))) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)

    def forward(self, windows: Tensor) -> Tensor:
        return super().forward(windows.flatten(1))


class TextBranch(nn.Module):
    """Windows of word numbers to features (B, F).

    F, the `width`, is `hidden`, or the number of filters without a hidden layer.

    Padding takes part in the maximum, and its vector (row 0, zero at first) is trained like any word's:
    there is no mask in the paper's model. Filters are applied to the sum of two channels, which for a
    convolution is the sum of what each gives.

    Args:
        vectors: (V + 1, D) the first word vectors, the padding's first.
    """

    def __init__(self, vectors: Tensor, settings: TextSettings) -> None:
        super().__init__()
        dimensions = vectors.shape[1]
        self.channels = nn.ParameterDict()
        if settings.embedding in ("static", "multichannel"):
            self.channels["fixed"] = nn.Parameter(vectors, requires_grad=False)
        if settings.embedding != "static":
            self.channels["tuned"] = nn.Parameter(vectors.clone())
        windows = settings.windows if settings.graph == "conv" else ()
        self.convolutions = nn.ModuleList(
            _Convolution(dimensions, size, settings.filters) for size in windows
        )
        pooled = settings.filters * len(windows) if windows else dimensions
        self.hidden = nn.Linear(pooled, settings.hidden) if settings.hidden else None
        self.width = settings.hidden or pooled
        # tensors of a batch: windows and their numbers, for each size
        self.inputs = 2 * len(settings.sizes)
        self._parallel: DataParallel | None = None

    @contextmanager
    def on_all_cores(self) -> Iterator[None]:
        """Inside the block every core trains on a piece of each batch."""
        parts = [self.channels, self.convolutions]
        if self.hidden is not None:
            parts.append(self.hidden)
        trained = [p for part in parts for p in part.parameters() if p.requires_grad]
        with data_parallel(self._features, trained) as parallel:
            # frozen parts have no gradients to add up, and a GPU has its own parallelism
            pays = bool(trained) and parallel.count > 1 and device().type == "cpu"
            self._parallel = parallel if pays else None
            try:
                yield
            finally:
                self._parallel = None

    def features(self, *tensors: Tensor) -> Tensor:
        """(B, F) from what :meth:`WordBatches.batch` gives."""
        # a batch smaller than the pieces, the last one perhaps, is not worth dividing
        texts = len(tensors[1])
        if self._parallel is None or not self.training or texts < self._parallel.count:
            return self._features(*tensors)
        return self._parallel(_split_texts(tensors, self._parallel.count))

    def _features(self, *tensors: Tensor) -> Tensor:
        maxima = []
        for place, (windows, counts) in enumerate(_by_size(tensors)):
            embedded = [F.embedding(windows, vectors) for vectors in self.channels.values()]
            # (R, size, D), the sum of the channels
            words = reduce(torch.add, embedded)
            mapped = self.convolutions[place](words) if len(self.convolutions) else words.flatten(1)
            # over each text's own windows
            maxima.append(torch.segment_reduce(mapped, "max", lengths=counts, axis=0))
        pooled = torch.cat(maxima, dim=1)
        # relu is monotone: after the maximum it is less work, with the same result
        if len(self.convolutions):
            pooled = pooled.relu()
        return pooled if self.hidden is None else torch.relu(self.hidden(pooled))


def _by_size(tensors: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """For each window size its windows (R, size), and their number in each text (B,)."""
    return zip(tensors[::2], tensors[1::2], strict=True)


def _split_texts(tensors: Sequence[Tensor], pieces: int) -> list[tuple[Tensor, ...]]:
    """The texts of a batch in `pieces`, each with its windows and their number, for each size."""
    split: list[list[Tensor]] = [[] for _ in range(pieces)]
    for windows, counts in _by_size(tensors):
        # windows lie text after text, so whole texts go to a piece with all of theirs
        counts_by_piece = counts.tensor_split(pieces)
        windows_by_piece = torch.split(windows, [int(part.sum()) for part in counts_by_piece])
        of_pieces = zip(split, windows_by_piece, counts_by_piece, strict=True)
        for piece, own_windows, own_counts in of_pieces:
            piece += own_windows, own_counts
    return [tuple(piece) for piece in split]


def initial_vectors(
    tokens: TokenArray, words: tuple[str, ...], settings: TextSettings, seed: int, field: str
) -> tuple[Floats, dict[str, Any]]:
    """The embedding (V + 1, D) of the vocabulary `words`, row 0 (padding) zero.

    Args:
        tokens: the training texts, for the report's coverage.
        field: for the warning.

    Returns:
        The embedding, and facts of where it came from.

    Raises:
        WeightsError: the word vectors are missing or not what they should be.
    """
    if settings.embedding == "rand":
        vectors = np.zeros((len(words), settings.dimensions), np.float32)
        found = np.zeros(len(words), bool)
        facts: dict[str, Any] = {"vectors": "random", "coverage": 0.0}
    else:
        source = load_vectors(settings.vectors, tokens.words, settings.dimensions)
        vectors, found = source.look_up(words)
        facts = {"vectors": source.origin, "coverage": source.coverage(tokens.distinct())}
        _warn_if_shorter(source, settings.dimensions, field)
    if settings.unknown == "uniform":
        random = np.random.default_rng(seed).uniform(-0.25, 0.25, vectors.shape).astype(np.float32)
        vectors = np.where(found[:, None], vectors, random)
    dimensions = vectors.shape[1]
    # row 0, which windows read behind the end of a text
    padding = np.zeros((1, dimensions), np.float32)
    facts = {**facts, "dimensions": dimensions, "vocabulary": len(words)}
    return np.concatenate([padding, vectors]), facts


def _warn_if_shorter(source: WordVectors, dimensions: int, field: str) -> None:
    available = source.matrix.shape[1]
    if available < dimensions:
        _warn_once(f"{field}: {dimensions} dimensions asked for, {source.origin} has {available}")


@lru_cache
def _warn_once(message: str) -> None:
    """A field is fitted once a fold; its warning is worth reading once."""
    log.warning(message)
