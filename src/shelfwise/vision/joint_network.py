"""One network of several branches, each a text or an image, whose features are fused under one label layer.

Dimensions: B products of a batch, M fields, D features, L labels.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from shelfwise.core.types import PluginSettings
from shelfwise.nn.classifier_network import ClassifierNetwork
from shelfwise.nn.fusion.feature_fusion import FusionKind, make_feature_fusion
from shelfwise.nn.fusion.fusion_networks import Shape
from shelfwise.nn.initialization import init_like_keras
from shelfwise.nn.text_cnn import TextBranch
from shelfwise.vision.image_branch import ImageBranch

Branch: TypeAlias = TextBranch | ImageBranch


class JointFusionSettings(PluginSettings):
    """How the branches' features are fused."""

    join: FusionKind = Field(
        "concat", description="how features are fused: side by side, added up, or weighed by gates"
    )
    units: PositiveInt | None = Field(
        None, description="width of the fused vector; unset: 512 for concat, 256 for add and gated"
    )
    dropout: float = Field(
        0.5, ge=0, lt=1, description="share of the fused vector dropped in training"
    )
    member_dropout: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="chance that a whole field is dropped in training, so that any subset of fields is "
        "predicted well",
    )


class JointNetwork(ClassifierNetwork):
    """Presence and fields to logits (B, L); an absent field is a vector of 0 and a presence bit of 0."""

    def __init__(self, branches: list[Branch], labels: int, settings: JointFusionSettings) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self._branches = branches  # the same ones; unlike a ModuleList, a list knows their type
        for branch in branches:
            layers = branch.penultimate if isinstance(branch, ImageBranch) else [branch.hidden]
            init_like_keras(*layers)
        # the branches' features are fused as late fusion does with those of whole members
        widths = tuple(branch.width for branch in branches)
        self.join = make_feature_fusion(
            settings.join,
            Shape(labels, widths),
            settings.units,
            settings.dropout,
            settings.member_dropout,
        )

    @property
    def output(self) -> nn.Linear:  # type: ignore[override]
        """The label layer, which is a part of the fusion, as is the dropout before it."""
        return self.join.output

    @property
    def dropout(self) -> nn.Dropout:  # type: ignore[override]
        """Of the fused vector, in training."""
        return self.join.dropout

    def features(self, present: Tensor, *inputs: Tensor) -> Tensor:
        """The fused vector (B, units)."""
        return self.join.fused(present, *self.branch_features(present, inputs))

    def branch_features(self, present: Tensor, inputs: tuple[Tensor, ...]) -> list[Tensor]:
        """M x (B, D): each branch's features of the rows that have its field, and 0 for the others."""
        all_features = []
        first = 0
        for column, branch in enumerate(self._branches):
            features = torch.zeros(len(present), branch.width, device=present.device)
            own_inputs = inputs[first : first + branch.inputs]
            # a branch is run on nothing but rows with its field; its last input has one row for each of them
            if len(own_inputs[-1]):
                known = branch.features(*own_inputs)
                features = features.masked_scatter(present[:, column, None], known)
            all_features.append(features)
            first += branch.inputs
        return all_features
