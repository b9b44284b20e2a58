"""Small networks trained as one: each becomes what it would become alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import nn

from shelfwise.core.fusion_policy import PolicyTask
from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.errors import ConfigError
from shelfwise.fusion import policy as policy_file
from shelfwise.fusion.policy import Policy
from shelfwise.metrics.threshold_search import best_micro_f1
from shelfwise.nn import batched_training
from shelfwise.nn.batched_network import as_one_network
from shelfwise.nn.batched_training import TrainingData, fit_as_one, summed_loss
from shelfwise.nn.fusion.policy_network import (
    PolicyBatches,
    PolicyNetwork,
    PolicySettings,
    fit_policy,
    new_network,
    run_policy,
    with_a_member,
)
from shelfwise.nn.losses import make_loss
from shelfwise.nn.mlp import ClassifierSettings, RowClassifier
from shelfwise.nn.training_loop import LoopSettings

MEMBERS, LABELS = 3, 6
SIZES = (150, 129, 97)
"""Products of each network; in batches of 32 they take 5, 5 and 4 steps an epoch, the last ones short."""

LOGITS: dict[str, Any] = {"input": "logits", "residual": True, "presence_bits": True}
DROPOUT: dict[str, Any] = {"dropout": 0.3, "member_dropout": 0.2}


def make(count: int, seed: int) -> tuple[MemberOutputs, Floats]:
    """Members that know something of their labels, often absent; some products have none."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((count, LABELS)) < 0.3).astype(np.float32)
    noise = rng.normal(0, 1, (count, MEMBERS, LABELS))
    scores = 1 / (1 + np.exp(1.5 - 3 * targets[:, None] - noise))
    present = rng.random((count, MEMBERS)) < 0.7
    scores = np.where(present[:, :, None], scores, 0)
    return MemberOutputs(scores.astype(np.float32), present, ()), targets


def settings(training: dict[str, Any] | None = None, **changes: Any) -> PolicySettings:
    quick = {"epochs": 3, "batch_size": 32, "learning_rate": 1e-2, "loss": "bce"}
    hidden = [[12, "sigmoid"], [8, "tanh"]]
    return PolicySettings.model_validate(
        {"hidden": hidden, "training": {**quick, **(training or {})}, **changes}
    )


def together(
    chosen: PolicySettings, contexts: list[Context], sizes: tuple[int, ...] = SIZES
) -> tuple[list[PolicyNetwork], list[int]]:
    """Networks of these settings, trained as one."""
    examples = [with_a_member(*make(size, i)) for i, size in enumerate(sizes)]
    networks = [
        new_network(outputs, chosen, context.seed)
        for (outputs, _), context in zip(examples, contexts, strict=True)
    ]
    return networks, fit_as_one(
        networks, read_by_networks(examples), chosen.training, contexts, "policy"
    )


def read_by_networks(examples: Any) -> Any:
    return [(PolicyBatches(outputs), targets) for outputs, targets in examples]


@pytest.mark.parametrize(
    ("training", "changes"),
    [
        ({}, {}),
        ({"schedule": "cosine"}, LOGITS),
        ({"loss": "keras_cce", "optimizer": "adamw", "weight_decay": 0.1}, {}),
        ({"loss": "asymmetric", "optimizer": "adadelta", "schedule": "cosine"}, LOGITS),
        ({"loss": "softmax_ce", "max_steps": 9}, {"hidden": []}),
        ({"loss": "focal", "min_steps": 20}, LOGITS),
    ],
)
def test_without_dropout_each_is_what_it_is_alone(
    training: dict[str, Any], changes: dict[str, Any]
) -> None:
    chosen = settings(training, **changes)
    contexts = [Context(seed=seed) for seed in (4, 5, 6)]
    networks, epochs = together(chosen, contexts)
    for i, (network, size) in enumerate(zip(networks, SIZES, strict=True)):
        alone, epochs_alone = fit_policy(*make(size, i), None, chosen, contexts[i])
        assert epochs[i] == epochs_alone
        assert not network.training
        for name, value in alone.state_dict().items():
            found = network.state_dict()[name]
            assert found.shape == value.shape
            # of the largest number, as small ones are differences of large ones
            assert (found - value).abs().max() <= 1e-5 * value.abs().max(), name


def test_with_dropout_quality_is_that_of_networks_trained_alone() -> None:
    chosen = settings({"epochs": 30}, **LOGITS, **DROPOUT)
    contexts = [Context(seed=seed) for seed in (4, 5, 6)]
    networks, _ = together(chosen, contexts, (400, 380, 390))
    outputs, targets = make(600, 9)
    mean = best_micro_f1(targets, outputs.scores.sum(axis=1) / MEMBERS)
    for i, (network, size) in enumerate(zip(networks, (400, 380, 390), strict=True)):
        alone, _ = fit_policy(*make(size, i), None, chosen, contexts[i])
        f1 = best_micro_f1(targets, run_policy(network, outputs))
        f1_alone = best_micro_f1(targets, run_policy(alone, outputs))
        assert f1_alone > mean + 0.05
        assert abs(f1 - f1_alone) < 0.02


def test_networks_drop_units_of_their_own() -> None:
    chosen = settings(dropout=0.5)
    outputs, targets = with_a_member(*make(100, 0))
    networks = [new_network(outputs, chosen, 1) for _ in range(2)]
    examples = read_by_networks([(outputs, targets)] * 2)
    fit_as_one(networks, examples, chosen.training, [Context(seed=1)] * 2, "policy")
    first, second = (network.state_dict()["layers.0.weight"] for network in networks)
    assert not torch.equal(first, second)


