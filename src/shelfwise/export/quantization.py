"""The image network of an exported model in 8 bits, unless that costs accuracy.

Static quantization: weights a channel at a time, activations by the ranges seen on sample products. Whatever
surrounds the image network stays as it is.
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
from shelfwise.export.graph_file import GraphFile
from shelfwise.export.runtime import OnnxModel
from shelfwise.metrics.multilabel import decision_metrics

SAMPLE_PRODUCTS = 128
"""Products whose images the ranges of activations are taken from."""

SAMPLE_BATCH = 8
"""Of these, how many the graph computes at a time."""

_FLOAT_CONVOLUTIONS = 6
"""Convolutions at the beginning that stay as they are.

They have few channels, hence little work, and lose the most accuracy of the whole network.
"""

_FOLLOWING_OPS = ("Clip", "Relu", "Add")
"""Operations behind a convolution that are quantized with it; without them a clipped range is lost."""


@dataclass(frozen=True)
class QuantizationCheck:
    """Macro-F1 on labelled products before and after, and the loss that is allowed; all in [0, 1]."""

    products: int
    before: float
    after: float
    allowed: float


def in_eight_bits(
    exported: OnnxModel, labelled: Catalog, allowed: float, context: Context
) -> OnnxModel:
    """`exported` with a quantized image network.

    Args:
        labelled: training or validation products, never test products. The first :data:`SAMPLE_PRODUCTS`
            with an image give the ranges; all of them measure the loss.
        allowed: how much macro-F1 may fall, in [0, 1].

    Raises:
        PluginError: there is no image network.
        LabelError: none of the products has categories.
        ConfigError: more macro-F1 is lost than allowed.
    """
    graph = onnx.load_from_string(exported.graph.read())
    chosen = _image_nodes(graph)
    if not chosen:
        raise PluginError(
            "the exported model has no image network to put in 8 bits; leave --int8 out"
        )
    truth = exported.labels.encode(labelled.column("categories")) > 0
    if not truth.any():
        raise LabelError(
            "none of the products given for --int8 has a category that the model knows; "
            "give labelled products that are not in the test set"
        )
    smaller = replace(exported, graph=GraphFile(_quantized(graph, chosen, exported, labelled)))
    # both on the same products, so that the difference is that of 8 bits alone
    before = _macro_f1(exported, labelled, truth, context)
    after = _macro_f1(smaller, labelled, truth, context)
    check = QuantizationCheck(len(labelled), before, after, allowed)
    if before - after > allowed:
        raise ConfigError(
            f"in 8 bits macro-F1 on {len(labelled)} products falls from {before:.4f} to {after:.4f}, "
            f"more than the allowed {allowed:g}; export without --int8, or allow more with --max-f1-loss"
        )
    smaller.facts = {**exported.facts, "int8": asdict(check)}
    return smaller


def _macro_f1(
    model: OnnxModel, catalog: Catalog, truth: NDArray[np.bool_], context: Context
) -> float:
    """Macro-F1 of the model's decisions."""
    scores = model.scores(model.predict_members(catalog, context))
    return decision_metrics(truth, model.decide(scores))["macro_f1"]


def _image_nodes(graph: onnx.ModelProto) -> list[str]:
    """The names of the nodes to quantize.

    All but the first convolutions over images, and what follows them.
    """
    shapes = {constant.name: constant.dims for constant in graph.graph.initializer}
    convolutions: list[str] = []
    for node in graph.graph.node:
        # a convolution over images has weights of four dimensions, one over words of three
        if node.op_type == "Conv" and len(shapes.get(node.input[1], ())) == 4:
            convolutions.append(node.name)
    quantized = set(convolutions[_FLOAT_CONVOLUTIONS:])
    names: list[str] = []
    outputs: set[str] = set()
    # nodes stand in the order of computation, so whatever feeds a node was seen before it
    for node in graph.graph.node:
        inputs = [name for name in node.input if name and name not in shapes]
        follows = node.op_type in _FOLLOWING_OPS and outputs.issuperset(inputs)
        if node.name in quantized or follows:
            names.append(node.name)
            outputs.update(node.output)
    return names


def _quantized(
    graph: onnx.ModelProto, nodes: list[str], exported: OnnxModel, labelled: Catalog
) -> bytes:
    """The graph with these nodes in 8 bits."""
    with tempfile.TemporaryDirectory() as folder, _without_advice():
        path = Path(folder) / "model.onnx"
        quantize_static(
            graph,
            path,
            _Samples(exported, labelled),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", *_FOLLOWING_OPS],
            nodes_to_quantize=nodes,
            # a range for each filter: one for all would leave small filters few steps
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return path.read_bytes()


class _Samples(CalibrationDataReader):  # type: ignore[misc]
    """Products with images as inputs of the graph, a few at a time."""

    def __init__(self, exported: OnnxModel, labelled: Catalog) -> None:
        with_image = [name is not None for name in labelled.column("image")]
        rows = np.flatnonzero(with_image)[:SAMPLE_PRODUCTS]
        self._inputs = self._batches(exported, labelled.take(rows))

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next inputs, or None after the last."""
        return next(self._inputs, None)

    @staticmethod
    def _batches(exported: OnnxModel, catalog: Catalog) -> Iterator[dict[str, NDArray[Any]]]:
        inputs = exported.inputs(catalog)
        for start in range(0, len(catalog), SAMPLE_BATCH):
            rows = np.arange(start, min(start + SAMPLE_BATCH, len(catalog)))
            yield dict(inputs(rows).arrays)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Without the quantizer's advice to prepare the graph, which is prepared already."""
    # it logs through the root logger, so that one is turned down and up again
    log = logging.getLogger()
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
