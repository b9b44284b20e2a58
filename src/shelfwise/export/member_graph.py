"""Members as parts of one graph: what each reads, and a network from that to probabilities.

Built from a member's saved state, so that a part needs nothing but what a model on disk has.

Dimensions: B products, W words, L labels.
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
from shelfwise.export.graph_inputs import ImageReader, Reader, WordReader
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
    settings = member.settings
    state = member.state()
    reader = WordReader(
        field=member.field,
        cleaning=settings.cleaning,
        maxlen=settings.maxlen,
        truncating=settings.truncating,
        widest=max(settings.sizes),
        words=tuple(state.facts["words"]),
    )
    return MemberGraph(reader, _TextNetwork(state.arrays, settings))


def _image(member: Modality) -> MemberGraph:
    settings = member.settings
    state = member.state()
    encoder = restored_encoder(state.facts, settings, state.arrays)
    reader = ImageReader(member.field, encoder.resizing.size, settings.fit)
    head = with_prefix("head.", state.arrays)
    return MemberGraph(reader, _ImageNetwork(encoder, head, settings))


_PARTS: dict[str, Callable[[Modality], MemberGraph]] = {"text_cnn": _text_cnn, "image": _image}
"""What can be exported, by the plug-in's name."""


class _TextNetwork(nn.Module):
    """Numbers of words (B, W) to probabilities.

    Computes what :class:`~shelfwise.nn.text_cnn.TextBranch` does, but on texts filled up to one length.
    """

    def __init__(self, arrays: Arrays, settings: TextSettings) -> None:
        super().__init__()
        # several channels of word vectors are only ever used as their sum
        channels = [value for name, value in arrays.items() if name.startswith("channels.")]
        vectors = np.sum(channels, axis=0, dtype=np.float32)
        self.vectors = nn.Parameter(torch.from_numpy(vectors))
        self.convolutions = nn.ModuleList()
        if settings.graph == "conv":
            for number, size in enumerate(settings.windows):
                self.convolutions.append(_convolution(arrays, number, size, vectors.shape[1]))
        self.dense = _dense(arrays, ["hidden", "output"])

    def forward(self, numbers: Tensor) -> Tensor:
        words = F.embedding(numbers, self.vectors)
        # each filter's largest value over all places of a text, then all filters side by side
        maps = [convolution(words.transpose(1, 2)).amax(dim=2) for convolution in self.convolutions]
        pooled = torch.cat(maps, dim=1).relu() if maps else words.amax(dim=1)
        probabilities: Tensor = self.dense(pooled).sigmoid()
        return probabilities


class _ImageNetwork(nn.Module):
    """Bytes (B, size, size, 3) to probabilities; the mean over both views where images are mirrored."""

    def __init__(
        self, encoder: ImageEncoder, head: Mapping[str, Tensor], settings: ImageBranchSettings
    ) -> None:
        super().__init__()
        self.mirrored = settings.flip
        self.normalise: Normalise = encoder.normalise
        # folded into the convolutions before them, batch norms cost nothing at prediction
        frozen = [] if encoder.parts.frozen is None else [fuse_batch_norm(encoder.parts.frozen)]
        self.backbone = nn.Sequential(*frozen, fuse_batch_norm(encoder.parts.trained))
        arrays = {name: value.numpy() for name, value in head.items()}
        self.dense = _dense(arrays, ["penultimate.1", "output"])

    def forward(self, pixels: Tensor) -> Tensor:
        # both views in one batch: one pass through the backbone
        views = torch.cat([pixels, pixels.flip(2)]) if self.mirrored else pixels
        features = self.backbone(self.normalise(views))
        probabilities: Tensor = self.dense(features).sigmoid()
        if not self.mirrored:
            return probabilities
        return torch.stack(probabilities.chunk(2)).mean(dim=0)


def _convolution(arrays: Arrays, number: int, size: int, dimensions: int) -> nn.Conv1d:
    """The filters that see `size` words at a time, each a vector of so many `dimensions`."""
    weight = torch.from_numpy(np.array(arrays[f"convolutions.{number}.weight"]))
    filters = len(weight)
    convolution = nn.Conv1d(dimensions, filters, size)
    # saved as one row a filter, word after word; a convolution wants the words last
    by_word = weight.view(filters, size, dimensions)
    convolution.weight.data = by_word.transpose(1, 2).contiguous()
    convolution.bias = nn.Parameter(
        torch.from_numpy(np.array(arrays[f"convolutions.{number}.bias"]))
    )
    return convolution


def _dense(arrays: Arrays, names: list[str]) -> nn.Sequential:
    """Those of the named linear layers that there are, a ReLU between them."""
    layers: list[nn.Module] = []
    for name in names:
        # a hidden layer of no units is none
        if f"{name}.weight" not in arrays:
            continue
        if layers:
            layers.append(nn.ReLU())
        weight = torch.from_numpy(np.array(arrays[f"{name}.weight"]))
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data = weight
        layer.bias.data = torch.from_numpy(np.array(arrays[f"{name}.bias"]))
        layers.append(layer)
    return nn.Sequential(*layers)
