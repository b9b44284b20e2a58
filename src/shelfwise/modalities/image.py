"""The paper's image classifier: a backbone of which the last layers train, pooling, and a label layer.

Sources: the paper, section 3; the authors' scripts (224 x 224 pixels, global average pooling, one dense
layer).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import timm  # noqa: F401 - without it this plug-in is refused when it is named
from pydantic import Field
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples, Floats, State
from shelfwise.nn.classifier_network import ClassifierNetwork
from shelfwise.nn.initialization import init_like_keras
from shelfwise.nn.network_modality import NetworkModality
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.state_tensors import with_prefix
from shelfwise.nn.training_loop import LoopSettings
from shelfwise.vision.encoder_state import encoder_tensors, restored_encoder, source_facts
from shelfwise.vision.image_branch import ImageBatches, ImageBranch, ImageBranchSettings, Images
from shelfwise.vision.image_encoder import ImageEncoder
from shelfwise.vision.image_features import EncodedImages, encode_images
from shelfwise.vision.pretrained_weights import WeightSource, find_weights


class ImageSettings(ImageBranchSettings):
    """The defaults are the paper's."""

    training: LoopSettings = Field(
        LoopSettings(epochs=25), description="how the last layers and the label layer are trained"
    )


class ImageNetwork(ImageBranch, ClassifierNetwork):
    """Rows of one view to logits (B, L); the head is initialised as in Keras (Glorot uniform, zero bias)."""

    def __init__(self, encoder: ImageEncoder, labels: int, settings: ImageSettings) -> None:
        super().__init__(encoder, settings)
        self.output = nn.Linear(self.width, labels)
        init_like_keras(*self.penultimate, self.output)

    def head(self) -> dict[str, Tensor]:
        """The weights that are not the backbone's."""
        weights = self.state_dict().items()
        return {name: value for name, value in weights if not name.startswith("body.")}


class Image(NetworkModality[ImageNetwork]):
    """The classifier of one image a product."""

    Settings = ImageSettings
    settings: ImageSettings

    _encoder: ImageEncoder | None = None

    @property
    def views(self) -> int:
        """2 where mirrored images are averaged too."""
        return 1 + self.settings.flip

    @property
    def shares_batches(self) -> bool:
        """Where layers of the backbone train; a label layer alone is quick."""
        return self.settings.train_last != 0

    def prepare(self, catalog: Catalog, context: Context) -> Images:
        """Read and decode the images and run the frozen layers on them, unless the cache has it.

        Raises:
            WeightsError: the backbone's weights are missing or not what they should be.
        """
        # frozen layers are the same before and after fitting, so a fitted encoder reads images as well
        if self._encoder is None:
            self._encoder = ImageEncoder.open(self._source(), self.settings)
        return Images.read(catalog, self.field, self._encoder, context)

    def fit(self, train: Examples, validation: Examples | None, context: Context) -> Self:
        """Train the head and the last layers.

        Raises:
            WeightsError: as :meth:`prepare`.
        """
        source = self._source()
        # opened anew: an encoder that was trained before must not go on from there
        self._encoder = ImageEncoder.open(source, self.settings)
        with torch_seed(context.seed):
            self._network = ImageNetwork(self._encoder, train.targets.shape[1], self.settings)
        watched = self._watched(validation, context)
        images, targets = self._training_images(train, context)
        # each image is mirrored or not by chance, anew in every epoch
        inputs = ImageBatches(images, mirrored=self.settings.flip)
        epochs = self._train(inputs, targets, watched, context)
        self._facts = {**source_facts(source), "epochs": epochs, "labels": targets.shape[1]}
        return self

    def batches(self, inputs: Any, context: Context, view: int = 0) -> ImageBatches:
        """The images as they are (view 0), or mirrored (view 1)."""
        return ImageBatches(inputs, view)

    def weights(self) -> dict[str, Tensor]:
        """All weights, frozen ones too: a saved model needs neither hub nor package."""
        head = self.network.head()
        assert self._encoder is not None
        tensors = encoder_tensors(self._encoder)
        for name, value in head.items():
            tensors[f"head.{name}"] = value
        return tensors

    def rebuild(self, state: State) -> ImageNetwork:
        """The backbone and the network of `state`."""
        self._encoder = restored_encoder(self._facts, self.settings, state.arrays)
        network = ImageNetwork(self._encoder, self._facts["labels"], self.settings)
        # not strict: the backbone's weights are in the encoder already
        network.load_state_dict(with_prefix("head.", state.arrays), strict=False)
        return network

    def _source(self) -> WeightSource:
        return find_weights(self.settings.backbone, self.settings.weights)

    def _training_images(self, train: Examples, context: Context) -> tuple[Images, Floats]:
        """The training images and targets as the frozen layers give them in training.

        Only with ``frozen_bn = "batch_stats"`` this differs from what prediction sees: batch norms then use
        the statistics of seeded batches.
        """
        assert self._encoder is not None
        if self.settings.frozen_bn == "inference" or self._encoder.parts.frozen is None:
            return train.inputs, train.targets
        # a row depends on its batch, so the batches are drawn here, once for all epochs
        order = np.random.default_rng(context.seed).permutation(len(train.inputs))
        sources = train.inputs.sources[order]
        encoder = self._encoder.encoder(batch_stats=True)
        encoded: EncodedImages = encode_images(list(sources), encoder, context)
        # a file may have become unreadable since it was prepared
        readable = encoded.index >= 0
        kept = order[readable]
        present = np.ones(len(kept), bool)
        images = Images(present, encoded.rows, encoded.index[readable], train.inputs.sources[kept])
        return images, train.targets[kept]
