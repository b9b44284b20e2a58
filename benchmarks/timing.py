"""What the benchmarks of speed share.

Ours and the rivals run in turn, each in a process of its own, and the ratio is given with its spread. A
benchmark is a script of which ``SCRIPT --child SYSTEM ...`` does the work of one system. It prints its
figures, made with :class:`Clock`, as the last line. Memory is the most that the child held.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from command_line import described

T = TypeVar("T")
Runs = dict[str, list[dict[str, Any]]]
"""By system, the figures of each run; a run that failed has only ``failure``."""
FOLDER = Path("build/bench")
STATUS = Path("/proc/self/status")


# --- in the child ---


class Clock:
    """Figures of one system: wall and processor seconds for each phase, facts, and the peak of memory."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {}

    def time(self, phase: str, work: Callable[[], T], share: float = 1.0) -> T:
        """The result of `work`; its time is added to `phase`.

        It is divided by `share`, where only this share of the phase's work is done.
        """
        wall, cpu = time.perf_counter(), processor_seconds()
        result = work()
        for name, spent in (
            ("seconds", time.perf_counter() - wall),
            ("cpu", processor_seconds() - cpu),
        ):
            self.figures[f"{name}_{phase}"] = (
                self.figures.get(f"{name}_{phase}", 0.0) + spent / share
            )
        return result

    def note(self, **facts: Any) -> None:
        """Facts that go with the times."""
        self.figures |= facts

    def finish(self) -> None:
        """Print the figures for the parent."""
        print(json.dumps({**self.figures, "peak_mib": peak_memory() / (1 << 20)}), flush=True)


def processor_seconds() -> float:
    """Of this process and of those it started and saw end."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


def peak_memory() -> int:
    """The largest resident memory so far, in bytes, of this process or of an ended one that it started.

    The two are not summed: what is known of a started process begins at the size of the one that started it.
    """
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    if STATUS.exists():  # for the same reason not what getrusage says of this process
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return max(int(line.split()[1]) * 1024, started)
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, started)


def peak_gflops(size: int = 2048, seconds: float = 1.0) -> float:
    """What the machine multiplies now, in 10^9 operations a second.

    The best square float32 matrix product of those that fit in `seconds`.
    """
    import torch

    a, best, end = torch.rand(size, size), 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end or not best:
        begin = time.perf_counter()
        a @ a
        best = max(best, 2 * size**3 / (time.perf_counter() - begin) / 1e9)
    return best


def tuned_micro_f1(scores: Any, targets: Any) -> float:
    """Micro-F1 of every other product, at the one of 97 thresholds that is best for the rest.

    Needs no shelfwise, so that rivals' environments can call it.
    """

    def f1(some: slice, threshold: float) -> float:
        given, wanted = scores[some] >= threshold, targets[some] > 0
        return (
            2
            * float(np.count_nonzero(given & wanted))
            / max(np.count_nonzero(given) + np.count_nonzero(wanted), 1)
        )

    tuned = max(np.linspace(0.02, 0.98, 97), key=lambda threshold: f1(slice(0, None, 2), threshold))
    return f1(slice(1, None, 2), tuned)


# --- in the parent ---


def parser(description: str | None, scale: float, repeats: int = 3) -> argparse.ArgumentParser:
    """The options every benchmark has; `scale` is the default, 1 the size that results are stated for."""
    made = described(description)
    made.add_argument("--scale", type=float, default=scale, help="share of the full size")
    made.add_argument("--repeats", type=int, default=repeats)
    made.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    made.add_argument("--out", type=Path, default=FOLDER, help="folder for the JSON file")
    made.add_argument("--child", help=argparse.SUPPRESS)
    return made


def in_turn(
    script: str,
    systems: Mapping[str, Sequence[Any]],
    options: argparse.Namespace,
    minutes: float = 60,
) -> Runs:
    """Every system once, then every system again, as often as `options` say.

    Args:
        script: the benchmark, run anew for each.
        systems: name -> interpreter (None: this one) followed by further arguments.
    """
    runs: Runs = {name: [] for name in systems}
    for _ in range(options.repeats):
        for name, (interpreter, *further) in systems.items():
            command = [
                interpreter or sys.executable,
                script,
                "--child",
                name,
                "--scale",
                options.scale,
                "--threads",
                options.threads,
                *further,
            ]
            runs[name].append(run_child([str(part) for part in command], options.threads, minutes))
    return runs


def run_child(command: Sequence[str], threads: int, minutes: float) -> dict[str, Any]:
    """The figures that a child prints last, or why it gave none."""
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    environment |= dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)
    )
    if command[0] != sys.executable:
        environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=minutes * 60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failure": f"not done after {minutes:g} minutes"}
    if done.returncode:
        return {
            "failure": f"exit code {done.returncode}: {' '.join(done.stderr.strip().splitlines()[-1:])[:300]}"
        }
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def environment(name: str, requirements: Sequence[str], folder: Path = Path("build/peers")) -> Path:
    """The Python of a rival's virtual environment.

    It is made on first use, and again when its requirements have changed.
    """
    place, wanted = (folder / name).absolute(), "\n".join(requirements)
    made = place / "made-of.txt"
    if not (made.exists() and made.read_text("utf-8") == wanted):
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        subprocess.run(
            [
                place / "bin" / "python",
                "-m",
                "pip",
                "install",
                "--quiet",
                *filter(None, requirements),
            ],
            env=outside,
            check=True,
        )
        made.write_text(wanted, "utf-8")
    return place / "bin" / "python"


def ratios(runs: Runs, ours: str, theirs: str, figure: str) -> dict[str, float] | None:
    """How many times `theirs` is `ours`, pair by pair: the median, the smallest and the largest.

    None where a run lacks the figure.
    """
    pairs = zip(runs[ours], runs[theirs], strict=True)
    found = sorted(b[figure] / a[figure] for a, b in pairs if a.get(figure) and b.get(figure))
    return (
        {"median": statistics.median(found), "least": found[0], "most": found[-1]}
        if found
        else None
    )


def write(
    name: str,
    options: argparse.Namespace,
    runs: Runs,
    compared: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Print the medians of every system and what was `compared`, and write all of it to NAME.json."""
    print(f"== {name}, scale {options.scale:g}, {options.threads} threads")
    for system, found in runs.items():
        good = [run for run in found if "failure" not in run]
        for failure in sorted({run["failure"] for run in found if "failure" in run}):
            print(f"  {system}: {failure}")
        shown = {
            key: statistics.median(run[key] for run in good)
            for key in (good[0] if good else {})
            if is_number(good[0][key])
        }
        print(f"  {system}: " + ", ".join(f"{key} {value:,.4g}" for key, value in shown.items()))
    for key, value in compared.items():
        spread = (
            f"{value['median']:.2f} ({value['least']:.2f} to {value['most']:.2f})"
            if isinstance(value, dict)
            else value
        )
        print(f"  {key}: {spread}")
    options.out.mkdir(parents=True, exist_ok=True)
    settings = {
        "scale": options.scale,
        "repeats": options.repeats,
        "threads": options.threads,
        "machine": platform.machine(),
    }
    whole = {
        "name": name,
        **settings,
        "versions": versions(),
        "compared": compared,
        "facts": dict(facts or {}),
        "runs": runs,
    }
    (options.out / f"{name}.json").write_text(
        json.dumps(whole, indent=1, default=float) + "\n", "utf-8"
    )


def is_number(value: Any) -> bool:
    """A figure, neither a text nor a list."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def versions() -> dict[str, str]:
    """What the figures depend on."""
    return {"python": platform.python_version(), "numpy": np.__version__}
