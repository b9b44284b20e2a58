"""The picture part of a network: a pre-trained backbone of which the last layers train, pooling, and perhaps a hidden layer.

Sources: the paper, section 3; the authors' scripts (224 x 224 pixels, global average pooling).
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
from shelfwise.core.types import Context, FieldInputs, RejectedField, Rows
from shelfwise.vision.graph_split import fuse_batch_norm
from shelfwise.vision.image_encoder import ImageEncoder, ImageEncoderSettings, to_tensor
from shelfwise.vision.image_features import encode
from shelfwise.vision.layer_freezing import set_frozen

POOLED = 2
"""Dimensions of what a wholly frozen backbone says of a picture: views, features."""


class PictureSettings(ImageEncoderSettings):
    """The defaults are the paper's; see :class:`~shelfwise.vision.image_encoder.ImageEncoderSettings` for the backbone."""

    hidden: int = Field(
        0, ge=0, description="units of a hidden layer behind the pooling, 0 for none (the paper)"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="before each layer behind the pooling")


@dataclass(frozen=True)
class Pictures(FieldInputs):
    """What the frozen part says of N pictures; rows of one picture are shared, and taking rows copies none."""

    rows: NDArray[Any]
    index: Rows
    paths: NDArray[np.object_]

    @classmethod
    def read(cls, catalog: Catalog, field: str, encoder: ImageEncoder, context: Context) -> Self:
        """Read and decode the pictures and run the frozen part on them, unless the cache has it."""
        names = catalog.column(field)
        paths = np.array([None if name is None else catalog.root / name for name in names], dtype=object)
        there = np.flatnonzero([name is not None for name in names])
        frozen = encoder.encoder()
        # Pooled vectors are small enough to keep for the next member; maps are not.
        memoize = catalog.memoize if len(frozen.shape) == POOLED else lambda key, compute: compute()
        done = memoize(
            ("pictures", field, frozen.identity), lambda: encode([paths[i] for i in there], frozen, context)
        )
        index = np.full(len(names), -1, np.int64)
        index[there] = done.index
        ids = catalog.ids
        refused = tuple(
            RejectedField(ids[there[i]], field, reason) for i, reason in sorted(done.reasons.items())
        )
        return cls(index >= 0, done.rows, index, paths, refused=refused)

    def take(self, rows: Rows) -> Pictures:
        """The given rows, in that order."""
        return Pictures(self.present[rows], self.rows, self.index[rows], self.paths[rows])


@dataclass(frozen=True)
class View:
    """One view of the pictures for the training loop: 0 as they are, 1 mirrored; or either, by `chance`."""

    pictures: Pictures
    view: int = 0
    chance: np.random.Generator | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """The inputs of the network's body."""
        view = self.view if self.chance is None else self.chance.integers(0, 2, len(rows))
        return (to_tensor(self.pictures.rows[self.pictures.index[rows], view]),)


class PictureBranch(nn.Module):
    """Rows of one view to features (B, D); D, the `width`, is `hidden`, or the backbone's own without a hidden layer."""

    def __init__(self, encoder: ImageEncoder, settings: PictureSettings) -> None:
        super().__init__()
        self.body, self._norms, self._rule = encoder.body(), encoder.norms, settings.frozen_bn
        self.dropout = nn.Dropout(settings.dropout)
        hidden = (
            [self.dropout, nn.Linear(encoder.features, settings.hidden), nn.ReLU()] if settings.hidden else []
        )
        self.penultimate = nn.Sequential(*hidden)
        self.width = settings.hidden or encoder.features
        self.inputs = 1
        self._folded: list[nn.Module] = []  # in a list, so that it is no part of the weights

    def train(self, mode: bool = True) -> Self:
        """Training or inference mode; frozen batch norms follow their own rule."""
        super().train(mode)
        set_frozen(self._norms, mode, self._rule)
        self._folded.clear()
        return self

    def features(self, rows: Tensor) -> Tensor:
        """(B, D) from what :meth:`View.batch` gives."""
        body = self.body if self.training or torch.is_grad_enabled() else self._for_inference()
        features: Tensor = self.penultimate(body(rows))
        return features

    def _for_inference(self) -> nn.Module:
        """The body with its batch norms folded, made once; whoever changes weights or device calls :meth:`train` or ``eval`` afterwards."""
        if not self._folded:
            self._folded.append(fuse_batch_norm(self.body))
        return self._folded[0]
