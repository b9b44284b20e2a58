"""Members as parts of one graph: what each reads, and a network from that to probabilities.

Built from a member's saved state, so that a part needs nothing but what a model on disk has. Dimensions: B products, L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from shelfwise.core.modality import Modality
from shelfwise.errors import PluginError
from shelfwise.export.graph_inputs import PictureReader, Reader, WordReader
from shelfwise.nn.state_tensors import with_prefix
from shelfwise.nn.text_cnn import TextSettings
from shelfwise.vision.encoder_state import restored_encoder
from shelfwise.vision.graph_split import Normalise, fuse_batch_norm
from shelfwise.vision.image_branch import ImageBranchSettings
from shelfwise.vision.image_encoder import ImageEncoder

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class MemberGraph:
    """A member in the graph: its input, and the network from that to probabilities (B, L)."""

    reader: Reader
    network: nn.Module


def part(name: str, modality: str, member: Modality) -> MemberGraph:
    """The fitted `member`, whose plug-in is `modality`, as a part of a graph.

    Raises:
        PluginError: this kind of member cannot be exported.
    """
    if modality not in _PARTS:
        raise PluginError(
            f"cannot export {name!r}: {modality} has no ONNX export (supported: {', '.join(_PARTS)}). "
            "Train with --preset paper"
        )
    return _PARTS[modality](member)


def _text_cnn(member: Modality) -> MemberGraph:
    settings, state = member.settings, member.state()
    reader = WordReader(
        member.field,
        settings.cleaning,
        settings.maxlen,
        settings.truncating,
        max(settings.sizes),
        tuple(state.facts["words"]),
    )
    return MemberGraph(reader, _Words(state.arrays, settings))


def _image(member: Modality) -> MemberGraph:
    settings, state = member.settings, member.state()
    encoder = restored_encoder(state.facts, settings, state.arrays)
    return MemberGraph(
        PictureReader(member.field, encoder.resizing.size, settings.fit),
        _Picture(encoder, with_prefix("head.", state.arrays), settings),
    )


_PARTS: dict[str, Callable[[Modality], MemberGraph]] = {"text_cnn": _text_cnn, "image": _image}


class _Words(nn.Module):
    """Numbers of words (B, W) to probabilities: what :class:`~shelfwise.nn.text_cnn.TextBranch` computes, as rectangles."""

    def __init__(self, arrays: Arrays, settings: TextSettings) -> None:
        super().__init__()
        vectors = np.sum(
            [value for name, value in arrays.items() if name.startswith("channels.")],
            axis=0,
            dtype=np.float32,
        )
        self.vectors = nn.Parameter(torch.from_numpy(vectors))
        sizes = settings.windows if settings.graph == "conv" else ()
        self.convolutions = nn.ModuleList(
            _convolution(arrays, i, size, vectors.shape[1]) for i, size in enumerate(sizes)
        )
        self.dense = _dense(arrays, ["hidden", "output"])

    def forward(self, numbers: Tensor) -> Tensor:
        words = F.embedding(numbers, self.vectors)
        maps = [convolve(words.transpose(1, 2)).amax(dim=2) for convolve in self.convolutions]
        pooled = torch.cat(maps, dim=1).relu() if maps else words.amax(dim=1)
        probabilities: Tensor = self.dense(pooled).sigmoid()
        return probabilities


class _Picture(nn.Module):
    """Bytes (B, size, size, 3) to probabilities, the mean over both views where pictures are mirrored."""

    def __init__(self, encoder: ImageEncoder, head: Mapping[str, Tensor], settings: ImageBranchSettings) -> None:
        super().__init__()
        self.mirrored = settings.flip
        self.normalise: Normalise = encoder.normalise
        frozen = [] if encoder.parts.frozen is None else [fuse_batch_norm(encoder.parts.frozen)]
        self.backbone = nn.Sequential(*frozen, fuse_batch_norm(encoder.parts.trained))
        self.dense = _dense(
            {name: value.numpy() for name, value in head.items()}, ["penultimate.1", "output"]
        )

    def forward(self, pixels: Tensor) -> Tensor:
        views = torch.cat([pixels, pixels.flip(2)]) if self.mirrored else pixels
        probabilities: Tensor = self.dense(self.backbone(self.normalise(views))).sigmoid()
        return torch.stack(probabilities.chunk(2)).mean(dim=0) if self.mirrored else probabilities


def _convolution(arrays: Arrays, number: int, size: int, dimensions: int) -> nn.Conv1d:
    weight = torch.from_numpy(np.array(arrays[f"convolutions.{number}.weight"]))
    convolution = nn.Conv1d(dimensions, len(weight), size)
    convolution.weight.data = weight.view(len(weight), size, dimensions).transpose(1, 2).contiguous()
    convolution.bias = nn.Parameter(torch.from_numpy(np.array(arrays[f"convolutions.{number}.bias"])))
    return convolution


def _dense(arrays: Arrays, names: list[str]) -> nn.Sequential:
    """Those of the named linear layers that there are, a ReLU between them."""
    layers: list[nn.Module] = []
    for name in names:
        if f"{name}.weight" in arrays:
            weight, bias = (
                torch.from_numpy(np.array(arrays[f"{name}.{part}"])) for part in ("weight", "bias")
            )
            layer = nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data, layer.bias.data = weight, bias
            layers += [nn.ReLU(), layer] if layers else [layer]
    return nn.Sequential(*layers)
