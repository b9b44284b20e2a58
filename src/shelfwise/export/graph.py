"""A model's final system as one ONNX graph: members' inputs and presence to calibrated scores.

Dimensions: B products, M members, L labels.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shelfwise.errors import PluginError
from shelfwise.export.calibration_graph import calibration_network
from shelfwise.export.fusion_graph import fusion_network
from shelfwise.export.graph_inputs import WEIGHTS, Reader
from shelfwise.export.member_graph import MemberGraph, Source, part
from shelfwise.export.runtime import PRESENT
from shelfwise.model.model import Model

SCORES = "scores"
"""The graph's output."""

OPSET = 20

ANY_NUMBER = torch.export.Dim.DYNAMIC

SAMPLE_BATCH = 2
"""Products in the inputs that the graph is traced with; one alone would be taken for a constant."""

SAMPLE_WIDTH = 4
"""Words of the first of these inputs; each further one is one wider, so that none is taken for another."""


class System(nn.Module):
    """The final system of a model, its members in the order of `parts`.

    Attributes:
        inputs: what the graph reads, by name, in its order.
        member_inputs: by member, the inputs that make it present.
    """

    def __init__(
        self, parts: Mapping[str, MemberGraph], fusion: nn.Module | None, calibration: nn.Module
    ) -> None:
        super().__init__()
        self.inputs: dict[str, Reader] = {}
        self.member_inputs: dict[str, tuple[str, ...]] = {}
        self.encoders = nn.ModuleList()
        # by encoder, the input it reads; by member, the encoders or inputs that its network reads
        self._encoded: list[str] = []
        self._encoder_keys: list[tuple[str, Hashable]] = []
        self._reads: list[list[str | int]] = []
        for member, one in parts.items():
            self._add_sources(member, one.sources)
        self.networks = nn.ModuleList(one.network for one in parts.values())
        self.fusion = fusion
        self.calibration = calibration

    def forward(self, present: Tensor, *arrays: Tensor) -> Tensor:
        """Scores (B, L) of presence (B, M) and the arrays of the inputs."""
        given = dict(zip(self.array_names(), arrays, strict=True))
        # an encoder runs once, however many members read its vectors
        pairs = zip(self.encoders, self._encoded, strict=True)
        vectors = [encoder(given[name]) for encoder, name in pairs]
        predicted = []
        for network, sources in zip(self.networks, self._reads, strict=True):
            read: list[Tensor] = []
            for source in sources:
                if isinstance(source, int):
                    read.append(vectors[source])
                else:
                    read += [given[name] for name in self._array_names_of(source)]
            predicted.append(network(*read))
        # a network scores blank input too; what counts of an absent member is 0
        scores = torch.stack(predicted, dim=1) * present.unsqueeze(2)
        fused = scores[:, 0] if self.fusion is None else self.fusion(scores, present)
        calibrated: Tensor = self.calibration(fused)
        return calibrated

    def array_names(self) -> list[str]:
        """The graph's inputs but presence; some readers give two arrays, some none."""
        return [name for one in self.inputs for name in self._array_names_of(one)]

    def examples(self) -> dict[str, NDArray[Any]]:
        """Arrays of the right shapes and types, to trace the graph with."""
        arrays: dict[str, NDArray[Any]] = {}
        for place, (name, reader) in enumerate(self.inputs.items()):
            arrays |= reader.example(SAMPLE_BATCH, SAMPLE_WIDTH + place).arrays(name)
        return arrays

    def varying_axes(self) -> list[dict[int, Any]]:
        """Of each of the arrays: the products, and the words of texts."""
        axes: list[dict[int, Any]] = []
        for name, reader in self.inputs.items():
            of_one = {0: ANY_NUMBER, 1: ANY_NUMBER} if reader.varies else {0: ANY_NUMBER}
            axes += [of_one for _ in self._array_names_of(name)]
        return axes

    def _array_names_of(self, name: str) -> list[str]:
        return list(self.inputs[name].example(1, SAMPLE_WIDTH).arrays(name))

    def _add_sources(self, member: str, sources: Mapping[str, Source]) -> None:
        """Note what a member reads; an input or encoder that an earlier member has is shared."""
        names = []
        reads: list[str | int] = []
        for own_name, source in sources.items():
            name = self._shared_input(own_name, source.reader)
            names.append(name)
            if source.encoder is None:
                reads.append(name)
            else:
                # by number, as encoders stand in the graph in that order
                reads.append(self._shared_encoder(name, source.encoder, source.encoder_key))
        self.member_inputs[member] = tuple(names)
        self._reads.append(reads)

    def _shared_input(self, own_name: str, reader: Reader) -> str:
        """The name of an input like `reader`."""
        key = reader.key()
        for name, other in self.inputs.items():
            if key is not None and other.key() == key:
                return name
        # members may be called like the inputs of others
        taken = {PRESENT, *self.inputs, *self.array_names()}
        while taken.intersection((own_name, own_name + WEIGHTS)):
            own_name += "_2"
        self.inputs[own_name] = reader
        return own_name

    def _shared_encoder(self, name: str, encoder: nn.Module, encoder_key: Hashable) -> int:
        """The place of an encoder of the input `name` that has this key, or of a new one."""
        key = (name, encoder_key)
        # an encoder without a key is nobody else's
        if encoder_key is not None and key in self._encoder_keys:
            return self._encoder_keys.index(key)
        self._encoder_keys.append(key)
        self.encoders.append(encoder)
        self._encoded.append(name)
        return len(self.encoders) - 1


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


def onnx_bytes(system: System) -> bytes:
    """The graph, for any number of products and words, its batch norms fused.

    Its inputs are presence, and one or two arrays for each of the system's inputs.

    Raises:
        PluginError: torch cannot make a graph of it.
    """
    examples = system.examples()
    present = torch.ones(SAMPLE_BATCH, len(system.member_inputs), dtype=torch.bool)
    arrays = [torch.from_numpy(array) for array in examples.values()]
    with torch.inference_mode(), _without_advice():
        try:
            program: Any = torch.onnx.export(
                system,
                (present, *arrays),
                input_names=[PRESENT, *examples],
                output_names=[SCORES],
                dynamic_shapes=({0: ANY_NUMBER}, tuple(system.varying_axes())),
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            # what went wrong is told by the error behind the exporter's own
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            members = ", ".join(system.member_inputs)
            raise PluginError(
                f"torch makes no graph of the members {members}: {reason}; an encoder or a backbone of "
                "another kind may help"
            ) from error
    # in memory: the bundle is written whole or not at all
    buffer = io.BytesIO()
    onnx.save(_without_origins(program.model_proto), buffer)
    return buffer.getvalue()


def _without_origins(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without notes on which line of which file made each of its parts.

    They name folders of this machine, so the same model would have other bytes in another folder.
    """
    inside = graph.graph
    noted: list[Any] = [graph, inside, *inside.node, *inside.initializer]
    noted += [*inside.input, *inside.output, *inside.value_info]
    for function in graph.functions:
        noted += [function, *function.node, *function.value_info]
    for one in noted:
        del one.metadata_props[:]
    return graph


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
