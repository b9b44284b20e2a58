"""A pre-trained sentence encoder (BERT family), frozen or tuned, and a hidden layer that knows the labels.

The mean of the encoder's word vectors goes to a hidden layer and one sigmoid a label. The head is first learnt on the
frozen encoder; where layers are tuned, that goes on from there, so that a head of random weights does not spoil them
(Kumar et al. 2022).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shelfwise.catalog.store import Catalog
from shelfwise.contracts import Context, Examples, Floats, Modality, PluginSettings, Prepared, Rows, State
from shelfwise.errors import NotFittedError, WeightsError
from shelfwise.text.vocabulary import Ragged
from shelfwise.training.encoders import TuningSettings, find_encoder, freeze_but, load_encoder, load_tokenizer, mean_of_words, tune
from shelfwise.training.loop import LoopSettings, fit_network, run_network, seeded
from shelfwise.vision.encoded import SHARD, Shelf
from shelfwise.vision.memory import keep_memory


class TextTransformerSettings(PluginSettings):
    """Which encoder, how much of it is tuned, and the head behind it."""

    encoder: str = Field("auto", description="the packaged MiniLM, a folder, or a name on the hub")
    train_last: Annotated[int, Field(ge=0)] | Literal["all"] = Field(
        3, description="layers that are tuned: none (0), the last so many, or all"
    )
    max_tokens: int = Field(128, ge=4, le=512, description="tokens of a text that are read")
    hidden: int = Field(512, ge=1, description="units of the hidden layer")
    dropout: float = Field(0.3, ge=0, lt=1, description="before and behind the hidden layer")
    training: LoopSettings = Field(
        LoopSettings(epochs=60, batch_size=128, schedule="cosine", loss="bce", patience=8), description="of the head on the frozen encoder"
    )
    tuning: TuningSettings = TuningSettings()


@dataclass(frozen=True)
class Passages(Prepared):
    """The tokens of N texts, and, where the encoder stays frozen, what it says of them: (N, D)."""

    tokens: Ragged
    encoded: Floats | None = None

    def take(self, rows: Rows) -> Passages:
        """The given rows, in that order."""
        return Passages(self.present[rows], self.tokens.take(rows), None if self.encoded is None else self.encoded[rows])


@dataclass(frozen=True)
class _TokenBatches:
    """Texts as token numbers (B, W) with their mask."""

    tokens: Ragged

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        texts = self.tokens.take(rows)
        inside = np.arange(texts.lengths.max()) < texts.lengths[:, None]
        numbers = np.zeros(inside.shape, np.int64)
        numbers[inside] = texts.ids
        return torch.from_numpy(numbers), torch.from_numpy(inside.astype(np.int64))


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
        unit = nn.functional.normalize(vectors, dim=1) * vectors.shape[1] ** 0.5  # numbers of size 1, whatever the encoder
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
        logits: Tensor = self.head(mean_of_words(self.encoder, numbers, mask))
        return logits


class TextTransformer(Modality):
    """One classifier of one or several text fields; ``field = "title+description"`` reads them as one text."""

    Settings = TextTransformerSettings
    settings: TextTransformerSettings

    _encoder: Any = None
    _head: _Head | None = None
    _facts: dict[str, Any]

    def prepare(self, catalog: Catalog, context: Context) -> Passages:
        """Tokenise the text; where the encoder stays frozen, encode it too.

        Raises:
            WeightsError: the encoder is not to be had.
        """
        columns = [catalog.column(name) for name in self.field.split("+")]
        texts = [". ".join(v.strip() for v in values if v and v.strip()) for values in zip(*columns, strict=True)]
        tokenizer = load_tokenizer(find_encoder(self.settings.encoder))
        encoding = tokenizer(texts, truncation=True, max_length=self.settings.max_tokens)["input_ids"] if texts else []
        offsets = np.cumsum([0, *map(len, encoding)]).astype(np.int64)
        tokens = Ragged(np.array([i for row in encoding for i in row], dtype=np.int32), offsets)
        passages = Passages(np.array([text != "" for text in texts], dtype=bool), tokens)
        return passages if self.settings.train_last else Passages(passages.present, tokens, self._encode(passages, context))

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn the head on the frozen encoder, then, where layers are to be tuned, all of these together.

        Raises:
            WeightsError: the encoder is not to be had.
            ConfigError: more layers are to be tuned than it has.
        """
        keep_memory()
        source, chosen = find_encoder(self.settings.encoder), self.settings
        self._encoder = load_encoder(source)
        freeze_but(self._encoder, chosen.train_last)
        vectors = self._frozen(train.inputs, context)
        watched = None if validation is None else (_Vectors(self._frozen(validation.inputs, context)), validation.targets)
        with seeded(context.seed):
            head = _Head(vectors.shape[1], train.targets.shape[1], chosen)
        epochs = fit_network(head, _Vectors(vectors), train.targets, chosen.training, context, watched, title=f"{self.field}, head")
        if chosen.train_last:
            tokens = train.inputs.tokens
            tune(_Network(self._encoder, head), self._encoder, _TokenBatches(tokens), tokens.lengths, train.targets, chosen.tuning, context)
        self._head = head
        self._facts = {"encoder": source.origin, "sha256": source.sha256, "train_last": chosen.train_last, "head_epochs": epochs}
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, hidden)."""
        if self._head is None or self._encoder is None:
            raise NotFittedError(f"the encoder's classifier of {self.field!r} is not fitted; call fit or restore first")
        vectors = _run(self._encoder, inputs.tokens) if self.settings.train_last else self._frozen(inputs, context)
        labels, width = self._head.output.out_features, self._head.output.in_features
        both = run_network(self._head.both, _Vectors(vectors)).reshape(len(inputs), labels + width)
        return both[:, :labels], both[:, labels:]

    def state(self) -> State:
        """The head, and those of the encoder's weights that were tuned; the others stay where they came from."""
        assert self._head is not None
        tensors = {f"head.{name}": value for name, value in self._head.state_dict().items()}
        tensors |= {f"encoder.{name}": value.detach() for name, value in self._encoder.named_parameters() if value.requires_grad}
        return State({name: value.numpy().copy() for name, value in tensors.items()}, self._facts)

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from.

        Raises:
            WeightsError: the encoder is not to be had, or is another one than at the time.
        """
        source, self._facts = find_encoder(self.settings.encoder), dict(state.facts)
        if source.sha256 != self._facts["sha256"]:
            raise WeightsError(
                f"{source.origin} is not the encoder this model was fitted on, {self._facts['encoder']}; put that one back, or fit again"
            )
        self._encoder = load_encoder(source)
        freeze_but(self._encoder, self.settings.train_last)
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.arrays.items()}
        self._encoder.load_state_dict({n.removeprefix("encoder."): t for n, t in tensors.items() if n.startswith("encoder.")}, strict=False)
        weights = {n.removeprefix("head."): t for n, t in tensors.items() if n.startswith("head.")}
        self._head = _Head(weights["hidden.weight"].shape[1], len(weights["output.bias"]), self.settings)
        self._head.load_state_dict(weights)
        self._head.eval()
        return self

    def provenance(self) -> dict[str, Any]:
        """Which encoder, its sha256, and how many layers were tuned."""
        return dict(self._facts)

    def _frozen(self, inputs: Passages, context: Context) -> Floats:
        return self._encode(inputs, context) if inputs.encoded is None else inputs.encoded

    def _encode(self, passages: Passages, context: Context) -> Floats:
        """What the encoder, as it came, says of each text: (N, D), from ``context.cache`` as far as it is there."""
        source = find_encoder(self.settings.encoder)
        name = hashlib.sha256(source.sha256.encode()).hexdigest()
        shelf = Shelf(None if context.cache is None else context.cache / "texts" / name)
        ids, ends = passages.tokens.ids, passages.tokens.offsets
        keys = [hashlib.sha256(ids[start:end].tobytes()).digest() for start, end in pairwise(ends)]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}  # texts that are alike are encoded once
        encoder = load_encoder(source)
        vectors = np.zeros((len(keys), encoder.config.hidden_size), np.float32)
        shelf.fill({key: i for key, i in first.items() if key in shelf.places}, vectors)
        missing = np.array(sorted(i for key, i in first.items() if key not in shelf.places), dtype=np.int64)
        with context.progress(f"{self.field}, encoding", len(missing)) as progress:
            for start in range(0, len(missing), 8 * SHARD):
                rows = missing[start : start + 8 * SHARD]
                vectors[rows] = _run(encoder, passages.tokens.take(rows))
                shelf.write([keys[i] for i in rows], vectors[rows])
                progress.advance(len(rows))
        return vectors[[first[key] for key in keys]]


def _run(encoder: nn.Module, tokens: Ragged) -> Floats:
    """(N, D) the mean word vectors of N texts, texts of one length together."""

    def network(numbers: Tensor, mask: Tensor) -> Tensor:
        return mean_of_words(encoder, numbers, mask)

    return run_network(network, _TokenBatches(tokens), batch_size=32, order=np.argsort(tokens.lengths, kind="stable"))
