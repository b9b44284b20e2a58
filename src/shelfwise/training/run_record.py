"""What a run writes down about itself: versions, settings, fingerprints of the data and timings."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pyarrow as pa
from scipy.sparse import csr_array, vstack

from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.catalog.statistics import catalog_statistics
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.libraries import installed_version
from shelfwise.nn.device import device_facts
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.dataset import PreparedData

LIBRARIES = ("torch", "timm", "transformers", "numpy", "scikit-learn", "pyarrow", "safetensors")


def describe_run(data: PreparedData, config: Config, checkpoints: Checkpoints) -> dict[str, Any]:
    """Everything of results.json that is known before the test products are scored."""
    # A library that is not installed is recorded as None, not left out.
    device = device_facts()
    versions = {name: installed_version(name) for name in LIBRARIES}
    return {
        "shelfwise": version("shelfwise"),
        "preset": config.preset,
        "seed": config.seed,
        # the only line that differs between two runs of one command, beside times
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": config.dump(),
        "versions": {"python": platform.python_version(), **versions},
        "machine": {
            "cpus": os.cpu_count(),
            "system": platform.system(),
            "processor": platform.machine(),
            "device": device["name"],
            "device_requested": device["requested"],
        },
        "data": _describe_data(data),
        "timings": [
            {"stage": name, "seconds": seconds} for name, seconds in checkpoints.seconds.items()
        ],
    }


def _describe_data(data: PreparedData) -> dict[str, Any]:
    """Sizes, fingerprints and statistics of all products, training and test."""
    training_set = data.training_set
    reading = data.readings["catalog"].reading
    tables = [training_set.catalog.table, data.test.table]
    # the two files may differ in their further columns: what one lacks is null there
    everything = Catalog(
        pa.concat_tables(tables, promote_options="default"), training_set.catalog.root
    )
    parts = [csr_array(training_set.targets), csr_array(data.test_targets)]
    targets = csr_array(vstack(parts, format="csr"))
    statistics = catalog_statistics(everything, targets, data.labels.names)
    return {
        "source": data.readings["catalog"].catalog.source,
        "fingerprint": training_set.catalog.fingerprint(),
        "test_fingerprint": data.test.fingerprint(),
        "quarantined": {name: len(reading.quarantine) for name, reading in data.readings.items()},
        "quarantine_kinds": {
            name: _kinds(reading.quarantine) for name, reading in data.readings.items()
        },
        "reading": [*reading.evidence, *reading.rivals],
        "notes": dict(data.readings["catalog"].notes),
        "labels": len(data.labels.names),
        "train": len(training_set.train),
        "validation": len(training_set.validation),
        "test": len(data.test),
        "left_out": dict(data.left_out),
        "corrections": None if data.corrected is None else data.corrected.to_dict(),
        **statistics.to_dict(),
    }


def _kinds(quarantine: Sequence[Quarantined]) -> dict[str, int]:
    """Kind of fault -> number of records, the commonest first."""
    return dict(Counter(record.kind for record in quarantine).most_common())
