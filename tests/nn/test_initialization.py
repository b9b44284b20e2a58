"""First weights of dense layers: Keras' bounds, biases of 0, and nothing else is touched."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shelfwise.nn.initialization import init_like_keras, init_network_like_keras


def test_weights_are_glorot_uniform_and_biases_zero() -> None:
    layer = nn.Linear(300, 100)
    init_like_keras(layer, None)
    bound = (6 / 400) ** 0.5
    assert layer.weight.abs().max() <= bound
    assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not layer.bias.any()


def test_only_dense_layers_are_drawn() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(5, 6))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert init_network_like_keras(network) is network
    changed = {
        name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"2.weight", "2.bias"}
