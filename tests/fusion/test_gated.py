"""The gated unit: its gates against the formula, and that it opens them to the member that knows."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.fusion.gated import Gated, GatedSettings
from shelfwise.metrics.threshold_search import best_micro_f1
from shelfwise.nn.fusion.feature_fusion import GatedUnit
from shelfwise.nn.fusion.fusion_networks import Shape

L, WIDTHS = 4, (6, 5)


def make(count: int, seed: int) -> tuple[MemberOutputs, Floats]:
    """One member knows the answer at a time, the other shows noise.

    The last feature of member 0 says who it is.
    """
    rng = np.random.default_rng(seed)
    targets = (rng.random((count, L)) < 0.4).astype(np.float32)
    who = rng.integers(2, size=count)
    features = [rng.normal(0, 1, (count, width)) for width in WIDTHS]
    for m in range(2):
        features[m][who == m, :L] = 3 * targets[who == m] - 1.5
    features[0][:, -1] = who
    return MemberOutputs(
        np.full((count, 2, L), 0.5, np.float32),
        np.ones((count, 2), np.bool_),
        tuple(f.astype(np.float32) for f in features),
    ), targets


def settings(gate: Literal["softmax", "sigmoid"], **changes: object) -> GatedSettings:
    training = {"epochs": 20, "batch_size": 64, "learning_rate": 2e-2, "loss": "bce"}
    return GatedSettings.model_validate(
        {
            "gate": gate,
            "units": 16,
            "dropout": 0,
            "member_dropout": 0,
            "training": training,
            **changes,
        }
    )


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_learns_whom_to_trust(gate: Literal["softmax", "sigmoid"]) -> None:
    outputs, targets = make(300, 1)
    fused = Gated(settings(gate)).fit(*make(800, 0), None, Context()).fuse(outputs)
    linear = np.linalg.lstsq(_with_one(make(800, 0)[0]), make(800, 0)[1], rcond=None)[0]
    assert (
        best_micro_f1(targets, fused)
        > best_micro_f1(targets, (_with_one(outputs) @ linear).astype(np.float32)) + 0.03
    )


def _with_one(outputs: MemberOutputs) -> Floats:
    return np.concatenate([*outputs.features, np.ones((len(outputs), 1), np.float32)], axis=1)


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_it_is_the_formula(gate: Literal["softmax", "sigmoid"]) -> None:
    network = GatedUnit(Shape(L, WIDTHS), 16, 0, 0, gate).eval()
    present = torch.tensor([[True, True], [True, False], [False, True]])
    features = [torch.randn(3, width) for width in WIDTHS]
    for row in range(3):
        shown = [f[row] * present[row, m] for m, f in enumerate(features)]
        raw = network.gate(torch.cat([*shown, present[row].float()])).reshape(2, -1)
        able = [m for m in range(2) if present[row, m]]
        gates = torch.softmax(raw[able], dim=0) if gate == "softmax" else torch.sigmoid(raw[able])
        joined = sum(
            gates[i] * torch.tanh(network.project[m](shown[m])) for i, m in enumerate(able)
        )
        expected = network.output(joined)
        torch.testing.assert_close(
            network(present[[row]], *(f[[row]] for f in features))[0], expected
        )


def test_softmax_gates_share_each_unit_among_the_present() -> None:
    network = GatedUnit(Shape(L, WIDTHS), 16, 0, 0).eval()
    present = torch.tensor([[True, True], [True, False], [False, False]])
    gates = network.gates([torch.randn(3, width) for width in WIDTHS], present)
    torch.testing.assert_close(
        gates.sum(dim=1), torch.tensor([1.0, 1.0, 0.0]).unsqueeze(1).expand(3, 16)
    )
    assert not gates[1, 1].any()
