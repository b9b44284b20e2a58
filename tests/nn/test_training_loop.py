import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shelfwise.core.types import Context, Floats, Rows
from shelfwise.errors import ConfigError
from shelfwise.nn.device import device
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.training_loop import LoopOptions, LoopSettings, fit_network, run_network
from tests.killed_loops import Killed, resumable


@dataclass
class Table:
    """Rows of numbers as batches."""

    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        return (torch.from_numpy(self.values[rows]),)


def data(rows: int = 96, seed: int = 0) -> tuple[Table, Floats]:
    """Six features; a label is on where its feature is positive."""
    values = np.random.default_rng(seed).normal(size=(rows, 6)).astype(np.float32)
    return Table(values), (values[:, :3] > 0).astype(np.float32)


def network(seed: int = 0) -> nn.Sequential:
    with torch_seed(seed):
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def settings(**changes: Any) -> LoopSettings:
    return LoopSettings.model_validate(
        {"epochs": 12, "batch_size": 16, "learning_rate": 0.02, "loss": "bce", **changes}
    )


def weights(module: nn.Module) -> Floats:
    return np.concatenate([p.detach().numpy().ravel() for p in module.parameters()])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine"},
        {"optimizer": "adadelta", "learning_rate": 1.0, "epochs": 40},
    ],
)
def test_it_learns(changes: dict[str, Any]) -> None:
    train, targets = data()
    module = network()
    assert fit_network(module, train, targets, settings(**changes), Context()) == changes.get(
        "epochs", 12
    )
    assert not module.training
    assert ((run_network(module, train) > 0) == (targets > 0)).mean() > 0.9


