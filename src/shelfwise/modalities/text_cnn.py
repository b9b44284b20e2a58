"""The paper's text classifier: word vectors, a convolution, the maximum over the text, one hidden layer.

Sources: the paper, section 3; the authors' scripts; Kim 2014 for windows 3/4/5, static and multichannel vectors.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, Examples, Floats, State
from shelfwise.errors import NotFittedError
from shelfwise.nn.fusion_networks import init_like_keras
from shelfwise.nn.text_cnn import TextBranch, Texts, TextSettings, WordBatches, initial_vectors
from shelfwise.nn.training_loop import LoopSettings, fit_network, run_network, torch_seed
from shelfwise.text.vocabulary import TokenArray, Vocabulary


class TextCnnSettings(TextSettings):
    """The defaults are the paper's title classifier; for descriptions set ``cleaning.kind`` and `maxlen` 300."""

    dropout: float = Field(0.0, ge=0, lt=1, description="before the last layer (Kim: 0.5)")
    max_norm: float | None = Field(None, gt=0, description="longest weight vector of a label (Kim: 3)")
    training: LoopSettings = LoopSettings()


class _Network(TextBranch):
    """Windows of word numbers to logits (B, L); initialised as Keras does (Glorot uniform, zero bias)."""

    def __init__(self, vectors: Tensor, labels: int, settings: TextCnnSettings) -> None:
        super().__init__(vectors, settings)
        self.dropout = nn.Dropout(settings.dropout)
        self.output = nn.Linear(self.width, labels)
        init_like_keras(self.hidden, self.output)

    def forward(self, *cuts: Tensor) -> Tensor:
        """(B, L) logits."""
        logits: Tensor = self.output(self.dropout(self.features(*cuts)))
        return logits

    def both(self, *cuts: Tensor) -> Tensor:
        """(B, L + D) probabilities, then features."""
        features = self.features(*cuts)
        return torch.cat([self.output(features).sigmoid(), features], dim=1)


class TextCnn(Modality):
    """One text field's classifier; title and description are two members, each with its own settings."""

    Settings = TextCnnSettings
    settings: TextCnnSettings

    _network: _Network | None = None
    _vocabulary: Vocabulary
    _facts: dict[str, Any]

    def prepare(self, catalog: Catalog, context: Context) -> Texts:
        """Clean and tokenise the field."""
        return Texts.read(catalog, self.field, self.settings.cleaning)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn vocabulary and weights from `train` alone.

        Raises:
            WeightsError: the word vectors are missing or not what they should be.
        """
        tokens: TokenArray = train.inputs.tokens
        self._vocabulary = Vocabulary.fit(tokens, self.settings.vocabulary_size)
        vectors, self._facts = initial_vectors(
            tokens, self._vocabulary.words, self.settings, context.seed, self.field
        )
        with torch_seed(context.seed):
            self._network = _Network(torch.from_numpy(vectors), train.targets.shape[1], self.settings)
        watched = None if validation is None else (self._batches(validation.inputs), validation.targets)
        with self._network.on_all_cores():
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
        both = run_network(network, batches, batch_size=64, ask=network.both)
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

    def _batches(self, inputs: Texts) -> WordBatches:
        return WordBatches.of(inputs, self._vocabulary, self.settings)

    def _fitted(self) -> _Network:
        if self._network is None:
            raise NotFittedError(
                f"the text classifier of {self.field!r} is not fitted; call fit or restore first"
            )
        return self._network

    def _shorten(self, network: nn.Module) -> None:
        """Kim's constraint: no label's weight vector longer than `max_norm`."""
        assert isinstance(network, _Network)
        with torch.no_grad():
            network.output.weight.renorm_(p=2, dim=0, maxnorm=self.settings.max_norm or float("inf"))
