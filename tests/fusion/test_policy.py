"""The policy network: the paper's sizes, what it learns, and that every option does what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.fusion.policy import Policy, PolicyNetwork, PolicySettings
from shelfwise.metrics.threshold_search import best_micro_f1
from shelfwise.nn.fusion.feature_reader import keep_members

M, L = 3, 6


def make(count: int, seed: int) -> tuple[MemberOutputs, Floats]:
    """Members that are each good at other labels, and one that is wrong about label 0 on purpose."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((count, L)) < 0.3).astype(np.float32)
    skill = np.where(np.arange(L) % M == np.arange(M)[:, None], 3.0, 0.0)
    skill[1, 0] = -3
    scores = 1 / (1 + np.exp(1 - skill * targets[:, None] - rng.normal(0, 1, (count, M, L))))
    return MemberOutputs(scores.astype(np.float32), np.ones((count, M), np.bool_), ()), targets


def settings(**changes: Any) -> PolicySettings:
    quick = {"epochs": 40, "batch_size": 64, "learning_rate": 1e-2, "loss": "bce", "patience": 5}
    return PolicySettings.model_validate(
        {"hidden": [[16, "sigmoid"], [12, "tanh"]], "training": quick, **changes}
    )


def fitted(**changes: Any) -> Policy:
    return Policy(settings(**changes)).fit(*make(500, 0), make(200, 1), Context())


@pytest.mark.parametrize(
    ("members", "hidden", "weights"),
    [
        (3, [[330, "sigmoid"], [270, "tanh"]], 243_542),
        (2, [[200, "sigmoid"], [150, "sigmoid"]], 97_572),
    ],
)
def test_the_papers_networks_have_the_papers_weights(
    members: int, hidden: list[list[Any]], weights: int
) -> None:
    network = PolicyNetwork(members, 122, PolicySettings.model_validate({"hidden": hidden}))
    assert sum(p.numel() for p in network.parameters()) == weights


def test_the_defaults_are_the_papers() -> None:
    default = PolicySettings()
    assert default.hidden == ((330, "sigmoid"), (270, "tanh"))
    assert (
        default.input,
        default.residual,
        default.dropout,
        default.presence_bits,
        default.member_dropout,
    ) == (
        "probabilities",
        False,
        0,
        False,
        0,
    )
    loop = default.training
    assert (loop.epochs, loop.batch_size, loop.learning_rate, loop.loss, loop.optimizer) == (
        20,
        256,
        1e-3,
        "keras_cce",
        "adam",
    )


def test_layers_begin_as_in_keras() -> None:
    network = PolicyNetwork(M, L, settings())
    first = network.layers[0]
    assert isinstance(first, torch.nn.Linear)
    limit = np.sqrt(6 / (M * L + 16))
    assert 0.8 * limit < float(first.weight.detach().abs().max()) <= limit
    assert not first.bias.detach().any()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"input": "logits"},
        {"input": "logits", "residual": True, "dropout": 0.2},
        {"residual": True},
        {"hidden": []},
    ],
    ids=str,
)
def test_learns_more_than_the_mean_knows(changes: dict[str, Any]) -> None:
    outputs, targets = make(400, 2)
    rules = max(
        best_micro_f1(targets, s)
        for s in (outputs.scores.mean(axis=1), *outputs.scores.transpose(1, 0, 2))
    )
    assert best_micro_f1(targets, fitted(**changes).fuse(outputs)) > rules + 0.1


def test_patience_keeps_the_best_epoch() -> None:
    outputs, targets = make(60, 0)
    watched = make(200, 1)
    impatient = settings(
        training={
            "epochs": 300,
            "batch_size": 16,
            "learning_rate": 1e-2,
            "loss": "bce",
            "patience": 3,
        }
    )
    policy = Policy(impatient).fit(outputs, targets, watched, Context())
    assert 1 <= policy.epochs_ < 300
    again = settings(
        training={"epochs": policy.epochs_, "batch_size": 16, "learning_rate": 1e-2, "loss": "bce"}
    )
    assert np.array_equal(
        Policy(again).fit(outputs, targets, None, Context()).fuse(watched[0]),
        policy.fuse(watched[0]),
    )


