"""Batches shared by processes that torchrun starts: what they learn is what one process learns."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from shelfwise.core.types import Floats
from shelfwise.nn.threads import torch_threads

PROGRAM = Path(__file__).with_name("shared_training.py")

Results = Mapping[str, Floats]


def by_processes(count: int, folder: Path) -> Results:
    """What the program gives on so many processes."""
    path = folder / "results.npz"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, f"--nproc-per-node={count}", PROGRAM, path],
        env={**os.environ, "OMP_NUM_THREADS": "1", "SHELFWISE_DEVICE": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def alone() -> Results:
    with torch_threads(1):
        return runpy.run_path(str(PROGRAM))["results"]()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return by_processes(2, tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("name", ["plain", "mirrored", "tuned", "outputs"])
def test_two_processes_learn_what_one_learns(alone: Results, shared: Results, name: str) -> None:
    np.testing.assert_allclose(shared[name], alone[name], atol=2e-5)


def test_dropout_is_drawn_anew_but_the_same_command_gives_the_same_bits(
    alone: Results, shared: Results
) -> None:
    np.testing.assert_array_equal(shared["dropout again"], shared["dropout"])
    assert np.abs(shared["dropout"] - alone["dropout"]).max() > 1e-3


def test_a_killed_training_goes_on_to_the_same_bits(alone: Results, shared: Results) -> None:
    for results in (alone, shared):
        np.testing.assert_array_equal(results["dropout resumed"], results["dropout"])


def test_running_statistics_are_those_of_the_whole_batch(alone: Results, shared: Results) -> None:
    mean, variance, *frozen = np.split(shared["statistics"], [5, 10])
    its_mean, its_variance, *its_frozen = np.split(alone["statistics"], [5, 10])
    np.testing.assert_allclose(mean, its_mean, atol=1e-6)
    # what shares' means differ by is no part of a share's own variance
    np.testing.assert_allclose(variance, its_variance, rtol=0.01)
    assert not np.array_equal(variance, np.ones(5))
    np.testing.assert_array_equal(frozen, its_frozen)


@pytest.mark.slow
def test_three_uneven_shares(alone: Results, tmp_path: Path) -> None:
    results = by_processes(3, tmp_path)
    for name in ("plain", "mirrored", "tuned", "outputs"):
        np.testing.assert_allclose(results[name], alone[name], atol=2e-5)
