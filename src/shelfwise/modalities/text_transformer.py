"""A pre-trained sentence encoder (BERT family), frozen or tuned, and a hidden layer that knows the labels.

The mean of the encoder's word vectors goes to a hidden layer and one sigmoid a label. The head is first learnt on the
frozen encoder; where layers are tuned, that goes on from there, so that a head of random weights does not spoil them
(Kumar et al. 2022).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, Examples, Floats, PluginSettings, Rows, State
from shelfwise.errors import NotFittedError
from shelfwise.features.sentence_embeddings import (
    TokenBatches,
    TokenizedTexts,
    encode_fields,
    encode_passages,
    run_encoder,
)
from shelfwise.features.sentence_encoder import (
    EncoderSource,
    TuningSettings,
    find_encoder,
    fine_tune,
    freeze_except_last,
    frozen_encoder,
    load_encoder,
    mean_pooling,
    verify_encoder,
)
from shelfwise.features.tfidf import has_words, words_of
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import LoopSettings, fit_network, run_network, torch_seed


class TextTransformerSettings(PluginSettings):
    """Which encoder, how much of it is tuned, and the head behind it."""

    encoder: str = Field("auto", description="the packaged MiniLM, a folder, or a name on the hub")
    train_last: Annotated[int, Field(ge=0)] | Literal["all"] = Field(
        3, description="layers that are tuned: none (0), the last so many, or all"
    )
    max_tokens: int = Field(128, ge=4, le=512, description="tokens of a text that are read")
    present: Literal["any", "all"] = Field(
        "any", description="a product counts as present with a word in any field, or in all of them"
    )
    hidden: int = Field(512, ge=1, description="units of the hidden layer")
    dropout: float = Field(0.3, ge=0, lt=1, description="before and behind the hidden layer")
    training: LoopSettings = Field(
        LoopSettings(epochs=60, batch_size=128, schedule="cosine", loss="bce", patience=8),
        description="of the head on the frozen encoder",
    )
    tuning: TuningSettings = TuningSettings()


@dataclass(frozen=True)
class _Vectors:
    """Texts as vectors (B, D)."""

    rows: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        return (torch.from_numpy(self.rows[rows]),)


class _Head(nn.Module):
    """Vectors (B, D) to logits (B, L)."""

    def __init__(self, width: int, labels: int, settings: TextTransformerSettings) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, settings.hidden)
        self.output = nn.Linear(settings.hidden, labels)
        self.dropout = nn.Dropout(settings.dropout)

    def features(self, vectors: Tensor) -> Tensor:
        """(B, hidden) what the last layer sees."""
        unit = (
            nn.functional.normalize(vectors, dim=1) * vectors.shape[1] ** 0.5
        )  # numbers of size 1, whatever the encoder
        hidden: Tensor = self.hidden(self.dropout(unit))
        return hidden.relu()

    def forward(self, vectors: Tensor) -> Tensor:
        logits: Tensor = self.output(self.dropout(self.features(vectors)))
        return logits

    def both(self, vectors: Tensor) -> Tensor:
        """(B, L + hidden) probabilities, then features."""
        features = self.features(vectors)
        return torch.cat([self.output(features).sigmoid(), features], dim=1)


class _Network(nn.Module):
    """Token numbers and mask (B, W) to logits (B, L)."""

    def __init__(self, encoder: nn.Module, head: _Head) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, numbers: Tensor, mask: Tensor) -> Tensor:
        logits: Tensor = self.head(mean_pooling(self.encoder, numbers, mask))
        return logits


class TextTransformer(Modality):
    """One classifier of one or several text fields; ``field = "title+description"`` reads them as one text."""

    Settings = TextTransformerSettings
    settings: TextTransformerSettings

    _encoder: Any = None
    _head: _Head | None = None
    _facts: dict[str, Any]

    def is_present(self, fields: frozenset[str]) -> bool:
        """Whether a product that has just these fields is present here."""
        return (all if self.settings.present == "all" else any)(
            name in fields for name in self.field.split("+")
        )

    def prepare(self, catalog: Catalog, context: Context) -> TokenizedTexts:
        """Tokenise the text; where the encoder stays frozen, encode it too.

        Raises:
            WeightsError: the encoder is not to be had.
        """
        chosen = self.settings
        wanted = (catalog, self.field, find_encoder(chosen.encoder), chosen.max_tokens)
        passages = TokenizedTexts.read(*wanted)
        if not chosen.train_last:
            passages = replace(passages, encoded=encode_fields(*wanted, context))
        if chosen.present == "all":
            columns = [words_of(catalog, name) for name in self.field.split("+")]
            passages = replace(passages, present=has_words(columns, every=True))
        return passages

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn the head on the frozen encoder, then, where layers are to be tuned, all of these together.

        Raises:
            WeightsError: the encoder is not to be had.
            ConfigError: more layers are to be tuned than it has.
        """
        source, chosen = find_encoder(self.settings.encoder), self.settings
        self._encoder = self._loaded(source)
        vectors = self._frozen(train.inputs, context)
        watched = (
            None
            if validation is None
            else (_Vectors(self._frozen(validation.inputs, context)), validation.targets)
        )
        with torch_seed(context.seed), torch_threads(1):
            head = _Head(vectors.shape[1], train.targets.shape[1], chosen)
            epochs = fit_network(
                head,
                _Vectors(vectors),
                train.targets,
                chosen.training,
                context,
                watched,
                title=f"{self.field}, head",
            )
        if chosen.train_last:
            tokens = train.inputs.tokens
            fine_tune(
                _Network(self._encoder, head),
                self._encoder,
                TokenBatches(tokens),
                tokens.lengths,
                train.targets,
                chosen.tuning,
                context,
            )
        self._head = head
        self._facts = {
            "encoder": source.origin,
            "sha256": source.sha256,
            "train_last": chosen.train_last,
            "head_epochs": epochs,
        }
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, hidden)."""
        if self._head is None or self._encoder is None:
            raise NotFittedError(
                f"the encoder's classifier of {self.field!r} is not fitted; call fit or restore first"
            )
        vectors = (
            run_encoder(self._encoder, inputs.tokens)
            if self.settings.train_last
            else self._frozen(inputs, context)
        )
        labels, width = self._head.output.out_features, self._head.output.in_features
        both = run_network(self._head, _Vectors(vectors), ask=self._head.both).reshape(
            len(inputs), labels + width
        )
        return both[:, :labels], both[:, labels:]

    def state(self) -> State:
        """The head, and those of the encoder's weights that were tuned; the others stay where they came from."""
        assert self._head is not None
        tensors = {f"head.{name}": value for name, value in self._head.state_dict().items()}
        tensors |= {
            f"encoder.{name}": value.detach()
            for name, value in self._encoder.named_parameters()
            if value.requires_grad
        }
        return State({name: value.numpy().copy() for name, value in tensors.items()}, self._facts)

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from.

        Raises:
            WeightsError: the encoder is not to be had, or is another one than at the time.
        """
        self._facts = dict(state.facts)
        source = verify_encoder(self.settings.encoder, self._facts["encoder"], self._facts["sha256"])
        self._encoder = self._loaded(source)
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.arrays.items()}
        self._encoder.load_state_dict(
            {n.removeprefix("encoder."): t for n, t in tensors.items() if n.startswith("encoder.")},
            strict=False,
        )
        weights = {n.removeprefix("head."): t for n, t in tensors.items() if n.startswith("head.")}
        self._head = _Head(weights["hidden.weight"].shape[1], len(weights["output.bias"]), self.settings)
        self._head.load_state_dict(weights)
        self._head.eval()
        return self

    def provenance(self) -> dict[str, Any]:
        """Which encoder, its sha256, and how many layers were tuned."""
        return dict(self._facts)

    def _loaded(self, source: EncoderSource) -> Any:
        """The encoder, for this member alone where some of it is tuned."""
        if not self.settings.train_last:
            return frozen_encoder(source)
        encoder = load_encoder(source)
        freeze_except_last(encoder, self.settings.train_last)
        return encoder

    def _frozen(self, inputs: TokenizedTexts, context: Context) -> Floats:
        if inputs.encoded is not None:
            return inputs.encoded
        return encode_passages(inputs, find_encoder(self.settings.encoder), context, self.field)
