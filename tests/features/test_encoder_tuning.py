"""Tuning an encoder: every text once an epoch, texts of about one length together, and what a kill costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shelfwise.core.types import Context, Floats, Rows
from shelfwise.features.encoder_tuning import TuningSettings, _batches_by_length, fine_tune
from shelfwise.nn.seeding import torch_seed
from tests.killed_loops import Killed, resumable


def test_every_text_is_in_one_batch_and_batches_are_even() -> None:
    lengths = np.random.default_rng(0).integers(1, 128, 400)
    batches = list(_batches_by_length(lengths, 16, np.random.default_rng(1)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(400))
    spread = np.mean([np.ptp(lengths[rows]) for rows in batches])
    assert spread < 12, "random batches spread over more than 100 tokens"


def test_batches_come_in_random_order_that_the_seed_decides() -> None:
    lengths = np.arange(300)
    one, same, other = (
        [rows.tolist() for rows in _batches_by_length(lengths, 10, np.random.default_rng(seed))]
        for seed in (1, 1, 2)
    )
    assert one == same != other
    first = [rows[0] for rows in one]
    assert first != sorted(first)


@dataclass
class Texts:
    """Rows of numbers as batches, of which only so many are given."""

    rows: Floats
    left: int = 10**9

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        if self.left == 0:
            raise Killed
        self.left -= 1
        return (torch.from_numpy(self.rows[rows]),)


@pytest.mark.parametrize("killed_after", [1, 7, 8, 23])
def test_a_killed_tuning_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    monkeypatch.setattr("shelfwise.core.loop_checkpoints.MOST_TIME", np.inf)
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(64, 5)).astype(np.float32)
    targets = (rows[:, :2] > 0).astype(np.float32)
    lengths = draw.integers(3, 30, 64)
    settings = TuningSettings(epochs=3, batch_size=8)

    def tuned(texts: Texts, context: Context) -> Floats:
        with torch_seed(0):
            encoder = nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.1), nn.ReLU())
            network = nn.Sequential(encoder, nn.Linear(8, 2))
        fine_tune(network, encoder, texts, lengths, targets, settings, context)
        return np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])

    whole = tuned(Texts(rows), Context(seed=2))
    with pytest.raises(Killed):
        tuned(Texts(rows, killed_after), resumable(tmp_path, seed=2))
    # 24 steps in all: only what is left is learnt
    resumed = tuned(Texts(rows, 24 - killed_after), resumable(tmp_path, seed=2))
    np.testing.assert_array_equal(resumed, whole)