def test_adam_is_that_of_keras() -> None:
    """One full-batch step from a known gradient: w - lr * g / (|g| + eps), eps 1e-7."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    fit_network(
        module,
        Table(np.ones((4, 1), np.float32)),
        np.ones((4, 1), np.float32),
        settings(epochs=1, learning_rate=0.125),
        Context(),
    )
    assert module.weight.item() == pytest.approx(0.125, rel=1e-5)


def test_the_seed_decides_everything_and_the_global_generator_is_left_alone() -> None:
    train, targets = data()
    before = torch.random.get_rng_state()
    runs = []
    for seed in (1, 1, 2):
        module = network()
        fit_network(module, train, targets, settings(), Context(seed=seed))
        runs.append(weights(module))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert torch.equal(before, torch.random.get_rng_state())


def test_patience_returns_the_best_epoch_s_weights() -> None:
    train, targets = data()
    validation = (
        data(seed=1)[0],
        1 - data(seed=1)[1],
    )  # contradicts training, so that later epochs are worse
    stopped, once = network(), network()
    kept = fit_network(stopped, train, targets, settings(patience=3), Context(), validation)
    assert kept < 9
    fit_network(once, train, targets, settings(epochs=kept), Context())
    np.testing.assert_array_equal(weights(stopped), weights(once))


def test_an_empty_validation_part_stops_nothing() -> None:
    train, targets = data()
    nothing = (Table(np.zeros((0, 6), np.float32)), np.zeros((0, 3), np.float32))
    assert fit_network(network(), train, targets, settings(patience=1), Context(), nothing) == 12


def test_running_statistics_and_frozen_weights() -> None:
    train, targets = data()
    first, norm = nn.Linear(6, 8), nn.BatchNorm1d(8)
    module = nn.Sequential(first.requires_grad_(False), norm, nn.Linear(8, 3))
    frozen = first.weight.clone()
    fit_network(module, train, targets, settings(patience=2), Context(), (train, 1 - targets))
    assert torch.equal(first.weight, frozen)
    assert norm.num_batches_tracked is not None
    assert norm.num_batches_tracked.item() < 12 * 6  # those of the kept epoch, not of the last


def test_after_step_sees_every_step() -> None:
    train, targets = data(rows=40)
    seen: list[nn.Module] = []
    fit_network(
        network(),
        train,
        targets,
        settings(epochs=2),
        Context(),
        options=LoopOptions(after_step=seen.append),
    )
    assert len(seen) == 2 * 3


def test_progress_counts_epochs() -> None:
    class Counting(Context):
        @contextmanager
        def progress(self, title: str, total: int) -> Iterator[Any]:
            reports.append((title, total))
            yield type("Bar", (), {"advance": lambda self, steps=1: reports.append(steps)})()

    reports: list[Any] = []
    train, targets = data(rows=20)
    fit_network(
        network(),
        train,
        targets,
        settings(epochs=3),
        Counting(),
        options=LoopOptions(title="title"),
    )
    assert reports == [("title", 3), 1, 1, 1]


def test_more_products_get_fewer_epochs() -> None:
    few, many = data(96), data(400)
    limited = settings(max_steps=72)
    for (inputs, targets), epochs in ((few, 12), (many, 2)):
        model = network()
        # 6 and 25 steps an epoch
        assert fit_network(model, inputs, targets, limited, Context()) == epochs
        same = network()
        fit_network(same, inputs, targets, settings(epochs=epochs), Context())
        assert np.array_equal(weights(model), weights(same))
    assert settings(max_steps=1).epochs_of(1000) == 1, "one pass is the least"


def test_few_products_get_more_epochs() -> None:
    few, many = data(20), data(96)
    for (inputs, targets), epochs in ((few, 40), (many, 14)):
        least = settings(min_steps=80, epochs=4)
        assert least.epochs_of(len(inputs)) == epochs, "2 and 6 steps an epoch"
        model = network()
        assert fit_network(model, inputs, targets, least, Context()) == epochs
        same = network()
        fit_network(same, inputs, targets, settings(epochs=epochs), Context())
        assert np.array_equal(weights(model), weights(same))
    with pytest.raises(ValueError, match="min_steps is 80 and max_steps 72"):
        settings(min_steps=80, max_steps=72)


def test_a_loss_that_is_no_number_is_an_error() -> None:
    train, targets = data()
    train.values[5] = np.inf
    with pytest.raises(
        ConfigError, match="title: the loss became nan in epoch 1; lower learning_rate"
    ):
        fit_network(
            network(),
            train,
            targets,
            settings(batch_size=96),
            Context(),
            options=LoopOptions(title="title"),
        )


def test_answers_come_in_row_order() -> None:
    train, _ = data(rows=50)
    module = network().eval()
    plain = run_network(module, train, batch_size=50)
    shuffled = run_network(
        module, train, batch_size=7, order=np.random.default_rng(0).permutation(50)
    )
    np.testing.assert_allclose(plain, shuffled, atol=1e-6)
    assert run_network(module, Table(np.zeros((0, 6), np.float32))).shape == (0, 0)


def test_the_last_learning_rate_of_a_cosine_is_zero() -> None:
    train, targets = data(rows=32)
    module = network()
    states: list[Floats] = []
    fit_network(
        module,
        train,
        targets,
        settings(epochs=50, schedule="cosine"),
        Context(),
        options=LoopOptions(after_step=lambda m: states.append(weights(m))),
    )
    moves = [np.abs(b - a).max() for a, b in itertools.pairwise(states)]
    assert moves[-1] < 0.01 * max(moves)


def test_products_in_half_precision_leave_weights_and_answers_in_single() -> None:
    train, targets = data()
    seen = set()

    class Noting(nn.Sequential):
        def forward(self, rows: Tensor) -> Tensor:
            answer: Tensor = super().forward(rows)
            seen.add(answer.dtype)
            return answer

    module = Noting(*network())
    fit_network(module, train, targets, settings(precision="bfloat16"), Context(), (train, targets))
    assert seen == {torch.bfloat16}
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert ((run_network(module, train) > 0) == (targets > 0)).mean() > 0.9
    again = network()
    fit_network(again, train, targets, settings(precision="auto"), Context())
    single = network()
    fit_network(single, train, targets, settings(), Context())
    assert np.array_equal(weights(again), weights(single)) == (device().type == "cpu")


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adam"},
        {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine"},
        {"optimizer": "adadelta", "learning_rate": 1.0},
        {"patience": 2, "epochs": 40},
    ],
)
# the first step, the middle and the end of an epoch, and the last step of eight epochs
@pytest.mark.parametrize("killed_after", [1, 15, 18, 48])
def test_a_killed_training_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], killed_after: int
) -> None:
    # however long a state takes to write, the next step writes one too
    monkeypatch.setattr("shelfwise.core.loop_checkpoints.MOST_TIME", np.inf)
    rows, targets = data()
    chosen = settings(**{"epochs": 8, **changes})
    validation = data(seed=1)
    taken = 0

    def count(_: nn.Module) -> None:
        nonlocal taken
        taken += 1

    whole = network()
    epoch = fit_network(
        whole, rows, targets, chosen, Context(seed=3), validation, LoopOptions(after_step=count)
    )
    steps, taken = taken, 0

    def kill(module: nn.Module) -> None:
        count(module)
        if taken == killed_after:
            raise Killed

    with pytest.raises(Killed):
        fit_network(
            network(),
            rows,
            targets,
            chosen,
            resumable(tmp_path, seed=3),
            validation,
            LoopOptions(after_step=kill),
        )
    taken = 0
    resumed = network()
    context = resumable(tmp_path, seed=3)
    assert (
        fit_network(
            resumed, rows, targets, chosen, context, validation, LoopOptions(after_step=count)
        )
        == epoch
    )
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    # the step that was under way is taken again
    assert taken == steps - killed_after + 1


def test_another_training_is_not_gone_on_from(tmp_path: Path) -> None:
    rows, targets = data()
    fit_network(network(), rows, targets, settings(), resumable(tmp_path, seed=3))
    fresh, resumed = network(), network()
    chosen = settings(learning_rate=0.01)
    fit_network(fresh, rows, targets, chosen, Context(seed=3))
    fit_network(resumed, rows, targets, chosen, resumable(tmp_path, seed=3))
    np.testing.assert_array_equal(weights(resumed), weights(fresh))
