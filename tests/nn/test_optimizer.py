"""The optimisers have the settings they should have, and the learning rate takes its course."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from shelfwise.nn.optimizer import make_optimizer, rate_at, set_learning_rate
from shelfwise.nn.seeding import torch_seed

THEIRS = {
    "adam": lambda p, decay: torch.optim.Adam(p, lr=0.01, weight_decay=decay, eps=1e-7, fused=True),
    "adamw": lambda p, decay: torch.optim.AdamW(
        p, lr=0.01, weight_decay=decay, eps=1e-7, fused=True
    ),
    "adadelta": lambda p, decay: torch.optim.Adadelta(
        p, lr=0.01, rho=0.9, eps=1e-6, weight_decay=decay
    ),
}


def network() -> nn.Sequential:
    with torch_seed(0):
        return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("kind", THEIRS)
def test_the_weights_are_those_of_torchs_own_class(kind, decay):
    ours, theirs = network(), network()
    mine = make_optimizer(ours.parameters(), kind, 1.0, decay)
    own = THEIRS[kind](theirs.parameters(), decay)
    for step in range(20):
        rows = torch.from_numpy(np.random.default_rng(step).normal(size=(8, 5)).astype(np.float32))
        for module in (ours, theirs):
            for p in module.parameters():
                p.grad = None
            # now and then the last layer has no part in the loss
            torch.autograd.backward((module if step % 3 else module[:1])(rows).square().sum())
        set_learning_rate(mine, 0.01)
        mine.step()
        own.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)
    mine.zero_grad()
    assert all(p.grad is None for p in ours.parameters())


def test_without_any_gradient_nothing_moves():
    module = network()
    before = [p.clone() for p in module.parameters()]
    for kind in THEIRS:
        make_optimizer(module.parameters(), kind, 1.0, 0.1).step()
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_the_cosine_is_torchs_and_constant_is_constant():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 17)
    for step in range(17):
        assert rate_at(step, 17, 0.3, "cosine") == pytest.approx(
            optimizer.param_groups[0]["lr"], rel=1e-12
        )
        assert rate_at(step, 17, 0.3, "constant") == 0.3
        optimizer.step()
        schedule.step()
