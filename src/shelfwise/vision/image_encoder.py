"""A backbone made ready: its weights, what trains, where it is cut, and how pictures reach it."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from shelfwise.core.types import PluginSettings
from shelfwise.nn.device import device, to_device
from shelfwise.vision.graph_split import Normalise, SplitNetwork, fuse_batch_norm, split_at
from shelfwise.vision.image_features import Encoder
from shelfwise.vision.image_io import Fit, Frame, Pixels
from shelfwise.vision.layer_freezing import (
    FrozenNorm,
    Last,
    freeze,
    keras_resnet50,
    set_frozen,
    trained_modules,
)
from shelfwise.vision.pretrained_weights import WeightSource, build, config_of, load_backbone


class ImageEncoderSettings(PluginSettings):
    """The backbone and its pictures. The defaults are the paper's, with frozen batch norms as they are used today."""

    backbone: str = Field("resnet50", description="any image model of timm, by name")
    weights: str = Field(
        "auto",
        description="auto (with a stand-in at need), hub, package, random, or a .safetensors or .pth file",
    )
    train_last: int | Literal["all"] = Field(
        40, description="layers that train, the head included (paper 40, authors' scripts 24, head only 0)"
    )
    frozen_bn: FrozenNorm = Field(
        "inference",
        description="statistics of frozen batch norms in training: stored, or the batch's own (Keras 2.2)",
    )
    size: int | None = Field(
        None, ge=32, description="side of a picture, pixels; unset: the backbone's own (224 for ResNet-50)"
    )
    fit: Fit = Field("stretch", description="how a picture becomes a square; the authors' scripts stretch")
    normalisation: Literal["backbone", "caffe"] = Field(
        "backbone", description="caffe: for weights that were trained in Keras"
    )
    flip: bool = Field(
        False, description="learn from mirrored pictures too, and average over both when predicting"
    )


@dataclass(frozen=True)
class ImageEncoder:
    """A backbone in two parts.

    Args:
        backbone: the whole, as timm knows it; the parts share its modules.
        parts: its frozen and its trained part.
        norms: batch norms whose statistics never change.
        normalise: bytes to what the backbone expects.
        frame: size and fit of the pictures.
        settings: how it was asked for.
    """

    backbone: nn.Module
    parts: SplitNetwork
    norms: list[nn.Module]
    normalise: Normalise
    frame: Frame
    settings: ImageEncoderSettings

    @classmethod
    def open(
        cls, source: WeightSource, settings: ImageEncoderSettings, state: dict[str, Tensor] | None = None
    ) -> ImageEncoder:
        """The backbone of `source`, pre-trained, or with the weights of `state` where it comes from a saved model.

        A stand-in trains as many weight-bearing layers as the backbone that was asked for would, and is given
        pictures by its own rule.
        """
        if state is None:
            backbone = load_backbone(source, settings.size)
        else:
            backbone = build(source.used, settings.size)
            backbone.load_state_dict(state, strict=False)
        config = config_of(source.used)
        stands_in = source.used != source.asked
        last = same_weights(settings.train_last, source.asked) if stands_in else settings.train_last
        trained = trained_modules(backbone, source.used, last)
        norms = freeze(backbone, trained, everything=last == "all")
        parts = split_at(backbone, trained)
        _keep_gradients_dense(backbone)
        normalise = Normalise.of("backbone" if stands_in else settings.normalisation, asdict(config))
        frame = Frame(settings.size or config.input_size[-1], settings.fit)
        return cls(backbone.to(memory_format=torch.channels_last), parts, norms, normalise, frame, settings)

    @property
    def views(self) -> int:
        """1, or 2 with the mirrored picture."""
        return 1 + self.settings.flip

    @property
    def features(self) -> int:
        """D, the number of pooled features."""
        return int(getattr(self.backbone, "head_hidden_size", None) or self.backbone.num_features)  # type: ignore[arg-type]

    def body(self) -> nn.Module:
        """What trains: rows as the encoder gives them (one view, see :func:`to_tensor`) to pooled features (B, D)."""
        return (
            self.parts.trained
            if self.parts.frozen is not None
            else nn.Sequential(self.normalise, self.parts.trained)
        )

    def encoder(self, batch_stats: bool = False) -> Encoder:
        """The frozen part as a function of pixels.

        Args:
            batch_stats: its batch norms use each batch's own statistics, as Keras 2.2 does in training. Batches of 256 are
                then drawn once, not anew in every epoch, so that the frozen part still runs once per picture.
        """
        return self._encoder(True) if batch_stats else self._known_encoder

    @cached_property
    def _known_encoder(self) -> Encoder:
        """Made once: to fold and to digest the frozen part takes longer than to ask it about one picture."""
        return self._encoder(False)

    def _encoder(self, batch_stats: bool) -> Encoder:
        part = self.parts.frozen
        identity = _digest(
            repr((self.frame, self.views, self.settings.normalisation, batch_stats)), part, self.normalise
        )
        if part is None:
            return Encoder(
                self._mirrored,
                (self.views, self.frame.size, self.frame.size, 3),
                "uint8",
                self.frame,
                identity,
            )
        network = nn.Sequential(
            self.normalise, _with_batch_statistics(part) if batch_stats else fuse_batch_norm(part)
        )

        if device().type != "cpu":
            network = copy.deepcopy(network).to(device())  # a copy, as the backbone itself stays where it is

        @torch.inference_mode()
        def run(pixels: Pixels) -> NDArray[Any]:
            views = to_device(torch.from_numpy(view) for view in np.moveaxis(self._mirrored(pixels), 1, 0))
            return torch.stack([_to_row(network(view)) for view in views], dim=1).cpu().numpy()

        shape = _output_shape(nn.Sequential(self.normalise, fuse_batch_norm(part)), self.frame.size)
        return Encoder(
            run,
            (self.views, *shape),
            "float16",
            self.frame,
            identity,
            256 if batch_stats else 32,
            batch_stats,
        )

    def _mirrored(self, pixels: Pixels) -> Pixels:
        """(B, V, size, size, 3): the pictures, and mirrored where the settings say so."""
        return np.stack([pixels, pixels[:, :, ::-1]][: self.views], axis=1)


