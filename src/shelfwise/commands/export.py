"""From a model's folder to an exported model's."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.types import Context
from shelfwise.errors import PluginError
from shelfwise.export.loading import open_model
from shelfwise.export.runtime import OnnxModel
from shelfwise.model.bundle import check_target, save_bundle
from shelfwise.model.model import Model, require_members

GATE = 0.005


def exported(model: Model) -> OnnxModel:
    """`model` with its deciding system as one graph.

    Raises:
        PluginError: the extra ``onnx`` is not installed, or a member or the policy cannot be exported; says which and why.
    """
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise PluginError(f"exporting needs {' and '.join(missing)}; pip install 'shelfwise[onnx]'")
    from shelfwise.export.graph import onnx_bytes, parts_of, system_of

    parts = parts_of(model)
    graph = onnx_bytes(system_of(model, parts), parts)
    kept = {
        name: getattr(model, name)
        for name in (
            "config",
            "labels",
            "thresholds",
            "decide_with",
            "decision_rule",
            "label_mapping",
            "taxonomy",
            "facts",
        )
    }
    return OnnxModel(graph=graph, readers={name: part.reader for name, part in parts.items()}, **kept)


def export_bundle(
    source: Path, out: Path, int8: Path | None = None, gate: float = GATE, context: Context | None = None
) -> dict[str, Any]:
    """Export the model in `source` to the folder `out`.

    Args:
        int8: labelled products, not for test, if the picture network is to be put in eight bits.
        gate: how much macro-F1 on these may fall by it.

    Returns:
        The deciding system, its inputs, the size of the graph in bytes, and what the eight bits cost.

    Raises:
        BundleError: `source` is exported already, or `out` is something else than a model.
        PluginError: as :func:`exported`.
        ConfigError: eight bits cost more than `gate`.
    """
    check_target(out)
    made = exported(require_members(open_model(source), "be exported again"))
    context = context or Context()
    if int8 is not None:
        from shelfwise.export.quantization import in_eight_bits

        made = in_eight_bits(made, read_catalog(int8, made.config.catalog, context).catalog, gate, context)
    save_bundle(made.bundle(), out)
    inputs = {name: reader.field for name, reader in made.readers.items()}
    return {
        "system": made.decide_with,
        "inputs": inputs,
        "bytes": len(made.graph),
        "int8": made.facts.get("int8"),
        "out": str(out),
    }


def export_words(found: Mapping[str, Any]) -> str:
    """What :func:`export_bundle` found, for people."""
    said = f"{found['system']} as one graph of {found['bytes'] / 1e6:.1f} MB, which reads {', '.join(found['inputs'])}: {found['out']}"
    if (cost := found["int8"]) is not None:
        said += f"\npictures in 8 bits: macro-F1 {cost['before']:.4f} before, {cost['after']:.4f} after, on {cost['products']} products"
    return said
