"""The paper's picture classifier: a pre-trained backbone of which the last layers train, pooling, and a label layer.

Sources: the paper, section 3; the authors' scripts (224 x 224 pixels, global average pooling, one dense layer).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, Examples, Floats, State
from shelfwise.errors import NotFittedError
from shelfwise.nn.fusion_networks import init_like_keras
from shelfwise.nn.training_loop import LoopSettings, fit_network, run_network, torch_seed
from shelfwise.vision.image_branch import PictureBranch, Pictures, PictureSettings, View, with_prefix
from shelfwise.vision.image_encoder import ImageEncoder
from shelfwise.vision.image_features import Encoded, encode
from shelfwise.vision.pretrained_weights import WeightSource, find_weights


class ImageSettings(PictureSettings):
    """The defaults are the paper's; see :class:`~shelfwise.vision.image_encoder.ImageEncoderSettings` for the backbone."""

    training: LoopSettings = LoopSettings(epochs=25)


class _Network(PictureBranch):
    """Rows to logits (B, L); the head is initialised as in Keras (Glorot uniform, zero bias)."""

    def __init__(self, encoder: ImageEncoder, labels: int, settings: ImageSettings) -> None:
        super().__init__(encoder, settings)
        self.output = nn.Linear(self.width, labels)
        init_like_keras(*self.penultimate, self.output)

    def forward(self, rows: Tensor) -> Tensor:
        logits: Tensor = self.output(self.dropout(self.features(rows)))
        return logits

    def both(self, rows: Tensor) -> Tensor:
        """(B, L + D) probabilities, then features."""
        features = self.features(rows)
        return torch.cat([self.output(features).sigmoid(), features], dim=1)

    def head(self) -> dict[str, Tensor]:
        """The weights that are not the backbone's."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("body.")}


class Image(Modality):
    """The classifier of one picture a product."""

    Settings = ImageSettings
    settings: ImageSettings

    _encoder: ImageEncoder | None = None
    _network: _Network | None = None
    _facts: dict[str, Any]

    def prepare(self, catalog: Catalog, context: Context) -> Pictures:
        """Read and decode the pictures and run the frozen part on them, unless the cache has it.

        Raises:
            WeightsError: the backbone's weights are missing or not what they should be.
        """
        if self._encoder is None:
            self._encoder = ImageEncoder.open(self._source(), self.settings)
        return Pictures.read(catalog, self.field, self._encoder, context)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Train the head and the last layers.

        Raises:
            WeightsError: as :meth:`prepare`.
        """
        source = self._source()
        self._encoder = ImageEncoder.open(source, self.settings)
        with torch_seed(context.seed):
            self._network = _Network(self._encoder, train.targets.shape[1], self.settings)
        chance = np.random.default_rng(context.seed) if self.settings.flip else None
        watched = None if validation is None else (View(validation.inputs), validation.targets)
        inputs, targets = self._as_trained(train, context)
        epochs = fit_network(
            self._network,
            View(inputs, chance=chance),
            targets,
            self.settings.training,
            context,
            watched,
            title=self.field,
        )
        self._facts = {
            **source.provenance(),
            "kind": source.kind,
            "epochs": epochs,
            "labels": targets.shape[1],
        }
        return self

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, D), the mean over both views where pictures are mirrored."""
        network = self._fitted()
        views = range(inputs.rows.shape[1])
        both = np.mean(
            [run_network(network, View(inputs, view), batch_size=64, ask=network.both) for view in views],
            axis=0,
            dtype=np.float32,
        )
        both = both.reshape(len(inputs), network.output.out_features + network.output.in_features)
        return both[:, : network.output.out_features], both[:, network.output.out_features :]

    def state(self) -> State:
        """All weights, frozen ones too: a saved model needs neither hub nor package."""
        network, encoder = self._fitted(), self._encoder
        assert encoder is not None
        tensors = {f"backbone.{name}": value for name, value in encoder.backbone.state_dict().items()}
        tensors |= {f"head.{name}": value for name, value in network.head().items()}
        arrays = {name: value.contiguous().numpy().copy() for name, value in tensors.items() if value.ndim}
        return State(arrays, dict(self._facts))

    def restore(self, state: State) -> Self:
        """Become the classifier that `state` was taken from."""
        self._facts = dict(state.facts)
        source = WeightSource(
            self._facts["asked"],
            self._facts["used"],
            self._facts["kind"],
            None,
            self._facts["weights"],
            self._facts["note"],
        )
        self._encoder = ImageEncoder.open(source, self.settings, with_prefix("backbone.", state.arrays))
        self._network = _Network(self._encoder, self._facts["labels"], self.settings)
        self._network.load_state_dict(with_prefix("head.", state.arrays), strict=False)
        self._network.eval()
        return self

    def provenance(self) -> dict[str, Any]:
        """The backbone asked for and used, the source of its weights, and epochs."""
        return dict(self._facts)

    def _source(self) -> WeightSource:
        return find_weights(self.settings.backbone, self.settings.weights)

    def _as_trained(self, train: Examples, context: Context) -> tuple[Pictures, Floats]:
        """The training pictures as the frozen part sees them in training; with batch statistics in seeded batches."""
        assert self._encoder is not None
        if self.settings.frozen_bn == "inference" or self._encoder.parts.frozen is None:
            return train.inputs, train.targets
        order = np.random.default_rng(context.seed).permutation(len(train.inputs))
        done: Encoded = encode(
            list(train.inputs.paths[order]), self._encoder.encoder(batch_stats=True), context
        )
        kept = order[done.index >= 0]
        index = done.index[done.index >= 0]
        return Pictures(np.ones(len(kept), bool), done.rows, index, train.inputs.paths[kept]), train.targets[
            kept
        ]

    def _fitted(self) -> _Network:
        if self._network is None:
            raise NotFittedError(
                f"the picture classifier of {self.field!r} is not fitted; call fit or restore first"
            )
        return self._network
