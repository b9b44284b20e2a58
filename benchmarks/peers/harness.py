"""What every rival's run.py shares: reading the task, timing the work, writing the predictions.

Standard library and NumPy only.

Dimensions: N products, L labels.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
T = TypeVar("T")
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Inputs:
    """The fields of N products; a missing text is "", a missing image None, every other image a path."""

    ids: list[str]
    titles: list[str]
    descriptions: list[str]
    images: list[str | None]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def texts(self) -> list[str]:
        """Title and description as one text."""
        return [
            f"{title} {description}".strip()
            for title, description in zip(self.titles, self.descriptions, strict=True)
        ]


@dataclass(frozen=True)
class Examples:
    """Products with their targets (N, L), float32 of 0 and 1."""

    inputs: Inputs
    targets: Floats

    @property
    def label_ids(self) -> list[list[str]]:
        """Each product's labels as numbers in words.

        Names may hold spaces and commas, at which some rivals split.
        """
        return [[str(column) for column in np.flatnonzero(row)] for row in self.targets]


@dataclass(frozen=True)
class PreparedData:
    """What a rival is given. The test products come later, to be predicted, and without their targets.

    Args:
        train: to learn from.
        validation: for early stopping; the threshold is tuned on these products afterwards, by the benchmark.
            Empty where it is known already.
        variant: which of the systems that share this run.py is meant.
        folder: the whole task on disk, see preparing.py.
        fold: which of its divisions this is.
    """

    train: Examples
    validation: Examples
    variant: str
    folder: Path
    fold: int
    seed: int = 0

    def whole(self) -> PreparedData:
        """The same with nothing kept back for validation."""
        names, inputs = (
            ("ids", "titles", "descriptions", "images"),
            (self.train.inputs, self.validation.inputs),
        )
        joined = Inputs(*(getattr(inputs[0], name) + getattr(inputs[1], name) for name in names))
        train = Examples(joined, np.concatenate([self.train.targets, self.validation.targets]))
        return replace(
            self,
            train=train,
            validation=Examples(Inputs([], [], [], []), self.validation.targets[:0]),
        )


@dataclass(frozen=True)
class Fitted:
    """A fitted rival: how it predicts scores (N, L) in [0, 1], and facts for its row.

    Facts with a meaning: ``note`` (in words), ``threshold`` (its own, in place of one tuned on validation),
    ``seconds_fit`` and ``cpu_fit`` (in place of what was measured, where the fit was done before).
    """

    predict: Callable[[Inputs], Floats]
    facts: dict[str, Any] = field(default_factory=dict)


def main(fit: Callable[[PreparedData], Fitted], package: str, refit: bool = True) -> None:
    """Run one rival on one fold: ``run.py TASK FOLD OUT VARIANT`` leaves OUT/scores.npz and OUT/facts.json.

    As a careful user would: fit with a part kept back, see there which threshold is best, then fit once more
    on everything.

    Args:
        package: the rival's distribution, whose version is reported.
        refit: whether to fit once more; not what stops early on validation, or has a threshold of its own.
    """
    folder, fold, out, variant = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    task, test = read_task(folder, fold, variant)

    def learn() -> tuple[Fitted, Floats]:
        fitted = fit(task)
        validation = fitted.predict(task.validation.inputs)
        return (fit(task.whole()) if refit else fitted), validation

    (fitted, validation), fitting = timed(learn, "fit")
    scores, predicting = timed(lambda: fitted.predict(test), "predict")
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out / "scores.npz", validation=validation.astype(np.float32), test=scores.astype(np.float32)
    )
    facts = {
        **fitting,
        **predicting,
        "peak_memory": peak_memory(),
        "version": f"{package} {version(package)}",
        **fitted.facts,
    }
    (out / "facts.json").write_text(json.dumps(facts), "utf-8")


def read_task(folder: Path, fold: int, variant: str = "") -> tuple[PreparedData, Inputs]:
    """One division of the task that preparing.py wrote, and its test products."""
    with (folder / "products.jsonl").open(encoding="utf-8") as lines:
        products = [json.loads(line) for line in lines]
    targets, rows = np.load(folder / "targets.npz")["targets"], np.load(folder / f"fold{fold}.npz")

    def inputs(part: str) -> Inputs:
        chosen = [products[row] for row in rows[part]]
        columns = ([p[name] for p in chosen] for name in ("id", "title", "description", "image"))
        return Inputs(*columns)

    def examples(part: str) -> Examples:
        return Examples(inputs(part), targets[rows[part]].astype(np.float32))

    return PreparedData(examples("train"), examples("validation"), variant, folder, fold), inputs(
        "test"
    )


def timed(work: Callable[[], T], name: str) -> tuple[T, dict[str, float]]:
    """The result of `work`, and its seconds: by the clock, and of all processors, also in child processes."""
    wall, cpu = time.perf_counter(), processor_seconds()
    result = work()
    return result, {
        f"seconds_{name}": time.perf_counter() - wall,
        f"cpu_{name}": processor_seconds() - cpu,
    }


def processor_seconds() -> float:
    """Of this process and of the child processes that have ended."""
    return sum(os.times()[:4])


def peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes."""
    if (
        STATUS.exists()
    ):  # what getrusage says begins at the size of the process that started this one
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def sigmoid(values: NDArray[Any]) -> Floats:
    """Decision values to scores: 0 becomes 0.5, and the order stays."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))), np.float32)
