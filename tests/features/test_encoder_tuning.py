"""Batches for tuning: every text once an epoch, texts of about one length together."""

from __future__ import annotations

import numpy as np

from shelfwise.features.encoder_tuning import _batches_by_length


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
