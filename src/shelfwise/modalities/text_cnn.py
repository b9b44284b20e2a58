"""The paper's text classifier: word vectors, a convolution, the maximum over the text, one hidden layer.

Sources: the paper, section 3; the authors' scripts; Kim 2014 for windows 3/4/5, static and multichannel
vectors.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples, State
from shelfwise.nn.classifier_network import ClassifierNetwork
from shelfwise.nn.initialization import init_like_keras
from shelfwise.nn.network_modality import NetworkModality
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.state_tensors import with_prefix
from shelfwise.nn.text_cnn import TextBranch, Texts, TextSettings, WordBatches, initial_vectors
from shelfwise.nn.training_loop import LoopSettings
from shelfwise.text.vocabulary import TokenArray, Vocabulary


class TextCnnSettings(TextSettings):
    """The defaults are the paper's for titles; for descriptions set ``cleaning.kind`` and `maxlen` 300."""

    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of features dropped before the last layer (Kim 2014: 0.5)",
    )
    max_norm: float | None = Field(
        None,
        gt=0,
        description="largest length of a label's weight vector (Kim 2014: 3); unset: no limit",
    )
    training: LoopSettings = Field(LoopSettings(), description="how the network is trained")


class TextNetwork(TextBranch, ClassifierNetwork):
    """Windows of word numbers to logits (B, L); initialised as Keras does (Glorot uniform, zero bias)."""

    def __init__(self, vectors: Tensor, labels: int, settings: TextCnnSettings) -> None:
        super().__init__(vectors, settings)
        self.dropout = nn.Dropout(settings.dropout)
        self.output = nn.Linear(self.width, labels)
        init_like_keras(self.hidden, self.output)


class TextCnn(NetworkModality[TextNetwork]):
    """One text field's classifier; title and description are two members, each with its own settings."""

    Settings = TextCnnSettings
    settings: TextCnnSettings

    _vocabulary: Vocabulary

    def prepare(self, catalog: Catalog, context: Context) -> Texts:
        """Clean and tokenise the field."""
        return Texts.read(catalog, self.field, self.settings.cleaning)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn vocabulary and weights from `train` alone.

        Raises:
            WeightsError: the word vectors are missing or not what they should be.
        """
        tokens: TokenArray = train.inputs.tokens
        # words of validation and test products stay unknown unless training has them too
        self._vocabulary = Vocabulary.fit(tokens, self.settings.vocabulary_size)
        vectors, self._facts = initial_vectors(
            tokens, self._vocabulary.words, self.settings, context.seed, self.field
        )
        with torch_seed(context.seed):
            network = TextNetwork(torch.from_numpy(vectors), train.targets.shape[1], self.settings)
        self._network = network
        watched = self._watched(validation, context)
        inputs = self.batches(train.inputs, context)
        limit = None if self.settings.max_norm is None else self._limit_norms
        # convolutions over texts are work enough for every core
        with network.on_all_cores():
            self._facts["epochs"] = self._train(
                inputs, train.targets, watched, context, after_step=limit
            )
        return self

    def knows(self, inputs: Any) -> None:
        """Cannot be told: the network learns from texts of unknown words too."""
        return None

    def batches(self, inputs: Any, context: Context, view: int = 0) -> WordBatches:
        """The known words of every text."""
        return WordBatches.of(inputs, self._vocabulary, self.settings)

    def weights(self) -> dict[str, Tensor]:
        """All weights; the source of the word vectors is not needed again."""
        return self.network.state_dict()

    def state(self) -> State:
        """The weights and the vocabulary."""
        state = super().state()
        words = list(self._vocabulary.words)
        return State(state.arrays, {**state.facts, "words": words})

    def rebuild(self, state: State) -> TextNetwork:
        """The network and the vocabulary of `state`."""
        # thousands of words are no fact for a report
        words = self._facts.pop("words")
        self._vocabulary = Vocabulary(tuple(words))
        weights = with_prefix("", state.arrays)
        # any of the channels tells the size of the vocabulary and of the vectors
        vectors = next(value for name, value in weights.items() if name.startswith("channels."))
        labels = len(weights["output.bias"])
        network = TextNetwork(torch.zeros_like(vectors), labels, self.settings)
        network.load_state_dict(weights)
        return network

    def _limit_norms(self, network: nn.Module) -> None:
        """Kim's constraint: no label's weight vector is longer than `max_norm`."""
        assert isinstance(network, TextNetwork)
        longest = self.settings.max_norm or float("inf")
        with torch.no_grad():
            network.output.weight.renorm_(p=2, dim=0, maxnorm=longest)
