"""A network moves to the device once and stays there; what is saved of it comes from there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shelfwise.commands.doctor import examine, report_lines
from shelfwise.core.device_request import DEVICE_VARIABLE
from shelfwise.core.types import Context, MemberOutputs
from shelfwise.errors import DeviceError
from shelfwise.fusion.policy import Policy
from shelfwise.nn import batch_shares, device, training_loop
from shelfwise.nn.mlp import ClassifierSettings, RowClassifier
from shelfwise.nn.training_loop import LoopSettings, fit_network, run_network

MISSING_GPU = "cuda:77"
"""No machine has so many."""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (MISSING_GPU, "asks for cuda:77, but torch .* finds .* CUDA devices"),
        ("gpu", "no device 'gpu'; give --device or SHELFWISE_DEVICE one of auto, cpu, cuda"),
        ("meta", "no device 'meta'; give --device or SHELFWISE_DEVICE one of auto, cpu, cuda"),
    ],
)
def test_a_device_that_is_not_there_is_an_error(
    name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, name)
    with pytest.raises(DeviceError, match=message):
        run_network(nn.Linear(4, 2), Ones())


def test_the_processor_is_used_where_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    assert device.device_facts() == {"requested": "cpu", "kind": "cpu", "name": "processor"}
    assert run_network(nn.Linear(4, 2), Ones()).shape == (8, 2)


def test_the_command_refuses_before_any_work(
    command: Callable[..., subprocess.CompletedProcess[str]], sample: Path, tmp_path: Path
) -> None:
    done = command("--device", MISSING_GPU, "train", sample, "--out", tmp_path / "model")
    assert done.returncode == 2
    assert "error: --device or SHELFWISE_DEVICE asks for cuda:77, but torch" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_doctor_tells_what_runs_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    assert "device: processor (asked for: cpu" in " ".join(report_lines(examine(tmp_path)))
    monkeypatch.setenv(DEVICE_VARIABLE, MISSING_GPU)
    found = examine(tmp_path)
    assert found["device"]["kind"] is None
    assert any("asks for cuda:77" in sentence for sentence in found["advice"])


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
    for module in (training_loop, batch_shares):
        monkeypatch.setattr(module, "to_device", tuple)
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


def test_bfloat16_is_used_where_a_gpu_has_it_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    assert not device.uses_bfloat16("auto")
    monkeypatch.setattr(device, "device", lambda: torch.device("cuda"))
    asked: list[bool] = []

    def is_supported(including_emulation: bool = True) -> bool:
        asked.append(including_emulation)
        return True

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    assert device.uses_bfloat16("auto")
    assert not device.uses_bfloat16("float32")
    assert asked == [False]


@pytest.mark.parametrize(("free", "kind"), [(200, "cuda"), (199, "cpu")])
def test_what_has_no_room_on_a_gpu_stays_on_the_processor(
    free: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    assert device.device_with_room(1 << 60).type == "cpu"
    monkeypatch.setattr(device, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 1000))
    assert device.device_with_room(100).type == kind


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
