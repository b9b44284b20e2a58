"""Logistic regressions learnt from files, against the exact solver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from shelfwise.core.loop_checkpoints import LoopCheckpoints
from shelfwise.core.types import Context, Progress
from shelfwise.nn.linear import logistic_in_batches as batches
from shelfwise.nn.linear.linear_weights import LinearWeights
from shelfwise.nn.linear.logistic_in_batches import fit_logistic_in_batches
from shelfwise.nn.linear.one_vs_rest import LinearOptions, fit_one_vs_rest
from shelfwise.nn.linear.row_shards import RowShards
from tests.killed_loops import Killed


@dataclass(frozen=True)
class CountingContext(Context):
    """Counts the steps that are announced and those that are told."""

    counted: dict[str, int] = field(default_factory=lambda: {"announced": 0, "told": 0})

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Progress]:
        self.counted["announced"] += total
        yield self

    def advance(self, steps: int = 1) -> None:
        self.counted["told"] += steps


@pytest.fixture(scope="module")
def problem() -> tuple[sp.csr_array, sp.csr_array]:
    """Rows (3000, 60) of length 1, and targets (3000, 6) that hang on them; one product in ten is wrong."""
    draw = np.random.default_rng(1)
    rows = sp.random_array((3000, 60), density=0.1, format="csr", dtype=np.float32, rng=draw)
    lengths = np.sqrt(np.asarray(rows.power(2).sum(axis=1)))
    rows = sp.csr_array(rows.multiply(1 / np.maximum(lengths, 1e-9)[:, None]), dtype=np.float32)
    wanted = rows @ draw.standard_normal((60, 6)) > 0.5
    wanted ^= draw.random(wanted.shape) < 0.1
    return rows, sp.csr_array(wanted.astype(np.float32))


def learnt(
    rows: sp.csr_array, targets: sp.csr_array, seed: int = 0, context: Context | None = None
) -> LinearWeights:
    shards = RowShards(*rows.shape, seed)
    for start in range(0, rows.shape[0], 700):
        shards.append(rows[start : start + 700])
    return fit_logistic_in_batches(
        shards, targets, 1.0, positive_weight=2.0, context=context or Context(seed=seed)
    )


def test_answers_are_nearly_those_of_the_exact_solver(
    problem: tuple[sp.csr_array, sp.csr_array], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, targets = problem
    monkeypatch.setattr(batches, "_BATCH", 50)
    truth = targets[2000:].toarray() > 0
    exact = fit_one_vs_rest(rows[:2000], targets[:2000].toarray(), LinearOptions(1.0, 2.0))
    model = learnt(rows[:2000], targets[:2000])
    of_exact = ((exact.logits(rows[2000:]) > 0) == truth).mean()
    right = ((model.logits(rows[2000:]) > 0) == truth).mean()
    # without any input 0.64 are right
    assert of_exact > 0.8
    assert right > of_exact - 0.01


def test_blocks_of_labels_change_nothing_but_rounding(
    problem: tuple[sp.csr_array, sp.csr_array], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, targets = problem
    together = learnt(rows, targets)
    # two labels at a time
    monkeypatch.setattr(batches, "_CELLS_PER_BLOCK", 120)
    apart = learnt(rows, targets)
    assert np.allclose(together.weights.toarray(), apart.weights.toarray(), atol=1e-4)
    assert np.allclose(together.bias, apart.bias, atol=1e-4)


def test_the_same_seed_gives_the_same_weights(
    problem: tuple[sp.csr_array, sp.csr_array],
) -> None:
    first, again, other = (learnt(*problem, seed=seed).weights.toarray() for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_label_of_no_product_is_not_given(problem: tuple[sp.csr_array, sp.csr_array]) -> None:
    rows, targets = problem
    nobody = sp.csr_array(sp.hstack([targets, sp.csr_array((3000, 1))]), dtype=np.float32)
    assert (learnt(rows, nobody).logits(rows)[:, -1] < -3).all()


def test_no_inputs_leave_the_bias() -> None:
    targets = sp.csr_array(np.eye(40, 2, dtype=np.float32))
    model = learnt(sp.csr_array((40, 0), dtype=np.float32), targets)
    assert model.weights.shape == (0, 2)
    assert (model.bias < -2).all()


def test_progress_tells_as_many_steps_as_were_announced(
    problem: tuple[sp.csr_array, sp.csr_array], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_CELLS_PER_BLOCK", 120)
    context = CountingContext()
    learnt(*problem, context=context)
    assert context.counted["told"] == context.counted["announced"] > 0


@pytest.mark.parametrize("killed_after", [1, 11, 25, 50, 120])
def test_a_killed_training_goes_on_to_the_same_bits(
    problem: tuple[sp.csr_array, sp.csr_array],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_after: int,
) -> None:
    monkeypatch.setattr("shelfwise.core.loop_checkpoints.MOST_TIME", np.inf)
    # two labels at a time, and several shards
    monkeypatch.setattr(batches, "_CELLS_PER_BLOCK", 120)
    monkeypatch.setattr("shelfwise.nn.linear.row_shards.ROWS_PER_SHARD", 700)
    whole = learnt(*problem)
    read: list[int] = []
    real = RowShards.read

    def counted(shards: RowShards, shard: int) -> Any:
        if len(read) == killed_after:
            raise Killed
        read.append(shard)
        return real(shards, shard)

    def begun() -> Context:
        loops = LoopCheckpoints(tmp_path)
        loops.begin("member.text")
        return CountingContext(loops=loops)

    monkeypatch.setattr(RowShards, "read", counted)
    with pytest.raises(Killed):
        learnt(*problem, context=begun())
    monkeypatch.setattr(RowShards, "read", real)
    context = begun()
    resumed = learnt(*problem, context=context)
    assert np.array_equal(resumed.weights.toarray(), whole.weights.toarray())
    assert np.array_equal(resumed.bias, whole.bias)
    assert context.counted["told"] == context.counted["announced"]  # type: ignore[attr-defined]
