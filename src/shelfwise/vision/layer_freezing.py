"""Which weights of a backbone train ("the last N layers" of the paper), and how frozen batch norms behave."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Literal

from torch import nn

from shelfwise.vision.graph_split import modules_in_order

FrozenNorm = Literal["inference", "batch_stats"]
TrainLast = int | Literal["all"]

_STEM = ["", "", "conv1", "bn1", "", "", ""]  # input, padding, ..., activation, padding, pooling
_BLOCK = [
    "conv1",
    "bn1",
    "",
    "conv2",
    "bn2",
    "",
    "conv3",
    "downsample.0",
    "bn3",
    "downsample.1",
    "",
    "",
]
_BLOCKS_OF_STAGES = (3, 4, 6, 3)


def keras_resnet50() -> list[str]:
    """The 177 layers of the paper's Keras network in order, as timm's module names; "" without weights.

    The last two are the pooling and the label layer ("fc"). Source: keras-applications 1.0.8 ``resnet50.py``.

    >>> layers = keras_resnet50()
    >>> len(layers), layers[-40], layers[-1]
    (177, 'layer3.5.bn2', 'fc')
    """
    layers = list(_STEM)
    for stage, blocks in enumerate(_BLOCKS_OF_STAGES, start=1):
        for block in range(blocks):
            for part in _BLOCK:
                # only a stage's first block changes the size, and so needs a way around itself
                if block > 0 and part.startswith("downsample"):
                    continue
                layers.append(part and f"layer{stage}.{block}.{part}")
    return [*layers, "", "fc"]


def trained_modules(backbone: nn.Module, architecture: str, last: TrainLast) -> frozenset[str]:
    """Names of the backbone's modules that train beside the head, when the last `last` layers do.

    The head is the last layer of all and always trains. ResNet-50 is counted as the paper counts it: every
    Keras layer, with or without weights, pooling and head included (40: layer4 and the end of layer3[5]; 24:
    layer4[1:]). Other backbones: modules that hold weights, in the order they run, and the head as one.
    """
    order = modules_in_order(backbone)
    if last == "all":
        return frozenset(order)
    if architecture.split(".")[0] == "resnet50":
        # all but the head, which is no part of the backbone
        order = keras_resnet50()[:-1]
    beside_head = max(0, min(last - 1, len(order)))
    return frozenset(name for name in order[len(order) - beside_head :] if name)


def freeze(backbone: nn.Module, trained: Set[str], everything: bool = False) -> list[nn.Module]:
    """Let only the named modules train, or all weights if `everything`.

    Returns:
        The batch norms that stay frozen; their statistics will never change.
    """
    for parameter in backbone.parameters():
        parameter.requires_grad_(everything)
    for name in trained:
        for parameter in backbone.get_submodule(name).parameters(recurse=False):
            parameter.requires_grad_(True)
    norms: list[nn.Module] = []
    for name, module in backbone.named_modules():
        if isinstance(module, nn.BatchNorm2d) and name not in trained:
            # a batch's statistics may be used, but never remembered
            module.momentum = 0.0
            norms.append(module)
    return norms


def set_frozen(norms: Iterable[nn.Module], training: bool, rule: FrozenNorm) -> None:
    """Put frozen batch norms in the mode that `rule` asks for.

    ``inference``: stored statistics, always. ``batch_stats``: in training the batch's own, as Keras 2.2 does.
    """
    for norm in norms:
        norm.train(training and rule == "batch_stats")
