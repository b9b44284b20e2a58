"""An exported model whose graph was swapped, with a manifest that agrees: refused, and nothing is made up."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.types import Context
from shelfwise.errors import BundleError
from shelfwise.export.loading import open_model
from shelfwise.export.runtime import GRAPH
from tests.export.test_loading import reseal

onnx = pytest.importorskip("onnx")


def with_graph(exported: Path, folder: Path, graph: bytes) -> Any:
    """The exported model with another graph."""
    shutil.copytree(exported, folder)
    (folder / GRAPH).write_bytes(graph)
    reseal(folder)
    return open_model(folder)


def column_of(exported: Path) -> bytes:
    """Its graph, of whose scores only the first label's are given."""
    model = onnx.load(exported / GRAPH)
    output = model.graph.output[0]
    whole = output.name
    for name, values in (("starts", [0]), ("ends", [1]), ("axes", [1])):
        tensor = onnx.numpy_helper.from_array(np.array(values, np.int64), f"first_{name}")
        model.graph.initializer.append(tensor)
    bounds = ["first_starts", "first_ends", "first_axes"]
    model.graph.node.append(onnx.helper.make_node("Slice", [whole, *bounds], ["first_label"]))
    kind = onnx.helper.make_tensor_value_info("first_label", onnx.TensorProto.FLOAT, None)
    model.graph.output[0].CopyFrom(kind)
    return bytes(model.SerializeToString())


def renamed(exported: Path) -> bytes:
    """Its graph, of whose inputs the first has another name."""
    model = onnx.load(exported / GRAPH)
    first = model.graph.input[0].name
    model.graph.input[0].name = "somebody"
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == first:
                node.input[place] = "somebody"
    return bytes(model.SerializeToString())


def of_the_future(exported: Path) -> bytes:
    """Its graph, in a version of ONNX that nobody has yet."""
    model = onnx.load(exported / GRAPH)
    model.opset_import[0].version = 999
    return bytes(model.SerializeToString())


def no_graph(exported: Path) -> bytes:
    """Bytes that are none."""
    return b"no graph"


@pytest.mark.parametrize("change", [column_of, renamed, of_the_future, no_graph])
def test_a_graph_that_does_not_fit_is_refused(
    change: Any, exported: Path, sample: Path, tmp_path: Path
) -> None:
    model = with_graph(exported, tmp_path / "model", change(exported))
    catalog = read_catalog(sample).catalog
    with pytest.raises(BundleError, match=r"model\.onnx does not fit the model around it"):
        model.predict_members(catalog, Context())
