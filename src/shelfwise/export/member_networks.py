"""The networks of members as parts of a graph: from what a member reads to probabilities.

Dimensions: B products, W words, G n-grams of a product, F n-grams, K landmarks, D numbers of a row or vector,
L labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from shelfwise.nn.linear.linear_weights import LinearWeights
from shelfwise.nn.mlp import PREFIX
from shelfwise.nn.state_tensors import with_prefix
from shelfwise.nn.text_cnn import TextSettings
from shelfwise.vision.graph_split import Normalise, fuse_batch_norm
from shelfwise.vision.image_branch import ImageBranchSettings
from shelfwise.vision.image_encoder import ImageEncoder

Arrays = Mapping[str, NDArray[Any]]


class TextNetwork(nn.Module):
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
        """Probabilities (B, L) for numbers of words (B, W)."""
        words = F.embedding(numbers, self.vectors)
        # each filter's largest value over all places of a text, then all filters side by side
        maps = [convolution(words.transpose(1, 2)).amax(dim=2) for convolution in self.convolutions]
        pooled = torch.cat(maps, dim=1).relu() if maps else words.amax(dim=1)
        probabilities: Tensor = self.dense(pooled).sigmoid()
        return probabilities


class ImageNetwork(nn.Module):
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
        """Probabilities (B, L) for RGB pixels (B, size, size, 3), uint8."""
        # both views in one batch: one pass through the backbone
        views = torch.cat([pixels, pixels.flip(2)]) if self.mirrored else pixels
        features = self.backbone(self.normalise(views))
        probabilities: Tensor = self.dense(features).sigmoid()
        if not self.mirrored:
            return probabilities
        # (2, B, L); a graph cannot be cut in two where the number of products is open
        mean: Tensor = probabilities.reshape(2, pixels.shape[0], -1).mean(dim=0)
        return mean


class LinearNetwork(nn.Module):
    """One linear classifier a label, of n-grams, of vectors through kernels, or of both.

    Args:
        arrays: those of :class:`~shelfwise.nn.linear.linear_weights.LinearWeights`, among others.
        has_ngrams: whether the first two inputs are columns and weights of n-grams.
        kernels: what the vectors, which are the last inputs, add to the logits.
    """

    def __init__(self, arrays: Arrays, has_ngrams: bool, kernels: KernelPart | None = None) -> None:
        super().__init__()
        self.has_ngrams = has_ngrams
        self.kernels = kernels
        self.bias = nn.Parameter(_tensor(arrays["bias"]))
        if has_ngrams:
            weights = LinearWeights.from_state(arrays).weights.toarray()
            self.weights = nn.Parameter(_tensor(weights))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Probabilities (B, L) of columns and weights (B, G), and of vectors (B, D)."""
        logits: Tensor = self.bias
        vectors = inputs
        if self.has_ngrams:
            columns, weights = inputs[:2]
            vectors = inputs[2:]
            # (B, 1, G) @ (B, G, L): the rows of the n-grams of each product, weighed and summed
            rows = F.embedding(columns, self.weights)
            logits = logits + (weights.unsqueeze(1) @ rows).squeeze(1)
        if self.kernels is not None:
            logits = logits + self.kernels(*vectors)
        return logits.sigmoid()


class KernelPart(nn.Module):
    """A weighted sum of Gaussian kernels of vectors, and its share of the logits.

    Computes what :class:`~shelfwise.features.nystroem.NystroemFeatures` does, and the weights behind it.

    Args:
        arrays: centres and landmarks by name, and the weights of the landmarks.
        counts: what each kernel counts, by name, in the order of the vectors.
    """

    def __init__(self, arrays: Arrays, counts: Mapping[str, float], gamma: float) -> None:
        super().__init__()
        self.gamma = gamma
        self.names = list(counts)
        self.counts = list(counts.values())
        for name in self.names:
            landmarks = _tensor(arrays[f"landmarks.{name}"])
            self.register_buffer(f"centre_{name}", _tensor(arrays[f"centre.{name}"]))
            self.register_buffer(f"landmarks_{name}", landmarks)
            # a landmark may lack a field that others have
            self.register_buffer(f"present_{name}", landmarks.any(dim=1))
        # two matrices in a row are one, far smaller than the first of them
        turned = arrays["turn"].astype(np.float64) @ arrays["weights.dense"]
        self.weights = nn.Parameter(_tensor(turned))

    def forward(self, *vectors: Tensor) -> Tensor:
        """Logits (B, L) of vectors (B, D)."""
        kernels = []
        for name, count, given in zip(self.names, self.counts, vectors, strict=True):
            present = (given != 0).any(dim=1, keepdim=True)
            centred = torch.where(present, given - self.get_buffer(f"centre_{name}"), 0.0)
            # a vector that is the mean itself has no direction
            length = centred.norm(dim=1, keepdim=True)
            unit = centred / torch.where(length > 0, length, 1.0)
            cosines = unit @ self.get_buffer(f"landmarks_{name}").T
            # between vectors of length 1, the squared distance is 2 - 2 cos
            gaussian = (2 * self.gamma * (cosines - 1)).exp()
            both = (unit != 0).any(dim=1, keepdim=True) & self.get_buffer(f"present_{name}")
            kernels.append(count * torch.where(both, gaussian, 0.0))
        summed = torch.stack(kernels).sum(dim=0)
        logits: Tensor = summed @ self.weights
        return logits


class VectorNetwork(nn.Module):
    """The head behind a sentence encoder: vectors (B, D) to probabilities."""

    def __init__(self, head: Arrays) -> None:
        super().__init__()
        self.dense = _dense(head, ["hidden", "output"])

    def forward(self, vectors: Tensor) -> Tensor:
        """Probabilities (B, L)."""
        # as in training: numbers of about size 1, whatever lengths the encoder's vectors have
        scaled = F.normalize(vectors, dim=1) * vectors.shape[1] ** 0.5
        probabilities: Tensor = self.dense(scaled).sigmoid()
        return probabilities


class RowNetwork(nn.Module):
    """Rows of numbers (B, D) to probabilities."""

    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        own = {name: value.numpy() for name, value in with_prefix(PREFIX, arrays).items()}
        self.mean = nn.Parameter(_tensor(own["mean"]))
        self.spread = nn.Parameter(_tensor(own["spread"]))
        self.dense = _dense(own, ["hidden", "output"])

    def forward(self, rows: Tensor) -> Tensor:
        """Probabilities (B, L)."""
        probabilities: Tensor = self.dense((rows - self.mean) / self.spread).sigmoid()
        return probabilities


def _tensor(array: NDArray[Any]) -> Tensor:
    """A copy in single precision."""
    return torch.from_numpy(np.array(array, np.float32))


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
        weight = _tensor(arrays[f"{name}.weight"])
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data = weight
        layer.bias.data = _tensor(arrays[f"{name}.bias"])
        layers.append(layer)
    return nn.Sequential(*layers)
