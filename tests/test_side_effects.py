"""The library leaves the settings of the process as they were: warnings, torch's threads, the allocator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shelfwise.cli import terminal
from shelfwise.nn import memory

SCRIPT = """
import json, os, pkgutil, sys, threading, warnings
import PIL.Image, numpy, sklearn, scipy.sparse, timm, torch, transformers, optuna, pyarrow

sample, changes = sys.argv[1], json.loads(sys.argv[2])
torch.set_num_threads(3)
filters, environment = list(warnings.filters), dict(os.environ)

import shelfwise
for found in pkgutil.walk_packages(shelfwise.__path__, "shelfwise."):
    if not found.name.endswith("__main__"):
        __import__(found.name)
assert list(warnings.filters) == filters, "importing changed the warnings filters"

from shelfwise.nn import memory
def refuse():
    raise AssertionError("the library set the allocator")
class Library:
    def malloc_trim(self, kept):
        return 0  # what is free goes back to the system, and no setting changes
    def __getattr__(self, name):
        refuse()
memory.ctypes.CDLL = lambda *arguments: Library()
memory.tune_malloc = refuse

categorizer = shelfwise.Categorizer("paper", changes).fit(sample)
categorizer.predict_proba(sample)

counts = [torch.get_num_threads()]
new_thread = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
new_thread.start()
new_thread.join()
assert counts == [3, 3], counts
assert list(warnings.filters) == filters, "fitting changed the warnings filters"
assert dict(os.environ) == environment
"""


def test_importing_fitting_and_predicting_change_nothing_of_the_process(
    sample: Path, quick: dict[str, Any], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", SCRIPT, str(sample), json.dumps(quick)]
    environment = {**os.environ, "SHELFWISE_CACHE": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_line_sets_the_allocator_of_its_own_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(memory, "tune_malloc", lambda: calls.append("tuned"))
    with terminal.terminal_context():
        assert calls == ["tuned"]
