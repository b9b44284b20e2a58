"""``shelfwise export --onnx``: from a model's folder to an exported model's."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.types import Context
from shelfwise.errors import BundleError, PluginError
from shelfwise.export.graph_file import GraphFile
from shelfwise.export.loading import open_model
from shelfwise.export.runtime import OnnxModel
from shelfwise.model.bundle import check_target, save_bundle
from shelfwise.model.model import Model, require_members

MAX_F1_LOSS = 0.005
"""How much macro-F1 8 bits may cost."""

LIBRARIES = ("onnx", "onnxscript", "onnxruntime")
"""What exporting needs, of the extra ``onnx``."""


def exported(model: Model) -> OnnxModel:
    """`model` with its final system as one graph.

    Raises:
        PluginError: the extra ``onnx`` is not installed, or a member or the policy cannot be exported; says
            which and why.
    """
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise PluginError(f"exporting needs {' and '.join(missing)}; pip install 'shelfwise[onnx]'")
    # onnx and torch are not for those who only predict
    from shelfwise.export.graph import onnx_bytes, parts_of, system_of

    parts = parts_of(model)
    system = system_of(model, parts)
    # left behind: the index and the out-of-fold scores, which need members, and the novelty detector, which
    # may need a sentence encoder
    return OnnxModel(
        graph=GraphFile(onnx_bytes(system)),
        readers=system.inputs,
        member_inputs=system.member_inputs,
        config=model.config,
        labels=model.labels,
        thresholds=model.thresholds,
        decide_with=model.decide_with,
        decision_rule=model.decision_rule,
        label_mapping=model.label_mapping,
        taxonomy=model.taxonomy,
        facts=model.facts,
    )


def export_bundle(
    source: Path,
    out: Path,
    int8: Path | None = None,
    max_f1_loss: float = MAX_F1_LOSS,
    context: Context | None = None,
) -> dict[str, Any]:
    """Export the model in `source` to the folder `out`.

    Args:
        int8: labelled products, not of the test set, if the image network is to be put in 8 bits.
        max_f1_loss: how much macro-F1 on these may fall by it.

    Returns:
        The final system, its inputs, the size of the graph in bytes, and what 8 bits cost.

    Raises:
        BundleError: `source` is exported already, or `out` is `source` or something else than
            a model.
        PluginError: as :func:`exported`.
        ConfigError: 8 bits cost more than `max_f1_loss`.
    """
    # refused before the graph is made, which takes a while
    check_target(out)
    if out.exists() and out.samefile(source):
        raise BundleError(
            f"{out} is the model that is exported, which would be lost; choose another --onnx DIR"
        )
    graph_model = exported(require_members(open_model(source), "be exported again"))
    if int8 is not None:
        from shelfwise.export.quantization import in_eight_bits

        context = context or Context()
        # read by the rules of the model, as whatever it predicts on
        labelled = read_catalog(int8, graph_model.config.catalog, context).catalog
        graph_model = in_eight_bits(graph_model, labelled, max_f1_loss, context)
    save_bundle(graph_model.bundle(), out)
    return {
        "system": graph_model.decide_with,
        "inputs": {name: reader.field for name, reader in graph_model.readers.items()},
        "bytes": graph_model.graph.size,
        "int8": graph_model.facts.get("int8"),
        "out": str(out),
    }


def export_words(found: Mapping[str, Any]) -> str:
    """What :func:`export_bundle` returns, in words."""
    size = f"{found['bytes'] / 1e6:.1f} MB"
    inputs = ", ".join(found["inputs"])
    text = f"{found['system']} as one graph of {size}, which reads {inputs}: {found['out']}"
    cost = found["int8"]
    # asked for, and then measured
    if cost is not None:
        figures = f"macro-F1 {cost['before']:.4f} before, {cost['after']:.4f} after"
        text += f"\nimages in 8 bits: {figures}, on {cost['products']} products"
    return text
