"""What a run writes down of itself: versions, settings, fingerprints of the data and timings."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pyarrow as pa

from shelfwise.catalog.statistics import catalog_statistics
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.model.model import Model
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.dataset import PreparedData

LIBRARIES = ("torch", "timm", "transformers", "numpy", "scikit-learn", "pyarrow", "safetensors")


def describe_run(model: Model, task: PreparedData, config: Config, stages: Checkpoints) -> dict[str, Any]:
    """Everything of results.json that is known before the test products are scored."""
    lesson, reading = task.lesson, task.readings["catalog"]
    everything = Catalog(
        pa.concat_tables([lesson.catalog.table, task.test.table], promote_options="default"),
        lesson.catalog.root,
    )
    statistics = catalog_statistics(
        everything, np.concatenate([lesson.targets, task.test_targets]), task.labels.names
    )
    return {
        "shelfwise": version("shelfwise"),
        "preset": config.preset,
        "seed": config.seed,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": config.dump(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in LIBRARIES}},
        "machine": {"cpus": os.cpu_count(), "system": platform.system(), "processor": platform.machine()},
        "data": {
            "source": reading.catalog.source,
            "fingerprint": lesson.catalog.fingerprint(),
            "test_fingerprint": task.test.fingerprint(),
            "quarantined": {name: len(r.quarantine) for name, r in task.readings.items()},
            "labels": len(task.labels.names),
            "train": len(lesson.train),
            "validation": len(lesson.validation),
            "test": len(task.test),
            "left_out": dict(task.left_out),
            "corrections": None if task.corrected is None else task.corrected.to_dict(),
            **statistics.to_dict(),
        },
        "timings": [{"stage": name, "seconds": seconds} for name, seconds in stages.seconds.items()],
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
