"""The image part of a network: a pre-trained backbone whose last layers train, pooling, a hidden layer.

Sources: the paper, section 3; the authors' scripts (224 x 224 pixels, global average pooling).

Dimensions: N images, B of a batch, D features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, FieldInputs, Floats, RejectedField, Rows
from shelfwise.vision.encoder_settings import ImageEncoderSettings
from shelfwise.vision.graph_split import fuse_batch_norm
from shelfwise.vision.image_encoder import ImageEncoder, to_tensor
from shelfwise.vision.image_features import EncodedImages, encode_images
from shelfwise.vision.layer_freezing import set_frozen

POOLED_DIMENSIONS = 2
"""Of a row of a wholly frozen backbone: views and features. Rows of maps have more."""


class ImageBranchSettings(ImageEncoderSettings):
    """The defaults are the paper's.

    For the backbone see :class:`~shelfwise.vision.encoder_settings.ImageEncoderSettings`.
    """

    hidden: int = Field(
        0,
        ge=0,
        description="units of a hidden layer behind the backbone; 0: no hidden layer (the paper)",
    )
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of units dropped before each layer behind the backbone in training",
    )


@dataclass(frozen=True)
class Images(FieldInputs):
    """The frozen part's rows of N images; equal images share a row, and taking rows copies none.

    Args:
        rows: (U, V, ...) one row a distinct image, for each view.
        index: (N,) each image's row, -1 where there is none.
        sources: (N,) paths or bytes, None where there is no image.
    """

    rows: NDArray[Any]
    index: Rows
    sources: NDArray[np.object_]

    @classmethod
    def read(cls, catalog: Catalog, field: str, encoder: ImageEncoder, context: Context) -> Self:
        """Read and decode the images and run the frozen part on them, unless the cache has it."""
        sources = np.array(catalog.image_sources(field), dtype=object)
        given = np.flatnonzero([source is not None for source in sources])
        frozen = encoder.encoder()

        def encode() -> EncodedImages:
            return encode_images([sources[i] for i in given], frozen, context)

        # pooled vectors are small enough to keep for the next member; maps are not
        if len(frozen.shape) == POOLED_DIMENSIONS:
            encoded = catalog.memoize(("images", field, frozen.identity), encode)
        else:
            encoded = encode()
        # from places among the given images to places among all products
        index = np.full(len(sources), -1, np.int64)
        index[given] = encoded.index
        ids = catalog.ids
        rejected = tuple(
            RejectedField(ids[given[i]], field, reason)
            for i, reason in sorted(encoded.reasons.items())
        )
        return cls(index >= 0, encoded.rows, index, sources, refused=rejected)

    def take(self, rows: Rows) -> Images:
        """The given rows, in that order."""
        return Images(self.present[rows], self.rows, self.index[rows], self.sources[rows])

    def mean_of_views(self) -> Floats:
        """(N, D) the mean of an image and its mirror image; 0 where there is no image."""
        # one row an image file, which several products may share
        means = self.rows.mean(axis=1, dtype=np.float32)
        if not len(means):
            return np.zeros((len(self), 0), np.float32)
        return np.where(self.present[:, None], means[self.index], np.float32(0))


@dataclass(frozen=True)
class ImageBatches:
    """One view of the images, for the training loop.

    Args:
        view: 0 as they are, 1 mirrored.
        mirrored: draw a view for every image by torch's chance, in place of `view`.
    """

    images: Images
    view: int = 0
    mirrored: bool = False

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """The inputs of the network's body."""
        # each image's own draw, or the same view for all
        view: int | Rows = self.view
        if self.mirrored:
            view = torch.randint(0, 2, (len(rows),)).numpy()
        return (to_tensor(self.images.rows[self.images.index[rows], view]),)


class ImageBranch(nn.Module):
    """Rows of one view to features (B, D).

    D, the `width`, is `hidden`, or the backbone's own without a hidden layer.
    """

    def __init__(self, encoder: ImageEncoder, settings: ImageBranchSettings) -> None:
        super().__init__()
        self.body = encoder.body()
        self._norms = encoder.norms
        self._rule = settings.frozen_bn
        self.dropout: nn.Module = nn.Dropout(settings.dropout)
        hidden: list[nn.Module] = []
        if settings.hidden:
            hidden = [self.dropout, nn.Linear(encoder.features, settings.hidden), nn.ReLU()]
        self.penultimate = nn.Sequential(*hidden)
        self.width = settings.hidden or encoder.features
        self.inputs = 1
        # in a list, so that it is no part of the weights
        self._fused: list[nn.Module] = []

    def train(self, mode: bool = True) -> Self:
        """Training or inference mode; frozen batch norms follow their own rule."""
        super().train(mode)
        set_frozen(self._norms, mode, self._rule)
        # made of weights that training changes
        self._fused.clear()
        return self

    def features(self, rows: Tensor) -> Tensor:
        """(B, D) from what :meth:`ImageBatches.batch` gives."""
        # fused weights are copies, from which no gradient leads back
        trains = self.training or torch.is_grad_enabled()
        body = self.body if trains else self._fused_body()
        features: Tensor = self.penultimate(body(rows))
        return features

    def _fused_body(self) -> nn.Module:
        """The body with its batch norms fused into its convolutions, made once.

        Whoever changes weights or device calls :meth:`train` or ``eval`` afterwards, which drops it.
        """
        if not self._fused:
            self._fused.append(fuse_batch_norm(self.body))
        return self._fused[0]
