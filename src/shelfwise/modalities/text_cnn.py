"""The paper's text classifier: word vectors, a convolution, the maximum over the text, one hidden layer.

Sources: the paper, section 3; the authors' scripts; Kim 2014 for windows 3/4/5, static and multichannel vectors.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from shelfwise.catalog.store import Catalog
from shelfwise.contracts import Context, Examples, Floats, Modality, PluginSettings, Prepared, Rows, State
from shelfwise.errors import NotFittedError
from shelfwise.text.cleaning import CleaningSettings, tokenize_column
from shelfwise.text.vectors import WordVectors, load_vectors
from shelfwise.text.vocabulary import Ragged, TokenArray, Vocabulary
from shelfwise.training.loop import LoopSettings, fit_network, run_network, seeded, threads

log = logging.getLogger(__name__)


class TextCnnSettings(PluginSettings):
    """The defaults are the paper's title classifier; for descriptions set ``cleaning.kind`` and `maxlen` 300."""

    cleaning: CleaningSettings = CleaningSettings()
    maxlen: int = Field(57, ge=1, description="words of a text that are read (paper: title 57, description 300)")
    truncating: Literal["pre", "post"] = Field("post", description="longer texts lose their beginning (Keras' default) or their end")
    vocabulary_size: int = Field(10_000, ge=2, description="commonest training words kept, and one for padding")
    embedding: Literal["rand", "static", "non_static", "multichannel"] = Field(
        "non_static", description="vectors random; fixed; trained; or a fixed and a trained copy, summed (Kim 2014)"
    )
    vectors: str = Field("auto", description="the packaged GloVe, or a file (.txt .vec .gz .zip .bin .npy)")
    dimensions: int = Field(120, ge=1, description="first numbers of a vector used, at most those it has (authors' scripts: 120 of 300)")
    unknown: Literal["uniform", "zeros"] = Field("uniform", description="words without a vector: U(-0.25, 0.25), or 0")
    graph: Literal["conv", "pool"] = Field("conv", description="pool: no convolution, as the authors' scripts run in fact")
    windows: tuple[int, ...] = Field((5,), min_length=1, description="words a filter sees (Kim: 3, 4, 5)")
    filters: int = Field(200, ge=1, description="filters of each window (Kim: 100)")
    hidden: int = Field(170, ge=0, description="units of the hidden layer, 0 for none (Kim)")
    dropout: float = Field(0.0, ge=0, lt=1, description="before the last layer (Kim: 0.5)")
    max_norm: float | None = Field(None, gt=0, description="longest weight vector of a label (Kim: 3)")
    training: LoopSettings = LoopSettings()

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
class Texts(Prepared):
    """The words of N texts; present are those with a word left after cleaning."""

    tokens: TokenArray

    def take(self, rows: Rows) -> Texts:
        """The given rows, in that order."""
        return Texts(self.present[rows], self.tokens.take(rows))


@dataclass(frozen=True)
class _WordBatches:
    """Texts as numbers, for the training loop."""

    texts: Ragged
    settings: TextCnnSettings

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
        bound = (6 / (size * (dimensions + filters))) ** 0.5  # Glorot as Keras counts it: filters * size go out
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)

    def forward(self, windows: Tensor) -> Tensor:
        return super().forward(windows.flatten(1))


class _Network(nn.Module):
    """Windows of word numbers to logits (B, L); initialised as Keras does (Glorot uniform, zero bias).

    Padding takes part in the maximum, and its vector (row 0, zero at first) is trained like any word's:
    there is no mask in the paper's model. Filters are applied to the sum of two channels, which for a
    convolution is the sum of what each gives.
    """

    def __init__(self, vectors: Tensor, labels: int, settings: TextCnnSettings) -> None:
        super().__init__()
        dimensions, kind = vectors.shape[1], settings.embedding
        self.channels = nn.ParameterDict()
        if kind in ("static", "multichannel"):
            self.channels["fixed"] = nn.Parameter(vectors, requires_grad=False)
        if kind != "static":
            self.channels["tuned"] = nn.Parameter(vectors.clone())
        windows = settings.windows if settings.graph == "conv" else ()
        self.convolutions = nn.ModuleList(_Convolution(dimensions, size, settings.filters) for size in windows)
        pooled = settings.filters * len(windows) if windows else dimensions
        self.hidden = nn.Linear(pooled, settings.hidden) if settings.hidden else None
        self.dropout = nn.Dropout(settings.dropout)
        self.output = nn.Linear(settings.hidden or pooled, labels)
        for layer in (self.hidden, self.output):
            if layer is not None:
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def features(self, *cuts: Tensor) -> Tensor:
        """(B, D) what the last layer sees; D is `hidden`, or the number of filters where there is no hidden layer."""
        maps = []
        for number, (windows, counts) in enumerate(zip(cuts[::2], cuts[1::2], strict=True)):
            words = reduce(torch.add, (F.embedding(windows, vectors) for vectors in self.channels.values()))
            found = self.convolutions[number](words) if len(self.convolutions) else words.flatten(1)
            maps.append(torch.segment_reduce(found, "max", lengths=counts, axis=0))
        pooled = torch.cat(maps, dim=1)
        pooled = pooled.relu() if len(self.convolutions) else pooled  # relu is monotone: after the maximum it is less work
        return pooled if self.hidden is None else torch.relu(self.hidden(pooled))

    def forward(self, *cuts: Tensor) -> Tensor:
        """(B, L) logits."""
        logits: Tensor = self.output(self.dropout(self.features(*cuts)))
        return logits

    def both(self, *cuts: Tensor) -> Tensor:
        """(B, L + D) probabilities, then features."""
        features = self.features(*cuts)
        return torch.cat([self.output(features).sigmoid(), features], dim=1)


