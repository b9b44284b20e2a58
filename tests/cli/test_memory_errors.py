"""A want of memory ends in a sentence, whichever library reports it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from shelfwise.cli import main
from shelfwise.cli.memory_errors import memory_sentence

Command = Callable[..., subprocess.CompletedProcess[str]]

# more than any machine has
BYTES = 1 << 50


def too_much_of_python() -> None:
    raise MemoryError


def too_much_of_numpy() -> None:
    np.empty(BYTES, np.uint8)


def too_much_of_arrow() -> None:
    pa.allocate_buffer(BYTES)


def too_much_of_torch() -> None:
    torch.empty(BYTES, dtype=torch.uint8)


@pytest.mark.parametrize(
    "allocate", [too_much_of_python, too_much_of_numpy, too_much_of_arrow, too_much_of_torch]
)
def test_a_command_for_which_the_memory_does_not_suffice_says_so(
    allocate: Callable[[], None],
    command: Command,
    sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shelfwise.commands.inspect.inspect_catalog", lambda *_: allocate())
    done = command("inspect", sample, "--out", tmp_path / "look", "--json")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: there is not enough memory")
    assert "do less at once" in json.loads(done.stdout)["error"]


def test_a_library_that_there_is_no_room_for_is_one() -> None:
    said = "libtorch_cpu.so: failed to map segment from shared object"
    assert "(libtorch_cpu.so: failed" in (memory_sentence(ImportError(said)) or "")
    assert memory_sentence(ImportError("cannot import name 'x' from 'y'")) is None


def test_other_errors_are_not_taken_for_it() -> None:
    assert memory_sentence(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    assert memory_sentence(torch.OutOfMemoryError("CUDA out of memory.")) is not None
    assert main._is_of_arrow(pa.ArrowMemoryError("malloc failed"))
