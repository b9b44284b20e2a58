"""A network moves to the device once and stays there; what is saved of it comes from there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shelfwise.core.types import Context, MemberOutputs
from shelfwise.fusion.policy import Policy
from shelfwise.nn import device, training_loop
from shelfwise.nn.mlp import ClassifierSettings, RowClassifier
from shelfwise.nn.training_loop import LoopSettings, fit_network, run_network


class Travelling(nn.Linear):
    """A layer that notes where it is sent, and does not go."""

    def __init__(self) -> None:
        super().__init__(4, 2)
        self.moves: list[str] = []

    def to(self, *arguments: Any, **named: Any) -> Travelling:
        self.moves.append(torch.device(arguments[0]).type)
        return self


class Ones:
    def __len__(self) -> int:
        return 8

    def batch(self, rows: Any) -> tuple[Tensor, ...]:
        return (torch.ones(len(rows), 4),)


def test_a_network_stays_on_the_device_between_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(training_loop, "to_device", tuple)
    network, targets = Travelling(), np.ones((8, 2), np.float32)
    fit_network(network, Ones(), targets, LoopSettings(epochs=1), Context())
    run_network(network, Ones())
    assert set(network.moves) == {"cuda"}


def test_without_a_gpu_nothing_moves() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    network = Travelling()
    run_network(network, Ones())
    assert network.moves == []


def test_a_policy_s_state_comes_from_the_device(request: pytest.FixtureRequest) -> None:
    outputs = MemberOutputs(np.full((8, 2, 3), 0.5, np.float32), np.ones((8, 2), bool), ())
    settings = Policy.Settings.model_validate({"training": {"epochs": 1}})
    policy = Policy(settings).fit(outputs, np.eye(8, 3, dtype=np.float32), None, Context())
    expected = {name: np.array(value) for name, value in policy.state().arrays.items()}
    request.getfixturevalue("weights_on_a_gpu")
    found = policy.state().arrays
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_a_classifier_s_arrays_come_from_the_device(request: pytest.FixtureRequest) -> None:
    rows, targets = np.eye(8, 4, dtype=np.float32), np.eye(8, 3, dtype=np.float32)
    settings = ClassifierSettings(hidden=2, training=LoopSettings(epochs=1))
    classifier = RowClassifier.fit((rows, targets), None, settings, Context(), "rows")
    expected = classifier.arrays()
    request.getfixturevalue("weights_on_a_gpu")
    found = classifier.arrays()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
