"""A frozen image backbone as a part of a graph: bytes of images to vectors.

Dimensions: B products, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Hashable

import torch
from torch import Tensor, nn

from shelfwise.errors import PluginError
from shelfwise.vision.graph_split import Normalise, fuse_batch_norm
from shelfwise.vision.image_encoder import ImageEncoder


class PixelEncoder(nn.Module):
    """Bytes (B, size, size, 3) to the mean of an image's and its mirror image's vector (B, D)."""

    def __init__(self, encoder: ImageEncoder) -> None:
        super().__init__()
        self.normalise: Normalise = encoder.normalise
        frozen = encoder.parts.frozen
        if frozen is None:
            raise PluginError("its backbone cannot be traced, so it has no part that runs alone")
        self.backbone = fuse_batch_norm(frozen)

    def forward(self, pixels: Tensor) -> Tensor:
        """Vectors (B, D)."""
        views = torch.cat([pixels, pixels.flip(2)])
        vectors = self.backbone(self.normalise(views))
        # the classifier has learned from vectors that were kept in half precision
        limit = torch.finfo(torch.float16).max
        kept = vectors.clamp(-limit, limit).half().float()
        # (2, B, D); a graph cannot be cut in two where the number of products is open
        mean: Tensor = kept.reshape(2, pixels.shape[0], -1).mean(dim=0)
        return mean


def pixel_key(encoder: ImageEncoder) -> Hashable:
    """Encoders of one key compute the same."""
    return ("pictures", encoder.encoder().identity)
