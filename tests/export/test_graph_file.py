"""A graph in a file of this process alone: its bytes, with and without a disk that takes them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest

from shelfwise.export import graph_file
from shelfwise.export.graph_file import GraphFile


def content() -> bytes:
    """A graph that gives back its input."""
    kind = onnx.TensorProto.FLOAT
    value = [onnx.helper.make_tensor_value_info(name, kind, [2]) for name in ("x", "y")]
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "same", value[:1], value[1:])
    opset = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def opened(graph: GraphFile) -> list[float]:
    session = onnxruntime.InferenceSession(graph.source(), providers=["CPUExecutionProvider"])
    found: list[float] = session.run(None, {"x": [1.0, 2.0]})[0].tolist()
    return found


def test_the_file_is_the_bytes_as_often_as_it_is_opened() -> None:
    graph = GraphFile(content())
    assert isinstance(graph.source(), str)
    for _ in range(2):
        assert opened(graph) == [1, 2]
        assert graph.read() == content()
    assert graph.size == len(content())


def test_it_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    graph = GraphFile(content())
    assert not list(tmp_path.iterdir())
    assert graph.read() == content()


@pytest.mark.parametrize("lacks", ["room", "path"])
def test_without_a_file_it_stays_in_memory(lacks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    if lacks == "room":
        monkeypatch.setattr(graph_file, "TemporaryFile", full)
    else:
        monkeypatch.setattr(os.path, "exists", lambda _: False)
    graph = GraphFile(content())
    assert graph.source() == graph.read() == content()
    assert opened(graph) == [1, 2]
