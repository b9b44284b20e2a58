"""The benchmarks of speed: their harness, and that ours and the rival do the same work."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def benchmark(name: str) -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def timing() -> ModuleType:
    return benchmark("timing")


@pytest.fixture(scope="module")
def benchmark_of_growth() -> ModuleType:
    return benchmark("growth")


def test_ratios_are_of_runs_that_stood_side_by_side(timing):
    runs = {
        "a": [{"seconds": 1.0}, {"seconds": 2.0}, {"failure": "broke"}],
        "b": [{"seconds": 3.0}, {"seconds": 4.0}, {"seconds": 9.0}],
    }
    assert timing.ratios(runs, "a", "b", "seconds") == {"median": 2.5, "least": 2.0, "most": 3.0}
    assert timing.ratios(runs, "a", "b", "of nothing") is None


def test_times_of_a_phase_add_up(timing):
    clock = timing.Clock()
    for _ in range(2):
        assert clock.time("sum", lambda: sum(range(200_000))) == 19_999_900_000
    assert clock.figures["cpu_sum"] > 0
    assert clock.figures["seconds_sum"] > 0


def test_memory_is_seen(timing):
    """In a process of its own: this one may have been larger before."""
    lines = [
        "import numpy, timing",
        "before = timing.peak_memory()",
        "numpy.ones(30_000_000)",
        "print(timing.peak_memory() - before)",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=Path(timing.__file__).parent,
        capture_output=True,
        check=True,
    )
    assert int(done.stdout) > 200_000_000


def test_a_child_gives_its_last_line_or_the_reason_it_has_none(timing):
    python = sys.executable
    assert timing.run_child([python, "-c", "print('noise'); print('{\"x\": 1}')"], 1, 1) == {"x": 1}
    assert "exit code 3" in timing.run_child([python, "-c", "raise SystemExit(3)"], 1, 1)["failure"]
    assert (
        "ValueError: why"
        in timing.run_child([python, "-c", "raise ValueError('why')"], 1, 1)["failure"]
    )
    assert (
        "not done"
        in timing.run_child([python, "-c", "import time; time.sleep(60)"], 1, 0.01)["failure"]
    )


def test_a_threshold_is_not_tuned_on_the_products_it_is_measured_on(timing):
    scores = np.array([[0.9], [0.1], [0.2], [0.9]])
    assert (
        timing.tuned_micro_f1(scores, np.array([[1], [1], [0], [0]])) == 0
    )  # of the even ones 0.9 is right, of the odd ones 0.1
    assert timing.tuned_micro_f1(scores, np.array([[1], [0], [0], [1]])) == 1


def test_counting_finds_what_scikit_learn_finds(tmp_path):
    command = [
        sys.executable,
        BENCHMARKS / "counting.py",
        "--scale",
        "0.001",
        "--labels",
        "20",
        "--repeats",
        "1",
        "--threads",
        "1",
    ]
    subprocess.run([*command, "--out", tmp_path], check=True, capture_output=True, timeout=120)
    (ours,), (theirs,) = json.loads((tmp_path / "counting.json").read_text("utf-8"))[
        "runs"
    ].values()
    for name in (
        "micro_f1",
        "macro_f1",
        "hamming_loss",
        "best_f1",
        "labels_f1",
        "lrap",
        "ndcg_at_5",
        "map_labels",
        "map_micro",
    ):
        assert ours[name] == pytest.approx(theirs[name]), name
    assert ours["peak_mib"] > 10


def test_launches_and_waits_are_counted():
    weights, rows = torch.ones(4, 2, requires_grad=True), torch.ones(8, 4)

    def work(epochs):
        for _ in range(epochs):
            # a product and a sum; a view and a new tensor are nothing
            float((rows.T.mT @ weights).view(-1).detach().sum())
            torch.empty(3)

    launches = benchmark("kernel_launches")
    once, twice = launches.counted(work, 1), launches.counted(work, 2)
    assert {name: twice[name] - once[name] for name in once} == {"launches": 2, "waits": 1}


def test_a_share_of_the_work_stands_for_all_of_it(timing):
    clock, whole = timing.Clock(), timing.Clock()
    for one, share in ((clock, 0.001), (whole, 1.0)):
        one.time("sum", lambda: sum(range(500_000)), share)
    assert clock.figures["cpu_sum"] > 50 * whole.figures["cpu_sum"]


def test_growth_measures_a_point_from_a_file_on():
    point = json.dumps({"products": 60, "labels": 7, "members": 2})
    command = [
        sys.executable,
        BENCHMARKS / "growth.py",
        "--child",
        "shelfwise",
        "--point",
        point,
        "--threads",
        "1",
    ]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    phases = {name.removeprefix("cpu_") for name in found if name.startswith("cpu_")}
    assert phases == {"read", "prepare", "fit", "predict", "ridge", "policy", "decide"}
    assert 0 < found["micro_f1"] <= 1


def test_an_exponent_of_one_is_growth_in_proportion(benchmark_of_growth):
    points = [
        {"cpu_fit": 2.0, "cpu_read": 1.0, "seconds_fit": 9.0},
        {"cpu_fit": 20.0, "cpu_read": 100.0},
    ]
    found = benchmark_of_growth.exponents([10, 100], points)
    assert found == pytest.approx({"cpu_fit": 1.0, "cpu_read": 2.0, "cpu_in_all": 1.602}, abs=1e-3)
    assert benchmark_of_growth.exponents([10, 100], [{"failure": "memory"}, points[1]]) == {}


@pytest.mark.slow
def test_stacking_is_measured_from_the_same_scores_on_both_sides(tmp_path):
    from shelfwise.catalog.sample import write_sample

    catalog = write_sample(tmp_path / "sample", 300, images=False)
    source = BENCHMARKS.parent / "src"
    script = str(BENCHMARKS / "stacking.py")
    further = ["--before", str(source), "--out", str(tmp_path / "out")]
    subprocess.run([sys.executable, script, str(catalog), *further], check=True)
    (found,) = (tmp_path / "out").glob("stacking-*.json")
    runs = json.loads(found.read_text("utf-8"))["runs"]
    (ours,), (before,) = runs["ours"], runs["before"]
    # the same code on both sides: the same decisions, whatever they cost
    for figure in ("micro_f1_0.5", "micro_f1_tuned", "macro_f1_tuned"):
        assert ours[figure] == before[figure] > 0.3
