"""A backbone in two: a frozen part that runs once per picture, and the part that trains.

The cut is found on the traced graph, so it works for any network of timm that can be traced: the latest place, before
the first trained weight, that a single tensor crosses. In residual networks that is a block boundary.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


@dataclass(frozen=True)
class SplitNetwork:
    """The two parts; they share their modules with the backbone they were cut from.

    Args:
        frozen: pictures (B, 3, H, W) to what crosses the cut, or None where everything trains or nothing could be traced.
        trained: what crosses the cut to pooled features (B, D).
    """

    frozen: nn.Module | None
    trained: nn.Module


def trace(backbone: nn.Module) -> fx.GraphModule | None:
    """The backbone as a graph of its weight-bearing modules in the order they run, or None if it cannot be traced."""
    for tracer in (_Fine(), _Coarse()):
        try:
            return fx.GraphModule(backbone, _one_input(tracer.trace(backbone)))
        except Exception:  # tracing runs the network's own code on stand-ins, which may fail in any way
            continue
    return None


def modules_in_order(backbone: nn.Module) -> list[str]:
    """Names of the modules that hold weights, in the order they run (untraceable networks: in the order they are defined)."""
    graph = trace(backbone)
    called = [""] if graph is None else [str(n.target) for n in graph.graph.nodes if n.op == "call_module"]
    found: dict[str, None] = {}
    for prefix in called:
        for name, module in backbone.get_submodule(prefix).named_modules(prefix=prefix):
            if any(True for _ in module.parameters(recurse=False)) and name:
                found[name] = None
    return list(found)


def split_at(backbone: nn.Module, trained: Collection[str]) -> SplitNetwork:
    """Divide `backbone` before the first of the modules named in `trained`."""
    traced = trace(backbone)
    if traced is None:
        return SplitNetwork(None, backbone)
    nodes = list(traced.graph.nodes)
    at = _latest_crossing(nodes, trained)
    if nodes[at].op == "placeholder":
        return SplitNetwork(None, traced)
    return SplitNetwork(
        _part(traced, nodes[: at + 1], nodes[at]), _part(traced, nodes[at + 1 :], None, entry=nodes[at])
    )


def fuse_batch_norm(network: nn.Module) -> nn.Module:
    """A copy for inference whose batch norms are folded into the convolutions before them: a quarter less time on a CPU."""
    folded = copy.deepcopy(network).eval()
    if not isinstance(folded, fx.GraphModule):
        return folded
    for node in folded.graph.nodes:
        before = node.args[0] if node.args else None
        if (
            node.op != "call_module"
            or not isinstance(before, fx.Node)
            or before.op != "call_module"
            or len(before.users) > 1
        ):
            continue
        conv, norm = folded.get_submodule(str(before.target)), folded.get_submodule(str(node.target))
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats:
            folded.set_submodule(str(before.target), fuse_conv_bn_eval(conv, norm))
            folded.set_submodule(str(node.target), _activation(norm))
    return folded


def _one_input(graph: fx.Graph) -> fx.Graph:
    """The graph with all inputs but the first (masks that are None and the like) fixed at their defaults."""
    for extra in [node for node in graph.nodes if node.op == "placeholder"][1:]:
        fill = partial(_exchange, extra, extra.args[0])
        for user in list(extra.users):
            user.args, user.kwargs = fx.node.map_arg(user.args, fill), fx.node.map_arg(user.kwargs, fill)
        graph.erase_node(extra)
    return graph


def _exchange(old: fx.Node, new: Any, node: fx.Node) -> Any:
    return new if node is old else node


def _activation(norm: nn.Module) -> nn.Module:
    """What timm's batch norms do after normalising."""
    return copy.deepcopy(
        nn.Sequential(
            *(m for name in ("drop", "act") if isinstance(m := getattr(norm, name, None), nn.Module))
        )
    )


class _Fine(fx.Tracer):
    """Goes down to the modules that hold weights themselves."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return any(True for _ in m.parameters(recurse=False)) or not any(True for _ in m.parameters())


class _Coarse(fx.Tracer):
    """Looks into containers only, for networks with a block (VGG's classifier) whose code depends on sizes."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not isinstance(m, (nn.Sequential, nn.ModuleList))


def _latest_crossing(nodes: list[fx.Node], trained: Collection[str]) -> int:
    """Position of the last node before the first trained one whose value alone is needed later on."""
    place = {node: i for i, node in enumerate(nodes)}
    last_use = [max((place[user] for user in node.users), default=-1) for node in nodes]
    limit = next((i for i, node in enumerate(nodes) if _trains(node, trained)), len(nodes) - 1)
    crossing = [
        i
        for i in range(limit)
        if [j for j in range(i + 1) if last_use[j] > i] == [i] and not _is_plain(nodes[i])
    ]
    return crossing[-1] if crossing else 0


def _trains(node: fx.Node, trained: Collection[str]) -> bool:
    target = str(node.target)
    return node.op == "call_module" and any(
        name == target or name.startswith(f"{target}.") for name in trained
    )


def _is_plain(node: fx.Node) -> bool:
    """Whether the node gives a size or an attribute, not a tensor of the batch."""
    return node.op == "get_attr" or node.target in (getattr, "size")


def _part(
    whole: fx.GraphModule, nodes: list[fx.Node], result: fx.Node | None, entry: fx.Node | None = None
) -> fx.GraphModule:
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {} if entry is None else {entry: graph.placeholder("crossing")}
    rename: Callable[[fx.Node], fx.Node] = copies.__getitem__
    for node in nodes:
        copies[node] = graph.node_copy(node, rename)
    if result is not None:
        graph.output(copies[result])
    return fx.GraphModule(whole, graph)


class Normalise(nn.Module):
    """Bytes (B, H, W, 3) to what a backbone expects, (B, 3, H, W) float32 in channels-last memory.

    Args:
        mean: per channel, on the scale of `scale`.
        std: per channel.
        scale: bytes are divided by it first: 255, or 1 for the "caffe" rule.
        reverse: RGB to BGR, the "caffe" rule.
    """

    mean: Tensor
    factor: Tensor

    def __init__(
        self, mean: tuple[float, ...], std: tuple[float, ...], scale: float = 255.0, reverse: bool = False
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).mul(scale).reshape(1, -1, 1, 1), persistent=False)
        self.register_buffer(
            "factor", torch.tensor(std).mul(scale).reshape(1, -1, 1, 1).reciprocal(), persistent=False
        )
        self.reverse = reverse

    def forward(self, pixels: Tensor) -> Tensor:
        x = pixels.permute(0, 3, 1, 2).float()
        return ((x.flip(1) if self.reverse else x) - self.mean) * self.factor

    @classmethod
    def of(cls, rule: str, config: dict[str, Any]) -> Normalise:
        """The backbone's own rule, or Keras' "caffe" rule: BGR minus the ImageNet means, not scaled (authors' scripts)."""
        if rule == "caffe":
            return cls((103.939, 116.779, 123.68), (1.0, 1.0, 1.0), 1.0, reverse=True)
        return cls(tuple(config["mean"]), tuple(config["std"]))
