"""The picture network of an exported model in whole numbers of eight bits, unless that costs accuracy.

Static quantisation: weights a channel at a time, activations by the ranges seen on sample products. Whatever surrounds the
picture network stays as it is.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static  # type: ignore[import-untyped]

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.errors import ConfigError, LabelError, PluginError
from shelfwise.export.runtime import OnnxModel
from shelfwise.metrics.multilabel import decision_metrics

SAMPLES = 128
"""Products whose pictures the ranges of activations are taken from."""

_LEFT_FLOAT = 6
"""Convolutions at the beginning that stay as they are: few channels, hence little work, and of the whole network they suffer most."""

_MOVED_ALONG = ("Clip", "Relu", "Add")
"""What may follow a convolution and stay in whole numbers with it; quantised without them, a clipped range is lost."""


@dataclass(frozen=True)
class QuantizationCheck:
    """Macro-F1 on labelled products before and after, and the loss that is allowed; all in [0, 1]."""

    products: int
    before: float
    after: float
    allowed: float


def in_eight_bits(exported: OnnxModel, labelled: Catalog, allowed: float, context: Context) -> OnnxModel:
    """`exported` with a quantised picture network.

    Args:
        labelled: products that the model may be judged by here: of training or validation, never of test. The first
            :data:`SAMPLES` with a picture settle the ranges.
        allowed: how much macro-F1 may fall, in [0, 1].

    Raises:
        PluginError: there is no picture network.
        LabelError: none of the products has categories.
        ConfigError: more macro-F1 is lost than allowed.
    """
    graph = onnx.load_from_string(exported.graph)
    chosen = _picture_nodes(graph)
    if not chosen:
        raise PluginError(
            "the exported model has no picture network that could be put in eight bits; leave --int8 out"
        )
    truth = exported.labels.encode(labelled.column("categories")) > 0
    if not truth.any():
        raise LabelError(
            "none of the products given for --int8 has a category that the model knows; give labelled products, not for test"
        )
    smaller = replace(exported, graph=_quantised(graph, chosen, exported, labelled))
    before, after = (_macro_f1(model, labelled, truth, context) for model in (exported, smaller))
    gate = QuantizationCheck(len(labelled), before, after, allowed)
    if before - after > allowed:
        raise ConfigError(
            f"in eight bits macro-F1 on {len(labelled)} products falls from {before:.4f} to {after:.4f}, by more than the {allowed:g} that "
            "are allowed; export without --int8, or allow more with --gate"
        )
    smaller.facts = {**exported.facts, "int8": asdict(gate)}
    return smaller


def _macro_f1(model: OnnxModel, catalog: Catalog, truth: NDArray[np.bool_], context: Context) -> float:
    return decision_metrics(truth, model.decide(model.scores(model.predict_members(catalog, context))))[
        "macro_f1"
    ]


def _picture_nodes(graph: onnx.ModelProto) -> list[str]:
    """Names of the convolutions over pictures but the first :data:`_LEFT_FLOAT`, and of what moves along with them."""
    shapes = {constant.name: constant.dims for constant in graph.graph.initializer}
    convolutions = [
        node.name
        for node in graph.graph.node
        if node.op_type == "Conv" and len(shapes.get(node.input[1], ())) == 4
    ]
    names, given = [], set[str]()
    for node in graph.graph.node:
        if node.op_type == "Conv":
            wanted = node.name in convolutions[_LEFT_FLOAT:]
        else:
            wanted = node.op_type in _MOVED_ALONG and all(
                i in given for i in node.input if i and i not in shapes
            )
        if wanted:
            names.append(node.name)
            given.update(node.output)
    return names


def _quantised(graph: onnx.ModelProto, nodes: list[str], exported: OnnxModel, labelled: Catalog) -> bytes:
    with tempfile.TemporaryDirectory() as folder, _quietly():
        path = Path(folder) / "model.onnx"
        quantize_static(
            graph,
            path,
            _Samples(exported, labelled),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", *_MOVED_ALONG],
            nodes_to_quantize=nodes,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return path.read_bytes()


class _Samples(CalibrationDataReader):  # type: ignore[misc]
    """Products with pictures as inputs of the graph, a few at a time."""

    def __init__(self, exported: OnnxModel, labelled: Catalog) -> None:
        rows = np.flatnonzero([name is not None for name in labelled.column("image")])[:SAMPLES]
        self._inputs = self._batches(exported, labelled.take(rows))

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next inputs, or None after the last."""
        return next(self._inputs, None)

    @staticmethod
    def _batches(exported: OnnxModel, catalog: Catalog) -> Iterator[dict[str, NDArray[Any]]]:
        inputs = exported.inputs(catalog)
        for start in range(0, len(catalog), 8):
            yield dict(inputs(np.arange(start, min(start + 8, len(catalog)))).arrays)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the advice that the quantiser gives, on models that were prepared already."""
    log = logging.getLogger()
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
