"""``shelfwise sign``, and ``--public-key`` before other verbs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "model")


def test_a_model_is_refused_until_it_is_signed(
    command: Command, model: Path, keys: tuple[Path, Path]
) -> None:
    private, public = keys
    asked = ("--public-key", public, "similar", model, "--title", "Mug", "--json")
    done = command(*asked)
    assert done.returncode == 2
    assert "is not signed, but a signature by the key" in done.stderr
    signed = command("sign", model, "--key", private, "--json")
    assert signed.returncode == 0, signed.stderr
    told = json.loads(signed.stdout)
    assert told["model"] == str(model)
    assert Path(told["signature"]).stat().st_size == 64
    assert len(told["public_key"]) == 64
    done = command(*asked)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["similar"]


def test_a_wrong_key_is_one_sentence(
    command: Command, model: Path, keys: tuple[Path, Path]
) -> None:
    done = command("sign", model, "--key", keys[1])
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "is not a private key in PEM format; make one with: openssl genpkey" in done.stderr


def test_a_comparison_that_could_not_end_well_is_refused_first(
    command: Command, model: Path, sample: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "new"
    done = command("--public-key", keys[1], "train", sample, "--out", out, "--compare-with", model)
    assert done.returncode == 2
    assert "which nobody has signed yet" in done.stderr
    assert not out.exists()