def test_the_caller_s_random_numbers_stay_as_they_are() -> None:
    before = torch.get_rng_state()
    together(settings(**DROPOUT), [Context()] * 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loss_that_is_no_number_is_an_error() -> None:
    chosen = settings({"learning_rate": 1e38}, **LOGITS)
    with pytest.raises(
        ConfigError, match=r"the loss became (nan|inf) in epoch .*lower learning_rate"
    ):
        together(chosen, [Context()] * 3)


def test_inputs_are_sent_once_and_steps_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def noted(tensors: Any) -> tuple[torch.Tensor, ...]:
        found = tuple(tensors)
        sent.append(len(found))
        return found

    monkeypatch.setattr(batched_training, "to_device", noted)
    together(settings(), [Context()] * 3)
    # scores with presence, and targets, of three networks; then rows, shares and rates of three epochs
    assert sent == [2] * 3 + [3] + [3] * 3


def test_nothing_in_training_is_made_on_the_processor_unasked() -> None:
    chosen = settings({"schedule": "cosine"}, **LOGITS, member_dropout=0.2)
    examples = [with_a_member(*make(size, i)) for i, size in enumerate(SIZES)]
    networks = [new_network(outputs, chosen, 0) for outputs, _ in examples]
    # whatever is made without naming a device now has no numbers, and cannot meet those that have
    with torch.device("meta"):
        fit_as_one(networks, read_by_networks(examples), chosen.training, [Context()] * 3, "policy")
    assert all(weight.isfinite().all() for weight in networks[0].parameters())


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("loss", ["bce", "keras_cce", "softmax_ce", "focal", "asymmetric"])
def test_a_step_may_stand_on_another_device(loss: Any, uneven: bool) -> None:
    """Torch's device without numbers refuses what stayed on the processor, as a GPU does."""
    chosen = settings({"loss": loss}, **LOGITS, **DROPOUT)
    examples = [with_a_member(*make(size, i)) for i, size in enumerate(SIZES)]
    network = as_one_network([new_network(outputs, chosen, 0) for outputs, _ in examples]).train()
    here = TrainingData.of(read_by_networks(examples))
    data = TrainingData(tuple(part.to("meta") for part in here.inputs), here.targets.to("meta"))
    rows = torch.zeros(3, 8, dtype=torch.int64, device="meta")
    shares = torch.ones(3, 8, device="meta") if uneven else None
    loss_of = make_loss(loss, data.targets)
    with pytest.raises(RuntimeError, match="device"):
        summed_loss(network, loss_of, data, rows, shares, chosen.training)
    loss = summed_loss(network.to("meta"), loss_of, data, rows, shares, chosen.training)
    torch.autograd.backward(loss)
    assert all(weight.grad is not None and weight.grad.is_meta for weight in network.parameters())


@pytest.mark.parametrize("loss", ["bce", "class_balanced"])
def test_policies_are_fitted_as_one_on_a_gpu(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings({"loss": loss}, **LOGITS)

    def fitted() -> list[Policy]:
        policies = [Policy(chosen) for _ in SIZES]
        Policy.fit_each(
            [
                PolicyTask(one, *make(size, i), Context(seed=i))
                for i, (one, size) in enumerate(zip(policies, SIZES, strict=True))
            ]
        )
        return policies

    alone = fitted()
    calls: list[int] = []

    def noted(networks: Any, *others: Any) -> list[int]:
        calls.append(len(networks))
        return fit_as_one(networks, *others)

    asked: list[int] = []

    def has_room(needed: int) -> torch.device:
        asked.append(needed)
        return torch.device("cuda")

    monkeypatch.setattr(batched_training, "device_with_room", has_room)
    monkeypatch.setattr(policy_file, "fit_as_one", noted)
    outputs, _ = make(50, 7)
    for one, other in zip(fitted(), alone, strict=True):
        np.testing.assert_allclose(one.fuse(outputs), other.fuse(outputs), atol=1e-4)
        assert one.facts() == other.facts()
    # its weights of labels are those of each network's own products
    assert calls == ([] if loss == "class_balanced" else [3])
    assert all(needed > sum(SIZES) * MEMBERS * LABELS * 4 for needed in asked)


@pytest.mark.parametrize("hidden", [0, 7])
def test_heads_of_rows_are_what_they_are_alone(
    hidden: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    training = LoopSettings(epochs=4, batch_size=32, loss="bce", learning_rate=1e-2)
    chosen = ClassifierSettings(hidden=hidden, dropout=0, training=training)
    dense = [rng.normal(1, 2, (size, 5)).astype(np.float32) for size in SIZES]
    targets = [(rng.random((size, LABELS)) < 0.3).astype(np.float32) for size in SIZES]
    contexts = [Context(seed=seed) for seed in (4, 5, 6)]
    for rows in (dense, [sp.csr_array(np.maximum(one, 0)) for one in dense]):
        standardise = isinstance(rows[0], np.ndarray)
        examples = list(zip(rows, targets, strict=True))
        monkeypatch.undo()
        alone = RowClassifier.fit_each(examples, chosen, contexts, "rows", standardise)
        monkeypatch.setattr(batched_training, "device_with_room", lambda _: torch.device("cuda"))
        together = RowClassifier.fit_each(examples, chosen, contexts, "rows", standardise)
        for one, other, asked in zip(alone, together, rows, strict=True):
            assert one.epochs == other.epochs
            for name, value in one.arrays().items():
                error = np.abs(other.arrays()[name] - value).max(initial=0)
                assert error <= 1e-5 * np.abs(value).max(initial=1e-9), name
            np.testing.assert_allclose(one.predict(asked)[0], other.predict(asked)[0], atol=1e-5)


def test_weights_outside_of_linear_layers_are_refused() -> None:
    with pytest.raises(AssertionError, match="weights outside of linear layers"):
        as_one_network([nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))])