def test_a_residual_network_starts_from_the_mean_logit() -> None:
    network = PolicyNetwork(M, L, settings(residual=True))
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    scores, present = (
        torch.rand(4, M, L) * 0.8 + 0.1,
        torch.tensor([[True, True, True], [True, False, False], [False, True, True], [False] * 3]),
    )
    expected = [
        [
            torch.logit(scores[n, present[n], k]).mean() if present[n].any() else 0.0
            for k in range(L)
        ]
        for n in range(4)
    ]
    np.testing.assert_allclose(
        network.eval()(scores, present).detach(), np.array(expected, np.float32), atol=1e-5
    )


def test_logits_are_standardised_over_present_products() -> None:
    outputs, targets = make(300, 0)
    present = outputs.present.copy()
    present[::3, 1] = False
    masked = MemberOutputs(
        np.where(present[:, :, None], outputs.scores, 0).astype(np.float32), present, ()
    )
    policy = Policy(settings(input="logits")).fit(masked, targets, None, Context())
    able = np.log(outputs.scores[present[:, 1], 1] / (1 - outputs.scores[present[:, 1], 1]))
    np.testing.assert_allclose(policy.state().arrays["mean"][1], able.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(policy.state().arrays["spread"][1], able.std(axis=0), atol=1e-3)


def test_certain_scores_stay_finite() -> None:
    outputs, targets = make(100, 0)
    certain = MemberOutputs(np.round(outputs.scores), outputs.present, ())
    assert np.isfinite(
        Policy(settings(input="logits", residual=True))
        .fit(certain, targets, None, Context())
        .fuse(certain)
    ).all()


def test_member_dropout_makes_single_members_useful() -> None:
    outputs, targets = make(400, 2)
    alone = np.zeros((400, M), np.bool_)
    alone[:, 0] = True
    single = MemberOutputs(outputs.scores * alone[:, :, None], alone, ())
    plain, dropped = (
        best_micro_f1(targets, fitted(presence_bits=True, member_dropout=p).fuse(single))
        for p in (0.0, 0.5)
    )
    assert dropped > plain + 0.02


def test_member_dropout_leaves_somebody() -> None:
    present = torch.tensor([[True, True, False]]).repeat(500, 1)
    kept = keep_members(present, 0.9)
    assert kept.any(dim=1).all()
    assert not kept[:, 2].any()
    assert not kept.all(dim=1).any()
    assert (kept.sum(dim=1) == 1).any()
    assert torch.equal(keep_members(present, 0), present)


def test_members_are_dropped_in_training_only() -> None:
    network = PolicyNetwork(M, L, settings(member_dropout=0.9))
    scores, present = (
        torch.rand(1, M, L).repeat(500, 1, 1),
        torch.tensor([[True, True, False]]).repeat(500, 1),
    )
    learning, predicting = network.train()(scores, present), network.eval()(scores, present)
    assert not torch.allclose(learning, learning[:1].expand_as(learning), atol=1e-4)
    assert torch.allclose(predicting, predicting[:1].expand_as(predicting), atol=1e-6)


def test_presence_bits_are_read() -> None:
    network = PolicyNetwork(M, L, settings(presence_bits=True)).eval()
    scores = torch.zeros(1, M, L)
    assert not torch.equal(
        network(scores, torch.tensor([[True, True, True]])),
        network(scores, torch.tensor([[True, False, True]])),
    )


def test_fitting_leaves_the_callers_randomness_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    policy = fitted(dropout=0.5, member_dropout=0.5)
    Policy(policy.settings).restore(policy.state())
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden": [[0, "tanh"]]},
        {"hidden": [[8, "softplus"]]},
        {"dropout": 1.0},
        {"member_dropout": -0.1},
    ],
)
def test_settings_are_checked(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        settings(**changes)
