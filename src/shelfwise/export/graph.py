"""A model's final system as one ONNX graph: members' inputs and presence to calibrated scores.

Dimensions: B products, M members, L labels.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from shelfwise.export.calibration_graph import calibration_network
from shelfwise.export.fusion_graph import fusion_network
from shelfwise.export.graph_inputs import Reader, WordReader
from shelfwise.export.member_graph import MemberGraph, part
from shelfwise.export.runtime import PRESENT
from shelfwise.model.model import Model

SCORES = "scores"
"""The graph's output."""

OPSET = 20

SAMPLE_BATCH = 2
"""Products in the inputs that the graph is traced with; one alone would be taken for a constant."""


class System(nn.Module):
    """The final system of a model, its members in the order of `parts`."""

    def __init__(
        self, parts: Mapping[str, MemberGraph], fusion: nn.Module | None, calibration: nn.Module
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleList(member.network for member in parts.values())
        self.fusion = fusion
        self.calibration = calibration

    def forward(self, present: Tensor, *inputs: Tensor) -> Tensor:
        """Scores (B, L) of presence (B, M) and one input a member."""
        pairs = zip(self.parts, inputs, strict=True)
        predicted = torch.stack([network(member_input) for network, member_input in pairs], dim=1)
        # a network scores blank input too; what counts of an absent member is 0
        scores = predicted * present.unsqueeze(2)
        fused = scores[:, 0] if self.fusion is None else self.fusion(scores, present)
        calibrated: Tensor = self.calibration(fused)
        return calibrated


def parts_of(model: Model) -> dict[str, MemberGraph]:
    """The members of the final system, in its order.

    Raises:
        PluginError: a member that cannot be exported, and why.
    """
    parts = {}
    for name in model.members_of(model.decide_with):
        modality = model.config.members[name].modality
        parts[name] = part(name, modality, model.members[name])
    return parts


def system_of(model: Model, parts: Mapping[str, MemberGraph]) -> System:
    """The final system as one network.

    Raises:
        PluginError: its policy cannot be exported, and why.
    """
    name = model.decide_with
    fusion = fusion_network(name, model.policies[name]) if name in model.policies else None
    # a member alone is not fused, and a model without a rule not calibrated
    calibration: nn.Module = nn.Identity()
    if model.decision_rule is not None:
        calibration = calibration_network(model.decision_rule.calibration)
    return System(parts, fusion, calibration).eval()


def onnx_bytes(system: System, parts: Mapping[str, MemberGraph]) -> bytes:
    """The graph, for any number of products and words, its batch norms fused.

    Its inputs are presence, and one a member, by the member's name.
    """
    present = torch.ones(SAMPLE_BATCH, len(parts), dtype=torch.bool)
    inputs = [_sample_input(member.reader) for member in parts.values()]
    any_number = torch.export.Dim.DYNAMIC
    shapes = []
    for member in parts.values():
        # texts may be of any length; images have the one size of their encoder
        is_text = isinstance(member.reader, WordReader)
        shapes.append({0: any_number, 1: any_number} if is_text else {0: any_number})
    with torch.inference_mode(), _without_advice():
        program: Any = torch.onnx.export(
            system,
            (present, *inputs),
            input_names=[PRESENT, *parts],
            output_names=[SCORES],
            dynamic_shapes=({0: any_number}, tuple(shapes)),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
        )
    # in memory: the bundle is written whole or not at all
    buffer = io.BytesIO()
    onnx.save(program.model_proto, buffer)
    return buffer.getvalue()


def _sample_input(reader: Reader) -> Tensor:
    """An input of the right shape and type, to trace the graph with."""
    # zeros are what a text without a known word is, and an image that is absent
    if isinstance(reader, WordReader):
        return torch.from_numpy(np.zeros((SAMPLE_BATCH, reader.maxlen), np.int64))
    return torch.from_numpy(np.zeros((SAMPLE_BATCH, reader.size, reader.size, 3), np.uint8))


@contextmanager
def _without_advice() -> Iterator[None]:
    """Without what torch logs and warns of while it exports."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
