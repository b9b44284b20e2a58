"""A backbone made ready: its weights, what trains, where it is split, and how images reach it.

Dimensions: B images of a batch, V views of an image, D pooled features.
"""

from __future__ import annotations

import copy
import hashlib
import os
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shelfwise.core.types import Rows
from shelfwise.nn.batch_shares import OneProcess, on_all_processes
from shelfwise.nn.device import device, device_with_room, pinned, uses_bfloat16
from shelfwise.vision.decoding_workers import MAX_WORKERS
from shelfwise.vision.encoder_settings import ImageEncoderSettings
from shelfwise.vision.gradient_order import keep_gradients_dense
from shelfwise.vision.graph_split import Normalise, SplitNetwork, fuse_batch_norm, split_at
from shelfwise.vision.image_features import PixelEncoder
from shelfwise.vision.image_io import Pixels, Resizing
from shelfwise.vision.layer_freezing import (
    TrainLast,
    freeze,
    keras_resnet50,
    set_frozen,
    trained_modules,
)
from shelfwise.vision.pretrained_weights import WeightSource, build, config_of, load_backbone

BATCH_ON_GPU = 128
"""A step of few images leaves most of a GPU idle."""

MEMORY_OF_BATCH = 4 << 30
"""Bytes: the largest maps of VGG-16 for such a batch, and a copy in each number format."""

BATCH_STATS_BATCH = 256
"""Images a batch where batch norms use the batch's own statistics: the paper's batches."""


@dataclass(frozen=True)
class ImageEncoder:
    """A backbone in two parts.

    Args:
        backbone: the whole, as timm knows it; the parts share its modules.
        parts: its frozen and its trained part.
        norms: batch norms whose statistics never change.
        normalise: bytes to what the backbone expects.
        resizing: size and fit of the images.
        settings: what it was opened with.
    """

    backbone: nn.Module
    parts: SplitNetwork
    norms: list[nn.Module]
    normalise: Normalise
    resizing: Resizing
    settings: ImageEncoderSettings

    @classmethod
    def open(
        cls,
        source: WeightSource,
        settings: ImageEncoderSettings,
        state: dict[str, Tensor] | None = None,
    ) -> ImageEncoder:
        """The backbone of `source`, pre-trained, or with the weights of `state`, those of a saved model.

        A fallback trains as many layers with weights as the backbone of the settings would, and reads images
        by its own rule.
        """
        if state is None:
            backbone = load_backbone(source, settings.size)
        else:
            backbone = build(source.used, settings.size)
            # not strict: a saved model has no counters of batches
            backbone.load_state_dict(state, strict=False)
        config = config_of(source.used)
        last = settings.train_last
        rule = settings.normalisation
        if source.used != source.requested:
            last = count_weighted_layers(settings.train_last, source.requested)
            rule = "backbone"
        trained = trained_modules(backbone, source.used, last)
        norms = freeze(backbone, trained, everything=last == "all")
        parts = split_at(backbone, trained)
        keep_gradients_dense(backbone)
        normalise = Normalise.of(rule, asdict(config))
        resizing = Resizing(settings.size or config.input_size[-1], settings.fit)
        # the memory layout in which convolutions are fastest on a CPU
        backbone = backbone.to(memory_format=torch.channels_last)
        return cls(backbone, parts, norms, normalise, resizing, settings)

    @property
    def views(self) -> int:
        """V: 1, or 2 with the mirrored image."""
        return 1 + self.settings.flip

    @property
    def features(self) -> int:
        """D, the number of pooled features."""
        # some backbones have a layer between the pooling and the classifier
        width = getattr(self.backbone, "head_hidden_size", None) or self.backbone.num_features
        return int(width)  # type: ignore[arg-type]

    def body(self) -> nn.Module:
        """What trains: rows of one view (see :func:`to_tensor`) to pooled features (B, D)."""
        if self.parts.frozen is None:
            return nn.Sequential(self.normalise, self.parts.trained)
        return self.parts.trained

    def encoder(self, batch_stats: bool = False) -> PixelEncoder:
        """The frozen part as a function of pixels.

        Args:
            batch_stats: its batch norms use each batch's own statistics, as Keras 2.2 does in training.
                Batches are then drawn once, not anew in every epoch, so that the frozen part still runs once
                an image.
        """
        return self._make_encoder(True) if batch_stats else self._inference_encoder

    @cached_property
    def _inference_encoder(self) -> PixelEncoder:
        """Made once: to fuse and to digest the frozen part takes longer than to run it on one image."""
        return self._make_encoder(False)

    def _make_encoder(self, batch_stats: bool) -> PixelEncoder:
        part = self.parts.frozen
        identity = self._identity(batch_stats)
        if part is None:
            # everything trains, so the rows are the pixels themselves
            shape = (self.views, self.resizing.size, self.resizing.size, 3)
            return PixelEncoder(self._with_mirrored, shape, "uint8", self.resizing, identity)
        frozen = _with_batch_statistics(part) if batch_stats else fuse_batch_norm(part)
        network = nn.Sequential(self.normalise, frozen)
        if device().type != "cpu":
            # a copy, as the backbone's frozen part stays where it is
            network = copy.deepcopy(network).to(device())

        # statistics of a batch are those of the whole batch, which one process must see
        run_batch = OneProcess(network) if batch_stats else on_all_processes(network)

        @torch.inference_mode()
        def run(pixels: Pixels) -> NDArray[Any]:
            by_view = np.moveaxis(self._with_mirrored(pixels), 1, 0)
            every = np.arange(len(pixels))
            rows = [_to_row(run_batch(_PixelBatch(view), every, "auto")) for view in by_view]
            return torch.stack(rows, dim=1).cpu().numpy()

        row_shape = _output_shape(
            nn.Sequential(self.normalise, fuse_batch_norm(part)), self.resizing.size
        )
        frozen_rows = PixelEncoder(
            run, (self.views, *row_shape), "float16", self.resizing, identity
        )
        if device().type != "cpu":
            # the cores are free to decode
            threads = min(MAX_WORKERS, os.cpu_count() or 1)
            frozen_rows = replace(frozen_rows, threads=threads)
        if device_with_room(MEMORY_OF_BATCH).type != "cpu":
            frozen_rows = replace(frozen_rows, batch=BATCH_ON_GPU)
        if batch_stats:
            return replace(frozen_rows, batch=BATCH_STATS_BATCH, batch_dependent=True)
        return frozen_rows

    def _identity(self, batch_stats: bool) -> str:
        """A hex digest of all that rows depend on, the image apart; it names a folder of the cache."""
        size, fit = self.resizing.size, self.resizing.fit
        # spelled out, so that no renamed class empties the caches of earlier versions
        frame = f"Frame(size={size}, fit={fit!r})"
        facts = f"({frame}, {self.views}, {self.settings.normalisation!r}, {batch_stats})"
        # rows in bfloat16 have two or three digits: a run in float32 must not find them
        if self.parts.frozen is not None and uses_bfloat16("auto"):
            facts += ", bfloat16"
        return _digest(facts, self.parts.frozen, self.normalise)

    def _with_mirrored(self, pixels: Pixels) -> Pixels:
        """(B, V, size, size, 3): the images, and mirrored where the settings say so."""
        return np.stack([pixels, pixels[:, :, ::-1]][: self.views], axis=1)


