"""First weights of dense layers as Keras draws them, for the paper's figures: Glorot uniform, biases of 0."""

from __future__ import annotations

from torch import nn


def init_network_like_keras(network: nn.Module) -> nn.Module:
    """`network`, with new first weights in all its dense layers."""
    init_like_keras(*network.modules())
    return network


def init_like_keras(*layers: nn.Module | None) -> None:
    """Draw new first weights for those of the `layers` that are dense; all others are left as they are."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
