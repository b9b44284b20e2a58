"""Early fusion trained end to end: text and picture networks, joined, under one label layer, learnt together.

Sources: the paper, section 2, which defines early fusion and does not run it; Arevalo et al. 2017 for the gated unit.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, Examples, FieldInputs, Floats, PluginSettings, Rows, State
from shelfwise.errors import ConfigError, NotFittedError
from shelfwise.nn.feature_fusion import JoinName, make_join
from shelfwise.nn.fusion_networks import Shape, init_like_keras
from shelfwise.nn.text_cnn import TextBranch, Texts, TextSettings, WordBatches, initial_vectors
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import (
    Batches,
    LoopSettings,
    fit_network,
    run_network,
    torch_seed,
)
from shelfwise.text.cleaning import CleaningSettings
from shelfwise.text.vocabulary import Vocabulary
from shelfwise.vision.image_branch import PictureBranch, Pictures, PictureSettings, View, with_prefix
from shelfwise.vision.image_encoder import ImageEncoder
from shelfwise.vision.pretrained_weights import WeightSource, find_weights

Branch: TypeAlias = TextBranch | PictureBranch
PICTURE = "image"
USUAL = {"description": TextSettings(cleaning=CleaningSettings(kind="description"), maxlen=300)}
"""How a text field is read where the settings do not name it; all others as titles are."""


class JointSettings(PluginSettings):
    """How each field is read, and how they are joined. The field ``image`` is a picture, all others are texts."""

    join: JoinName = Field("concat", description="features side by side, added up, or weighed by gates")
    units: PositiveInt | None = Field(
        None, description="width of the joined vector; unset: 512 for concat, 256 for add and gated"
    )
    texts: dict[str, TextSettings] = Field(
        default_factory=dict, description="by field, where it is read in another way than usual"
    )
    image: PictureSettings = Field(
        PictureSettings(train_last=0, hidden=512),
        description="train_last 0: the backbone stays as it is, and a layer behind it trains",
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="of the joined vector, in training")
    member_dropout: float = Field(
        0.2, ge=0, lt=1, description="whole fields dropped in training, so that any subset is answered well"
    )
    training: LoopSettings = LoopSettings(batch_size=64, learning_rate=2e-3, loss="bce", patience=5)

    @model_validator(mode="after")
    def _pictures_stay(self) -> Self:
        if self.image.frozen_bn != "inference":
            raise ValueError(f"image.frozen_bn is {self.image.frozen_bn!r}; here it must be 'inference'")
        return self


@dataclass(frozen=True)
class JointInputs(FieldInputs):
    """The M fields of N products, in the order of their names; present are those that have any."""

    parts: tuple[Texts | Pictures, ...]

    def take(self, rows: Rows) -> JointInputs:
        """The given rows, in that order."""
        return JointInputs(self.present[rows], tuple(part.take(rows) for part in self.parts))


@dataclass(frozen=True)
class _FieldBatches:
    """Presence (B, M), and then, field by field, the inputs of the branches for those rows that have it."""

    present: NDArray[np.bool_]
    fields: tuple[Batches, ...]

    def __len__(self) -> int:
        return len(self.present)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        present = self.present[rows]
        inputs = [field.batch(rows[present[:, m]]) for m, field in enumerate(self.fields)]
        return torch.from_numpy(present), *(tensor for tensors in inputs for tensor in tensors)


class _Network(nn.Module):
    """Presence and fields to logits (B, L); a field that is absent is a vector of 0 and a presence bit that is off."""

    def __init__(self, branches: list[Branch], labels: int, settings: JointSettings) -> None:
        super().__init__()
        self.branches, self._branches = nn.ModuleList(branches), branches  # the list knows their type
        for branch in branches:
            init_like_keras(*(branch.penultimate if isinstance(branch, PictureBranch) else [branch.hidden]))
        shape = Shape(labels, tuple(branch.width for branch in branches))
        self.join = make_join(settings.join, shape, settings.units, settings.dropout, settings.member_dropout)

    @property
    def shape(self) -> tuple[int, int]:
        """L, and the width of the joined vector."""
        return self.join.output.out_features, self.join.output.in_features

    def forward(self, present: Tensor, *inputs: Tensor) -> Tensor:
        logits: Tensor = self.join(present, *self._read(present, inputs))
        return logits

    def both(self, present: Tensor, *inputs: Tensor) -> Tensor:
        """(B, L + units) probabilities, then features."""
        features = self.join.joined(present, *self._read(present, inputs))
        return torch.cat([self.join.output(features).sigmoid(), features], dim=1)

    def _read(self, present: Tensor, inputs: tuple[Tensor, ...]) -> list[Tensor]:
        """M x (B, D): what each branch says of the rows that have its field, and 0 of the others."""
        read, first = [], 0
        for m, branch in enumerate(self._branches):
            features, mine = (
                torch.zeros(len(present), branch.width, device=present.device),
                inputs[first : first + branch.inputs],
            )
            if len(mine[-1]):  # one row a product that has the field
                features = features.masked_scatter(present[:, m, None], branch.features(*mine))
            read.append(features)
            first += branch.inputs
        return read

    def trained_weights(self) -> dict[str, Tensor]:
        """All weights but the backbone's."""
        return {name: value for name, value in self.state_dict().items() if ".body." not in name}


