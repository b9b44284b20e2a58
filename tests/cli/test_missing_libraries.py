"""A library that is not installed ends a command in a sentence, wherever it is missed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


def refuse_import(name: str) -> Callable[..., NoReturn]:
    def missing(*_: object) -> NoReturn:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    return missing


def test_a_missing_library_is_told(
    command: Command, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shelfwise.commands.inspect.inspect_catalog", refuse_import("torch.nn"))
    for json_wanted in ((), ("--json",)):
        done = command("inspect", sample, "--out", tmp_path / "look", *json_wanted)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("error: the library 'torch' is not installed; ")
    assert json.loads(done.stdout)["kind"] == "ModuleNotFoundError"


def test_a_missing_module_of_ours_is_a_fault(
    command: Command, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shelfwise.commands.inspect.inspect_catalog", refuse_import("shelfwise.x"))
    with pytest.raises(ModuleNotFoundError, match=r"shelfwise\.x"):
        command("inspect", sample, "--out", tmp_path / "look", "--json")
