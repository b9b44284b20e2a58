"""An image encoder inside a saved model: its weights, and which backbone they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from shelfwise.nn.state_tensors import with_prefix
from shelfwise.vision.encoder_settings import ImageEncoderSettings
from shelfwise.vision.image_encoder import ImageEncoder
from shelfwise.vision.pretrained_weights import WeightSource

PREFIX = "backbone."
"""Of the names that a backbone's weights have in a saved model."""


def encoder_tensors(encoder: ImageEncoder) -> dict[str, Tensor]:
    """All weights of the backbone, frozen ones too: a saved model needs neither hub nor package."""
    return {f"{PREFIX}{name}": value for name, value in encoder.backbone.state_dict().items()}


def source_facts(source: WeightSource) -> dict[str, Any]:
    """JSON-ready facts, from which :func:`restored_encoder` knows the backbone."""
    return {**source.provenance(), "kind": source.kind}


def restored_encoder(
    facts: Mapping[str, Any], settings: ImageEncoderSettings, arrays: Mapping[str, NDArray[Any]]
) -> ImageEncoder:
    """The encoder whose weights are among `arrays`.

    Args:
        facts: those of :func:`source_facts`, perhaps among others.
    """
    source = WeightSource(
        requested=facts["asked"],
        used=facts["used"],
        kind=facts["kind"],
        path=None,  # the weights are here, so no file is read
        weights=facts["weights"],
        note=facts["note"],
    )
    return ImageEncoder.open(source, settings, with_prefix(PREFIX, arrays))
