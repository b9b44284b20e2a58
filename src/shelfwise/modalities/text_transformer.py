"""A pre-trained sentence encoder (BERT family), frozen or fine-tuned, and a hidden layer behind it.

The mean of the encoder's token vectors goes to a hidden layer and one sigmoid a label. The head is first
trained on the frozen encoder. Where layers are fine-tuned, that goes on from there, so that a head of random
weights does not spoil them (Kumar et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self, cast

import torch
import transformers  # noqa: F401 - without it this plug-in is refused when it is named
from pydantic import Field
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import ModalityTask
from shelfwise.core.types import Context, Examples, Floats, PluginSettings, Rows, State
from shelfwise.features.encoder_tuning import TuningSettings, fine_tune, freeze_except_last
from shelfwise.features.sentence_embeddings import (
    TokenBatches,
    TokenizedTexts,
    encode_fields,
    encode_texts,
    run_encoder,
)
from shelfwise.features.sentence_encoder import (
    EncoderSource,
    find_encoder,
    frozen_encoder,
    load_encoder,
    mean_pooling,
    verify_encoder,
)
from shelfwise.features.tfidf import has_words, words_of
from shelfwise.nn.batched_training import fit_as_one, trains_as_one
from shelfwise.nn.classifier_network import ClassifierNetwork
from shelfwise.nn.dropout import Dropout
from shelfwise.nn.network_modality import NetworkModality
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.state_tensors import with_prefix
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import Batches, LoopSettings


class TextTransformerSettings(PluginSettings):
    """Which encoder, how much of it is fine-tuned, and the head behind it."""

    encoder: str = Field(
        "auto",
        description="the sentence encoder: 'auto' for the packaged all-MiniLM-L6-v2, a folder, or a name on "
        "the hub",
    )
    train_last: Annotated[int, Field(ge=0)] | Literal["all"] = Field(
        3, description="how many of the encoder's last layers are fine-tuned; 0 keeps it frozen"
    )
    max_tokens: int = Field(
        128, ge=4, le=512, description="tokens of a text that are read; the rest is cut off"
    )
    present: Literal["any", "all"] = Field(
        "any",
        description="which products this member predicts: those with text in any of its fields, or in all of "
        "them",
    )
    hidden: int = Field(512, ge=1, description="units of the hidden layer behind the encoder")
    dropout: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="share of units dropped before and after the hidden layer in training",
    )
    training: LoopSettings = Field(
        LoopSettings(epochs=60, batch_size=128, schedule="cosine", loss="bce", patience=8),
        description="how the hidden layer and the label layer are trained, on the frozen encoder",
    )
    tuning: TuningSettings = Field(
        TuningSettings(), description="how the encoder's last layers are fine-tuned afterwards"
    )


@dataclass(frozen=True)
class _VectorBatches:
    """Texts as vectors (B, D), for the training loop."""

    vectors: Floats

    def __len__(self) -> int:
        return len(self.vectors)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        return (torch.from_numpy(self.vectors[rows]),)


class TransformerHead(ClassifierNetwork):
    """Vectors (B, D) to logits (B, L)."""

    def __init__(self, width: int, labels: int, settings: TextTransformerSettings) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, settings.hidden)
        self.output = nn.Linear(settings.hidden, labels)
        self.dropout = Dropout(settings.dropout)

    def features(self, vectors: Tensor) -> Tensor:
        """(..., hidden) what the last layer reads."""
        # numbers of about size 1, whatever lengths the encoder's vectors have
        scaled = nn.functional.normalize(vectors, dim=-1) * vectors.shape[-1] ** 0.5
        hidden: Tensor = self.hidden(self.dropout(scaled))
        return hidden.relu()


class _FineTunedNetwork(nn.Module):
    """Encoder and head together: token numbers and mask (B, W) to logits (B, L)."""

    def __init__(self, encoder: nn.Module, head: TransformerHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, numbers: Tensor, mask: Tensor) -> Tensor:
        logits: Tensor = self.head(mean_pooling(self.encoder, numbers, mask))
        return logits


class TextTransformer(NetworkModality[TransformerHead]):
    """One classifier of one or several text fields, such as ``title+description``, read as one text."""

    Settings = TextTransformerSettings
    settings: TextTransformerSettings
    batch_size = 256

    _encoder: Any = None

    def __init__(self, settings: TextTransformerSettings, field: str) -> None:
        super().__init__(settings, field)
        # an encoder that is tuned takes all cores, and its layers draw random numbers as torch's do
        self.fits_in_threads = not settings.train_last

    def is_present(self, fields: frozenset[str]) -> bool:
        """Whether a product that has just these fields is present here."""
        names = self.field.split("+")
        present = [name in fields for name in names]
        return all(present) if self.settings.present == "all" else any(present)

    def prepare(self, catalog: Catalog, context: Context) -> TokenizedTexts:
        """Tokenise the text; where the encoder stays frozen, encode it too.

        Raises:
            WeightsError: the encoder is not available.
        """
        chosen = self.settings
        source = find_encoder(chosen.encoder)
        texts = TokenizedTexts.read(catalog, self.field, source, chosen.max_tokens)
        # of a frozen encoder the vectors are all that is needed, and they can be cached
        if not chosen.train_last:
            vectors = encode_fields(catalog, self.field, source, chosen.max_tokens, context)
            texts = replace(texts, encoded=vectors)
        # by default a product is present with any text, as the tokens already tell
        if chosen.present == "all":
            columns = [words_of(catalog, name) for name in self.field.split("+")]
            texts = replace(texts, present=has_words(columns, every=True))
        return texts

    def knows(self, inputs: Any) -> None:
        """Cannot be told: the encoder gives a vector to any letters."""
        return None

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Train the head on the frozen encoder, then fine-tune the encoder's last layers with it.

        Raises:
            WeightsError: the encoder is not available.
            ConfigError: more layers are to be fine-tuned than it has.
        """
        chosen = self.settings
        source = find_encoder(chosen.encoder)
        vectors = self._begin(train, context)
        watched = None
        if validation is not None:
            watched = (
                _VectorBatches(self._frozen_vectors(validation.inputs, context)),
                validation.targets,
            )
        # first the head alone: random weights would spoil the layers behind which they stand
        # it is small, so a second core would cost more than it brings
        with torch_threads(1):
            epochs = self._train(
                _VectorBatches(vectors),
                train.targets,
                watched,
                context,
                title=f"{self.field}, head",
            )
        # now the head fits the encoder, and both may change together
        if chosen.train_last:
            tokens = train.inputs.tokens
            network = _FineTunedNetwork(self._encoder, self.network)
            batches = TokenBatches(tokens)
            fine_tune(
                network,
                self._encoder,
                batches,
                tokens.lengths,
                train.targets,
                chosen.tuning,
                context,
            )
        self._note(source, epochs)
        return self

    @classmethod
    def fit_each(cls, tasks: Sequence[ModalityTask]) -> None:
        """The heads of a frozen encoder as one where a GPU is quicker."""
        modalities = [cast(TextTransformer, task.modality) for task in tasks]
        chosen = modalities[0].settings
        # an encoder that is tuned differs from fold to fold: only heads can be one network
        if chosen.train_last:
            super().fit_each(tasks)
            return
        examples = [
            (_VectorBatches(modality._begin(task.train, task.context)), task.train.targets)
            for modality, task in zip(modalities, tasks, strict=True)
        ]
        if not trains_as_one(examples, chosen.training):
            super().fit_each(tasks)
            return
        heads = [modality.network for modality in modalities]
        contexts = [task.context for task in tasks]
        title = f"{modalities[0].field}, head"
        epochs = fit_as_one(heads, examples, chosen.training, contexts, title)
        for modality, count in zip(modalities, epochs, strict=True):
            modality._note(find_encoder(chosen.encoder), count)

    def _begin(self, train: Examples, context: Context) -> Floats:
        """The encoder's vectors (N, D), and a new head that is to be trained on them."""
        self._encoder = self._load_encoder(find_encoder(self.settings.encoder))
        vectors = self._frozen_vectors(train.inputs, context)
        with torch_seed(context.seed):
            self._network = TransformerHead(vectors.shape[1], train.targets.shape[1], self.settings)
        return vectors

    def _note(self, source: EncoderSource, epochs: int) -> None:
        """Keep what the head was trained on, and how long."""
        self._facts = {
            "encoder": source.origin,
            "sha256": source.sha256,
            "train_last": self.settings.train_last,
            "head_epochs": epochs,
        }

    def batches(self, inputs: TokenizedTexts, context: Context, view: int = 0) -> Batches:
        """The vectors of the texts, by the encoder as it is now."""
        # a fine-tuned encoder's vectors are its own, so no cache has them
        if self.settings.train_last:
            return _VectorBatches(run_encoder(self._encoder, inputs.tokens))
        return _VectorBatches(self._frozen_vectors(inputs, context))

    def weights(self) -> dict[str, Tensor]:
        """The head, and the encoder's weights that were fine-tuned; the others stay where they came from."""
        tensors = {f"head.{name}": value for name, value in self.network.state_dict().items()}
        for name, value in self._encoder.named_parameters():
            # layers that were fine-tuned are those that ask for gradients
            if value.requires_grad:
                tensors[f"encoder.{name}"] = value
        return tensors

    def rebuild(self, state: State) -> TransformerHead:
        """The encoder with its fine-tuned weights, and the head.

        Raises:
            WeightsError: the encoder is not available, or is not the one that was used in training.
        """
        source = verify_encoder(
            self.settings.encoder, self._facts["encoder"], self._facts["sha256"]
        )
        self._encoder = self._load_encoder(source)
        # not strict: only what was tuned is saved
        self._encoder.load_state_dict(with_prefix("encoder.", state.arrays), strict=False)
        weights = with_prefix("head.", state.arrays)
        width = weights["hidden.weight"].shape[1]
        head = TransformerHead(width, len(weights["output.bias"]), self.settings)
        head.load_state_dict(weights)
        return head

    def _load_encoder(self, source: EncoderSource) -> Any:
        """The encoder: shared with all who leave it frozen, or one of this member's own to fine-tune."""
        if not self.settings.train_last:
            return frozen_encoder(source)
        encoder = load_encoder(source)
        freeze_except_last(encoder, self.settings.train_last)
        return encoder

    def _frozen_vectors(self, inputs: TokenizedTexts, context: Context) -> Floats:
        """The texts' vectors (N, D) by the encoder as it was published."""
        if inputs.encoded is not None:
            return inputs.encoded
        return encode_texts(inputs, find_encoder(self.settings.encoder), context, self.field)
