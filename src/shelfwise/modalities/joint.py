"""Early fusion trained end to end: text and image networks, their features fused, under one label layer.

Sources: the paper, section 2, which defines early fusion and does not run it; Arevalo et al. 2017 for the
gated unit.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import timm  # noqa: F401 - without it this plug-in is refused when it is named
import torch
from pydantic import Field, model_validator
from torch import Tensor

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples, FieldInputs, Rows, State
from shelfwise.errors import ConfigError
from shelfwise.nn.field_batches import FieldBatches
from shelfwise.nn.network_modality import NetworkModality
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.state_tensors import with_prefix
from shelfwise.nn.text_cnn import TextBranch, Texts, TextSettings, WordBatches, initial_vectors
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import Batches, LoopSettings
from shelfwise.text.cleaning import CleaningSettings
from shelfwise.text.vocabulary import Vocabulary
from shelfwise.vision.encoder_state import encoder_tensors, restored_encoder, source_facts
from shelfwise.vision.image_branch import ImageBatches, ImageBranch, ImageBranchSettings, Images
from shelfwise.vision.image_encoder import ImageEncoder
from shelfwise.vision.joint_network import Branch, JointFusionSettings, JointNetwork
from shelfwise.vision.pretrained_weights import find_weights

IMAGE_FIELD = "image"
"""The one field that is an image; all others are texts."""

TEXT_DEFAULTS = {
    "description": TextSettings(cleaning=CleaningSettings(kind="description"), maxlen=300)
}
"""How a text field is read where the settings do not name it; all others are read as titles are."""


class JointSettings(JointFusionSettings):
    """How each field is read, and how their features are fused."""

    texts: dict[str, TextSettings] = Field(
        default_factory=dict,
        description="settings of a text field, by its name; a field not named here is read as text_cnn reads "
        "it",
    )
    image: ImageBranchSettings = Field(
        ImageBranchSettings(train_last=0, hidden=512),
        description="the image backbone; by default it stays frozen, and one layer behind it trains",
    )
    training: LoopSettings = Field(
        LoopSettings(batch_size=64, learning_rate=2e-3, loss="bce", patience=5),
        description="how the whole network is trained",
    )

    @model_validator(mode="after")
    def _check_batch_norms(self) -> Self:
        if self.image.frozen_bn != "inference":
            raise ValueError(
                f"image.frozen_bn is {self.image.frozen_bn!r}; here it must be 'inference'"
            )
        return self


@dataclass(frozen=True)
class JointInputs(FieldInputs):
    """The M fields of N products, in the order of their names; present are those that have any."""

    parts: tuple[Texts | Images, ...]

    def take(self, rows: Rows) -> JointInputs:
        """The given rows, in that order."""
        parts = tuple(part.take(rows) for part in self.parts)
        return JointInputs(self.present[rows], parts)


class Joint(NetworkModality[JointNetwork]):
    """One network for several fields together, e.g. ``field = "title+description+image"``."""

    Settings = JointSettings
    settings: JointSettings

    _encoder: ImageEncoder | None = None
    _vocabularies: dict[str, Vocabulary]

    def __init__(self, settings: Any, field: str) -> None:
        super().__init__(settings, field)
        self._names = field.split("+")
        self._text_names = [name for name in self._names if name != IMAGE_FIELD]
        unknown = [name for name in self.settings.texts if name not in self._text_names]
        if unknown:
            raise ConfigError(
                f"joint reads the texts {self._text_names}, but its setting texts names {unknown}; "
                f"it may name {self._text_names}"
            )

    @property
    def views(self) -> int:
        """2 where mirrored images are averaged too."""
        mirrored = self.settings.image.flip and IMAGE_FIELD in self._names
        return 2 if mirrored else 1

    @property
    def shares_batches(self) -> bool:
        """Where layers of an image backbone train; all else is quick."""
        return IMAGE_FIELD in self._names and self.settings.image.train_last != 0

    def prepare(self, catalog: Catalog, context: Context) -> JointInputs:
        """Clean the texts; decode the images and run the frozen layers on them, unless the cache has it.

        Raises:
            WeightsError: the backbone's weights are missing or not what they should be.
        """
        parts = tuple(self._prepare_field(name, catalog, context) for name in self._names)
        present = np.any([part.present for part in parts], axis=0)
        refused = tuple(refusal for part in parts for refusal in part.refused)
        return JointInputs(present, parts, refused=refused)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn vocabularies and weights from `train` alone, all branches together.

        Raises:
            WeightsError: word vectors or a backbone's weights are missing or not what they should be.
        """
        self._facts = {}
        vectors = self._fit_vocabularies(train.inputs, context.seed)
        if IMAGE_FIELD in self._names:
            source = find_weights(self.settings.image.backbone, self.settings.image.weights)
            self._encoder = ImageEncoder.open(source, self.settings.image)
            self._facts[IMAGE_FIELD] = source_facts(source)
        with torch_seed(context.seed):
            self._network = self._new_network(vectors, train.targets.shape[1])
        watched = self._watched(validation, context)
        # each image is mirrored or not by chance, anew in every epoch
        inputs = self._field_batches(train.inputs, mirrored=self.settings.image.flip)
        # without image layers to train the network is small: a second core would cost more than it brings
        with torch_threads(1) if self.settings.image.train_last == 0 else nullcontext():
            self._facts["epochs"] = self._train(inputs, train.targets, watched, context)
        return self

    def batches(self, inputs: JointInputs, context: Context, view: int = 0) -> Batches:
        """All fields; images as they are (view 0), or mirrored (view 1)."""
        return self._field_batches(inputs, view)

    def weights(self) -> dict[str, Tensor]:
        """All weights, frozen ones too: a saved model needs neither word vectors, hub nor package."""
        weights = self.network.state_dict()
        # a branch's body is the trained end of its backbone, which is saved whole
        tensors = {
            f"network.{name}": value for name, value in weights.items() if ".body." not in name
        }
        if self._encoder is not None:
            tensors |= encoder_tensors(self._encoder)
        return tensors

    def state(self) -> State:
        """The weights and the vocabularies."""
        state = super().state()
        words = {name: list(vocabulary.words) for name, vocabulary in self._vocabularies.items()}
        return State(state.arrays, {**state.facts, "words": words})

    def rebuild(self, state: State) -> JointNetwork:
        """The vocabularies, the backbone and the network of `state`."""
        words_by_name = self._facts.pop("words")
        self._vocabularies = {
            name: Vocabulary(tuple(words)) for name, words in words_by_name.items()
        }
        if IMAGE_FIELD in self._names:
            facts = self._facts[IMAGE_FIELD]
            self._encoder = restored_encoder(facts, self.settings.image, state.arrays)
        weights = with_prefix("network.", state.arrays)
        # the word vectors only need their shapes here; their values come with the other weights
        sizes = [
            (len(known), self._facts[name]["dimensions"])
            for name, known in self._vocabularies.items()
        ]
        vectors = [torch.zeros(size) for size in sizes]
        network = self._new_network(vectors, len(weights["join.output.bias"]))
        # not strict: the backbone's weights are in the encoder already
        network.load_state_dict(weights, strict=False)
        return network

    def provenance(self) -> dict[str, Any]:
        """Word vectors and vocabularies by field, the backbone and the source of its weights, and epochs."""
        texts = {name: self._facts[name] for name in self._vocabularies}
        # the image's facts stay on top, where those of the modality image are; each text has a table of its
        # own
        image = self._facts.get(IMAGE_FIELD, {})
        sources = dict.fromkeys(facts["vectors"] for facts in texts.values())
        vectors = {"vectors": "; ".join(sources)} if texts else {}
        return {**vectors, **image, **texts, "epochs": self._facts["epochs"]}

    def text_settings(self, name: str) -> TextSettings:
        """How the text field `name` is read."""
        return self.settings.texts.get(name) or TEXT_DEFAULTS.get(name) or TextSettings()

    def _prepare_field(self, name: str, catalog: Catalog, context: Context) -> Texts | Images:
        if name != IMAGE_FIELD:
            return Texts.read(catalog, name, self.text_settings(name).cleaning)
        chosen = self.settings.image
        if self._encoder is None:
            self._encoder = ImageEncoder.open(find_weights(chosen.backbone, chosen.weights), chosen)
        return Images.read(catalog, name, self._encoder, context)

    def _fit_vocabularies(self, inputs: JointInputs, seed: int) -> list[Tensor]:
        """Learn a vocabulary a text field; returns the initial word vectors (V, D) of each."""
        self._vocabularies = {}
        initial = []
        for name, part in zip(self._names, inputs.parts, strict=True):
            if isinstance(part, Texts):
                settings = self.text_settings(name)
                vocabulary = Vocabulary.fit(part.tokens, settings.vocabulary_size)
                vectors, facts = initial_vectors(
                    part.tokens, vocabulary.words, settings, seed, name
                )
                self._vocabularies[name] = vocabulary
                self._facts[name] = facts
                initial.append(torch.from_numpy(vectors))
        return initial

    def _new_network(self, vectors: list[Tensor], labels: int) -> JointNetwork:
        """A new network that starts from the word vectors `vectors`, (V, D) for each text field."""
        branches: list[Branch] = []
        vectors_by_name = dict(zip(self._text_names, vectors, strict=True))
        for name in self._names:
            if name in vectors_by_name:
                branches.append(TextBranch(vectors_by_name[name], self.text_settings(name)))
            else:
                assert self._encoder is not None
                branches.append(ImageBranch(self._encoder, self.settings.image))
        return JointNetwork(branches, labels, self.settings)

    def _field_batches(
        self, inputs: JointInputs, view: int = 0, mirrored: bool = False
    ) -> FieldBatches:
        present = np.stack([part.present for part in inputs.parts], axis=1)
        fields: list[Batches] = []
        for name, part in zip(self._names, inputs.parts, strict=True):
            # pictures are decoded batch by batch, words are numbers already
            if isinstance(part, Images):
                fields.append(ImageBatches(part, view, mirrored))
            else:
                fields.append(
                    WordBatches.of(part, self._vocabularies[name], self.text_settings(name))
                )
        return FieldBatches(present, tuple(fields))