class Joint(Modality):
    """One network for several fields together: ``field = "title+description+image"``, in any number and order."""

    Settings = JointSettings
    settings: JointSettings

    _encoder: ImageEncoder | None = None
    _network: _Network | None = None
    _vocabularies: dict[str, Vocabulary]
    _facts: dict[str, Any]

    def __init__(self, settings: Any, field: str) -> None:
        super().__init__(settings, field)
        self._names = field.split("+")
        texts = [name for name in self._names if name != PICTURE]
        if unknown := [name for name in self.settings.texts if name not in texts]:
            raise ConfigError(
                f"joint reads the texts {texts}, but its setting texts names {unknown}; it may name {texts}"
            )

    def prepare(self, catalog: Catalog, context: Context) -> JointInputs:
        """Clean the texts; decode the pictures and run the frozen part on them, unless the cache has it.

        Raises:
            WeightsError: the backbone's weights are missing or not what they should be.
        """
        parts = tuple(self._prepare_field(name, catalog, context) for name in self._names)
        refused = tuple(refusal for part in parts for refusal in part.refused)
        return JointInputs(np.any([part.present for part in parts], axis=0), parts, refused=refused)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Learn vocabularies and weights from `train` alone, all branches together.

        Raises:
            WeightsError: word vectors or a backbone's weights are missing or not what they should be.
        """
        self._facts, self._vocabularies, vectors = {}, {}, []
        for name, part in zip(self._names, train.inputs.parts, strict=True):
            if isinstance(part, Texts):
                vocabulary = Vocabulary.fit(part.tokens, self._reads(name).vocabulary_size)
                first, self._facts[name] = initial_vectors(
                    part.tokens, vocabulary.words, self._reads(name), context.seed, name
                )
                self._vocabularies[name] = vocabulary
                vectors.append(torch.from_numpy(first))
        if PICTURE in self._names:
            source = find_weights(self.settings.image.backbone, self.settings.image.weights)
            self._encoder, self._facts[PICTURE] = (
                ImageEncoder.open(source, self.settings.image),
                {**source.provenance(), "kind": source.kind},
            )
        with torch_seed(context.seed):
            self._network = self._build(vectors, train.targets.shape[1])
        chance = np.random.default_rng(context.seed) if self.settings.image.flip else None
        watched = None if validation is None else (self._batches(validation.inputs), validation.targets)
        learnt = self._batches(train.inputs, chance=chance)
        with torch_threads(1) if self.settings.image.train_last == 0 else nullcontext():
            epochs = fit_network(
                self._network,
                learnt,
                train.targets,
                self.settings.training,
                context,
                watched,
                title=self.field,
            )
        self._facts["epochs"] = epochs
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, units), the mean over both views where pictures are mirrored."""
        network = self._fitted()
        views = range(1 + (self.settings.image.flip and PICTURE in self._names))
        both = np.mean(
            [run_network(network, self._batches(inputs, v), batch_size=64, ask=network.both) for v in views],
            axis=0,
            dtype=np.float32,
        )
        labels, units = network.shape
        both = both.reshape(len(inputs), labels + units)
        return both[:, :labels], both[:, labels:]

    def state(self) -> State:
        """All weights, frozen ones too, and the vocabularies: a saved model needs neither word vectors, hub nor package."""
        tensors = {f"network.{name}": value for name, value in self._fitted().trained_weights().items()}
        if self._encoder is not None:
            tensors |= {
                f"backbone.{name}": value
                for name, value in self._encoder.backbone.state_dict().items()
                if value.ndim
            }
        words = {name: list(vocabulary.words) for name, vocabulary in self._vocabularies.items()}
        return State(
            {name: value.contiguous().numpy().copy() for name, value in tensors.items()},
            {**self._facts, "words": words},
        )

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        self._facts = dict(state.facts)
        self._vocabularies = {
            name: Vocabulary(tuple(words)) for name, words in self._facts.pop("words").items()
        }
        if PICTURE in self._names:
            facts = self._facts[PICTURE]
            source = WeightSource(
                facts["asked"], facts["used"], facts["kind"], None, facts["weights"], facts["note"]
            )
            self._encoder = ImageEncoder.open(
                source, self.settings.image, with_prefix("backbone.", state.arrays)
            )
        weights = with_prefix("network.", state.arrays)
        sizes = [(len(v), self._facts[name]["dimensions"]) for name, v in self._vocabularies.items()]
        with torch_seed(0):  # the first weights are replaced; the caller's randomness stays as it is
            self._network = self._build(
                [torch.zeros(size) for size in sizes], len(weights["join.output.bias"])
            )
        self._network.load_state_dict(weights, strict=False)
        self._network.eval()
        return self

    def provenance(self) -> dict[str, Any]:
        """Word vectors and vocabularies by field, the backbone asked for and used with the source of its weights, and epochs."""
        texts = {name: self._facts[name] for name in self._vocabularies}
        vectors = (
            {"vectors": "; ".join(dict.fromkeys(facts["vectors"] for facts in texts.values()))}
            if texts
            else {}
        )
        return {**vectors, **self._facts.get(PICTURE, {}), **texts, "epochs": self._facts["epochs"]}

    def _reads(self, name: str) -> TextSettings:
        return self.settings.texts.get(name) or USUAL.get(name) or TextSettings()

    def _prepare_field(self, name: str, catalog: Catalog, context: Context) -> Texts | Pictures:
        if name != PICTURE:
            return Texts.read(catalog, name, self._reads(name).cleaning)
        chosen = self.settings.image
        if self._encoder is None:
            self._encoder = ImageEncoder.open(find_weights(chosen.backbone, chosen.weights), chosen)
        return Pictures.read(catalog, name, self._encoder, context)

    def _build(self, vectors: list[Tensor], labels: int) -> _Network:
        """A new network, its texts beginning with `vectors`, one (V, D) a text field."""
        waiting, branches = iter(vectors), list[Branch]()
        for name in self._names:
            if name != PICTURE:
                branches.append(TextBranch(next(waiting), self._reads(name)))
            else:
                assert self._encoder is not None
                branches.append(PictureBranch(self._encoder, self.settings.image))
        return _Network(branches, labels, self.settings)

    def _batches(
        self, inputs: JointInputs, view: int = 0, chance: np.random.Generator | None = None
    ) -> _FieldBatches:
        present = np.stack([part.present for part in inputs.parts], axis=1)
        fields = [
            View(part, view, chance)
            if isinstance(part, Pictures)
            else WordBatches.of(part, self._vocabularies[name], self._reads(name))
            for name, part in zip(self._names, inputs.parts, strict=True)
        ]
        return _FieldBatches(present, tuple(fields))

    def _fitted(self) -> _Network:
        if self._network is None:
            raise NotFittedError(
                f"the joint classifier of {self.field!r} is not fitted; call fit or restore first"
            )
        return self._network
