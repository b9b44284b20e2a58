"""A model's deciding system as one ONNX graph: members' inputs and presence (N, M) to calibrated scores (N, L)."""

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
from shelfwise.export.graph_inputs import WordReader
from shelfwise.export.member_graph import MemberGraph, part
from shelfwise.export.runtime import PRESENT
from shelfwise.model.model import Model

SCORES = "scores"
OPSET = 20


class System(nn.Module):
    """The deciding system of a model, its members in the order of `parts`."""

    def __init__(
        self, parts: Mapping[str, MemberGraph], join: nn.Module | None, calibration: nn.Module
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleList(p.network for p in parts.values())
        self.join, self.calibration = join, calibration

    def forward(self, present: Tensor, *inputs: Tensor) -> Tensor:
        """Scores (B, L) of presence (B, M) and one input a member."""
        said = torch.stack([network(given) for network, given in zip(self.parts, inputs, strict=True)], dim=1)
        scores = said * present.unsqueeze(2)
        fused = scores[:, 0] if self.join is None else self.join(scores, present)
        calibrated: Tensor = self.calibration(fused)
        return calibrated


def parts_of(model: Model) -> dict[str, MemberGraph]:
    """The members that the deciding system listens to, in its order.

    Raises:
        PluginError: a member that cannot be exported, and why.
    """
    return {
        name: part(name, model.config.members[name].modality, model.members[name])
        for name in model.members_of(model.decide_with)
    }


def system_of(model: Model, parts: Mapping[str, MemberGraph]) -> System:
    """The deciding system as one network.

    Raises:
        PluginError: its policy cannot be exported, and why.
    """
    name = model.decide_with
    fusion = fusion_network(name, model.policies[name]) if name in model.policies else None
    calibration: nn.Module = nn.Identity()
    if model.decision_rule is not None:
        calibration = calibration_network(model.decision_rule.calibration)
    return System(parts, fusion, calibration).eval()


def onnx_bytes(system: System, parts: Mapping[str, MemberGraph]) -> bytes:
    """The graph, any number of products and words, its batch norms folded; inputs are presence, and one a member, by its name."""
    inputs = [
        torch.from_numpy(
            np.zeros((2, *_shape(p)), np.int64 if isinstance(p.reader, WordReader) else np.uint8)
        )
        for p in parts.values()
    ]
    present = torch.ones(2, len(parts), dtype=torch.bool)
    any_size = torch.export.Dim.DYNAMIC
    shapes = [
        {0: any_size, 1: any_size} if isinstance(p.reader, WordReader) else {0: any_size}
        for p in parts.values()
    ]
    with torch.inference_mode(), _quietly():
        program: Any = torch.onnx.export(
            system,
            (present, *inputs),
            input_names=[PRESENT, *parts],
            output_names=[SCORES],
            dynamic_shapes=({0: any_size}, tuple(shapes)),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
        )
    buffer = io.BytesIO()
    onnx.save(program.model_proto, buffer)
    return buffer.getvalue()


def _shape(p: MemberGraph) -> tuple[int, ...]:
    return (p.reader.maxlen,) if isinstance(p.reader, WordReader) else (p.reader.size, p.reader.size, 3)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch says while it exports."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