@lru_cache
def _warn_once(message: str) -> None:
    """A field is fitted once a fold; its warning is worth reading once."""
    log.warning(message)


class TextCnn(Modality):
    """One text field's classifier; title and description are two members, each with its own settings."""

    Settings = TextCnnSettings
    settings: TextCnnSettings

    _network: _Network | None = None
    _vocabulary: Vocabulary
    _facts: dict[str, Any]

    def prepare(self, catalog: Catalog, context: Context) -> Texts:
        """Clean and tokenise the field."""
        tokens = tokenize_column(catalog.column(self.field), self.settings.cleaning)
        return Texts(tokens.lengths > 0, tokens)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn vocabulary and weights from `train` alone.

        Raises:
            WeightsError: the word vectors are missing or not what they should be.
        """
        tokens: TokenArray = train.inputs.tokens
        self._vocabulary = Vocabulary.fit(tokens, self.settings.vocabulary_size)
        vectors, self._facts = self._initial_vectors(tokens, context.seed)
        with seeded(context.seed):
            self._network = _Network(torch.from_numpy(vectors), train.targets.shape[1], self.settings)
        watched = None if validation is None else (self._batches(validation.inputs), validation.targets)
        with threads(1):
            self._facts["epochs"] = fit_network(
                self._network,
                self._batches(train.inputs),
                train.targets,
                self.settings.training,
                context,
                watched,
                title=self.field,
                after_step=None if self.settings.max_norm is None else self._shorten,
            )
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, D); the same for a text in whatever company it comes."""
        network, batches = self._fitted(), self._batches(inputs)
        labels = network.output.out_features
        both = run_network(network.both, batches, batch_size=64)
        both = both.reshape(len(inputs), labels + network.output.in_features)
        return both[:, :labels], both[:, labels:]

    def state(self) -> State:
        """The weights, and the vocabulary; the word vectors' source is not needed again."""
        weights = {name: value.numpy().copy() for name, value in self._fitted().state_dict().items()}
        return State(weights, {**self._facts, "words": list(self._vocabulary.words)})

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        self._facts = dict(state.facts)
        self._vocabulary = Vocabulary(tuple(self._facts.pop("words")))
        weights = {name: torch.from_numpy(np.array(value)) for name, value in state.arrays.items()}
        vectors = next(value for name, value in weights.items() if name.startswith("channels."))
        self._network = _Network(torch.zeros_like(vectors), len(weights["output.bias"]), self.settings)
        self._network.load_state_dict(weights)
        self._network.eval()
        return self

    def provenance(self) -> dict[str, Any]:
        """Word vectors, their coverage, vocabulary size, epochs."""
        return dict(self._facts)

    def _initial_vectors(self, tokens: TokenArray, seed: int) -> tuple[Floats, dict[str, Any]]:
        """The embedding (V, D), row 0 (padding) zero, and where it came from."""
        chosen, words = self.settings, self._vocabulary.words
        if chosen.embedding == "rand":
            vectors, found = np.zeros((len(words), chosen.dimensions), np.float32), np.zeros(len(words), bool)
            facts: dict[str, Any] = {"vectors": "random", "coverage": 0.0}
        else:
            source = load_vectors(chosen.vectors, tokens.words, chosen.dimensions)
            vectors, found = source.look_up(words)
            facts = {"vectors": source.origin, "coverage": source.coverage(tokens.distinct())}
            self._say_if_shorter(source)
        if chosen.unknown == "uniform":
            chance = np.random.default_rng(seed).uniform(-0.25, 0.25, vectors.shape).astype(np.float32)
            vectors = np.where(found[:, None], vectors, chance)
        padding = np.zeros((1, vectors.shape[1]), np.float32)
        return np.concatenate([padding, vectors]), {**facts, "dimensions": vectors.shape[1], "vocabulary": len(words)}

    def _say_if_shorter(self, source: WordVectors) -> None:
        if (has := source.matrix.shape[1]) < self.settings.dimensions:
            _warn_once(f"{self.field}: {self.settings.dimensions} dimensions asked for, {source.origin} has {has}")

    def _batches(self, inputs: Texts) -> _WordBatches:
        texts = self._vocabulary.encode(inputs.tokens).truncate(self.settings.maxlen, self.settings.truncating)
        return _WordBatches(texts, self.settings)

    def _fitted(self) -> _Network:
        if self._network is None:
            raise NotFittedError(f"the text classifier of {self.field!r} is not fitted; call fit or restore first")
        return self._network

    def _shorten(self, network: nn.Module) -> None:
        """Kim's constraint: no label's weight vector longer than `max_norm`."""
        assert isinstance(network, _Network)
        with torch.no_grad():
            network.output.weight.renorm_(p=2, dim=0, maxnorm=self.settings.max_norm or float("inf"))
