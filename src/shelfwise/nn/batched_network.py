"""Several small networks of one shape as one, whose operations are those of all.

A network for it takes its inputs with further dimensions in front: it counts its dimensions from the last.
Its weights are those of linear layers.

Dimensions: F networks, B products of a batch, L labels.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class BatchedLinear(nn.Module):
    """F linear layers as one: (F, B, inputs) to (F, B, outputs)."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers])[:, None])

    def forward(self, units: Tensor) -> Tensor:
        """Each network's units by its own weights."""
        return torch.baddbmm(self.bias, units, self.weight.mT)


def as_one_network(networks: Sequence[nn.Module]) -> nn.Module:
    """A network with the weights of all, from inputs (F, B, ...) to logits (F, B, L).

    What it learns stays its own.
    """
    together = copy.deepcopy(networks[0])
    for name, _ in networks[0].named_buffers():
        place, _, own_name = name.rpartition(".")
        buffers = [network.get_buffer(name) for network in networks]
        # the same for all products of a network
        setattr(together.get_submodule(place), own_name, torch.stack(buffers)[:, None])
    for name in _linear_layers(networks[0]):
        place, _, own_name = name.rpartition(".")
        layers = [_linear(network, name) for network in networks]
        setattr(together.get_submodule(place), own_name, BatchedLinear(layers))
    return together


@torch.no_grad()
def take_apart(together: nn.Module, networks: Sequence[nn.Module]) -> None:
    """Give each of `networks` its weights."""
    for name in _linear_layers(networks[0]):
        trained = together.get_submodule(name)
        assert isinstance(trained, BatchedLinear), type(trained)
        for number, network in enumerate(networks):
            layer = _linear(network, name)
            layer.weight.copy_(trained.weight[number])
            # the joined layer keeps a dimension for the batch
            layer.bias.copy_(trained.bias[number, 0])
    for network in networks:
        network.eval()


def _linear_layers(network: nn.Module) -> list[str]:
    """The names of all linear layers, which hold all that is trained."""
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    held = sum(p.numel() for name in names for p in _linear(network, name).parameters())
    assert held == sum(p.numel() for p in network.parameters()), "weights outside of linear layers"
    return names


def _linear(network: nn.Module, name: str) -> nn.Linear:
    layer = network.get_submodule(name)
    assert isinstance(layer, nn.Linear), type(layer)
    return layer
