"""Which backbone encodes images, how much of it trains, and how images reach it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shelfwise.core.types import PluginSettings
from shelfwise.vision.image_io import Fit
from shelfwise.vision.layer_freezing import FrozenNorm


class ImageEncoderSettings(PluginSettings):
    """The backbone and its images. The defaults are the paper's, with frozen batch norms as used today."""

    backbone: str = Field(
        "resnet50", description="the pre-trained network: the name of a timm model"
    )
    weights: str = Field(
        "auto",
        description="where its weights come from: hub, package, random, or a .safetensors or .pth file; auto "
        "takes the hub's, else the package's, else those of a packaged backbone in its place",
    )
    train_last: int | Literal["all"] = Field(
        40,
        description="how many of the last layers train, the label layer included (paper 40, authors' scripts "
        "24); 0: the label layer alone",
    )
    frozen_bn: FrozenNorm = Field(
        "inference",
        description="statistics that frozen batch norms use in training: inference the stored ones, "
        "batch_stats those of the batch (Keras 2.2)",
    )
    size: int | None = Field(
        None,
        ge=32,
        description="side of an image in pixels; unset: the backbone's own, 224 for ResNet-50",
    )
    fit: Fit = Field(
        "stretch",
        description="how an image becomes a square: stretch (the authors' scripts), letterbox adds a border, "
        "crop cuts",
    )
    normalisation: Literal["backbone", "caffe"] = Field(
        "backbone",
        description="how pixels are scaled: backbone as its weights need it; caffe for weights from Keras",
    )
    flip: bool = Field(
        False,
        description="whether mirrored images are trained on too, and averaged over when predicting",
    )
