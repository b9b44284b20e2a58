"""Memory that is free goes back to the system, also where large blocks are kept for reuse."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
from pathlib import Path
import numpy as np
from shelfwise.nn.memory import give_back_memory, tune_malloc

def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

tune_malloc()
blocks = [np.ones(1 << 17) for _ in range(100)]
kept = blocks[::10]
del blocks
before = resident()
give_back_memory()
print(before - resident())
assert all(block.all() for block in kept)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such call")
def test_free_pieces_between_kept_ones_are_given_back() -> None:
    # a process of its own: the setting is of the whole process
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # nine of ten megabytes were free, and of a hundred
    assert int(done.stdout) > 80 << 20