def same_weights(last: Last, asked: str) -> Last:
    """How many weight-bearing layers are among the last `last` of the backbone `asked`, head included.

    >>> same_weights(40, "resnet50"), same_weights(40, "vgg16")
    (24, 40)
    """
    if last == "all" or asked.split(".")[0] != "resnet50":
        return last
    layers = keras_resnet50()
    return sum(map(bool, layers[len(layers) - min(last, len(layers)) :]))


def to_tensor(rows: NDArray[Any]) -> Tensor:
    """Stored rows of one view as the body takes them: maps (B, H, W, C) become (B, C, H, W) in channels-last memory."""
    tensor = torch.from_numpy(rows)
    if tensor.dtype == torch.uint8:
        return tensor
    return tensor.float().permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor.float()


def _to_row(crossing: Tensor) -> Tensor:
    row = crossing.permute(0, 2, 3, 1) if crossing.ndim == 4 else crossing
    limit = torch.finfo(torch.float16).max
    return row.clamp(-limit, limit).half()


@torch.inference_mode()
def _output_shape(network: nn.Module, size: int) -> tuple[int, ...]:
    return tuple(_to_row(network(torch.zeros(1, size, size, 3, dtype=torch.uint8))).shape[1:])


def _with_batch_statistics(part: nn.Module) -> nn.Module:
    network = copy.deepcopy(part).eval()
    set_frozen(
        [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)], training=True, rule="batch_stats"
    )
    return network


def _digest(facts: str, part: nn.Module | None, normalise: Normalise) -> str:
    digest = hashlib.sha256(facts.encode())
    constants = {"mean": normalise.mean, "factor": normalise.factor}
    weights = {} if part is None else part.state_dict()
    digest.update(repr(part).encode() + str(getattr(part, "code", "")).encode())
    for name, value in {**constants, **weights}.items():
        if not name.endswith("num_batches_tracked"):
            digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def _keep_gradients_dense(backbone: nn.Module) -> None:
    """Global pooling spreads its gradient as a view without memory order; batch norm's backward pass is 20 times slower on those."""

    def watch(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if inputs[0].ndim == 4 and inputs[0].requires_grad:
            inputs[0].register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: gradient.contiguous(memory_format=torch.channels_last)
            )

    pool = getattr(backbone, "global_pool", None)
    if isinstance(pool, nn.Module):
        pool.register_forward_pre_hook(watch)