@dataclass(frozen=True)
class _PixelBatch:
    """Pixels (B, size, size, 3) as a source of inputs."""

    pixels: Pixels

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        return (pinned(torch.from_numpy(self.pixels[rows])),)


def count_weighted_layers(last: TrainLast, backbone: str) -> TrainLast:
    """How many layers with weights are among the last `last` of the backbone, head included.

    >>> count_weighted_layers(40, "resnet50"), count_weighted_layers(40, "vgg16")
    (24, 40)
    """
    # only ResNet-50 is counted with its layers without weights
    if last == "all" or backbone.split(".")[0] != "resnet50":
        return last
    layers = keras_resnet50()
    first = max(0, len(layers) - last)
    return sum(map(bool, layers[first:]))


def to_tensor(rows: NDArray[Any]) -> Tensor:
    """Stored rows of one view as the body takes them.

    Maps (B, H, W, C) become (B, C, H, W) in channels-last memory; bytes stay bytes.
    """
    tensor = torch.from_numpy(rows)
    if tensor.dtype == torch.uint8:
        return tensor
    tensor = tensor.float()
    return tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor


def _to_row(crossing: Tensor) -> Tensor:
    """What is stored of the split's tensor: channels last, in half precision."""
    row = crossing.permute(0, 2, 3, 1) if crossing.ndim == 4 else crossing
    limit = torch.finfo(torch.float16).max
    # bfloat16 would round the limit up to what half precision calls infinite
    return row.float().clamp(-limit, limit).half()


@torch.inference_mode()
def _output_shape(network: nn.Module, size: int) -> tuple[int, ...]:
    """The shape of one image's row."""
    black = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    return tuple(_to_row(network(black)).shape[1:])


def _with_batch_statistics(part: nn.Module) -> nn.Module:
    """A copy whose batch norms use each batch's own statistics."""
    network = copy.deepcopy(part).eval()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    set_frozen(norms, training=True, rule="batch_stats")
    return network


def _digest(facts: str, part: nn.Module | None, normalise: Normalise) -> str:
    """32 hex digits of `facts`, of what the frozen part computes, and of its weights."""
    digest = hashlib.sha256(facts.encode())
    # the modules, and the code that calls them
    digest.update(repr(part).encode() + str(getattr(part, "code", "")).encode())
    tensors = {"mean": normalise.mean, "factor": normalise.factor}
    if part is not None:
        tensors |= part.state_dict()
    for name, value in tensors.items():
        # how many batches were seen in training changes nothing
        if not name.endswith("num_batches_tracked"):
            digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]
