"""``shelfwise train`` on two processes of torchrun: one model, that of one process, and clean ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from shelfwise.cli.main import app
from shelfwise.errors import ConfigError, DeviceError
from shelfwise.nn.distributed import process_group

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")

SETTINGS = """
preset = "quick"
decide_with = "blend"
refit = false
labels = {{ min_count = 8 }}
evaluation = {{ bootstrap = 20 }}
stacking = {{ folds = 2 }}

[members.image]
modality = "image"
field = "image"
[members.image.settings]
backbone = "test_vit"
weights = "random"
train_last = 12
flip = true
training = {{ epochs = {epochs}, batch_size = 50 }}

[members.sentences]
modality = "text_transformer"
field = "title"
[members.sentences.settings]
encoder = "{encoder}"
train_last = 1
training = {{ epochs = 2 }}
tuning = {{ epochs = 1 }}
"""
"""A vision transformer has no batch norms, so that two processes learn what one learns."""


@pytest.mark.parametrize("verb", ["predict", "evaluate", "serve"])
def test_other_verbs_are_refused(monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = CliRunner().invoke(app, [verb, "model", "catalog"])
    assert isinstance(result.exception, ConfigError)
    assert "only train and compare" in str(result.exception)


def test_processes_on_several_machines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(DeviceError, match="one machine"), process_group():
        pass


@pytest.fixture
def start(
    tmp_path: Path, sample: Path, make_encoder: Callable[..., Path]
) -> Callable[..., subprocess.Popen[str]]:
    """Begins a training in the folder `tmp_path`."""
    encoder = make_encoder(
        tmp_path / "encoder", ["mug", "lamp", "red", "blue", "cotton"], longest=128
    )

    def begin(out: str, *words: str, epochs: int = 2) -> subprocess.Popen[str]:
        settings = tmp_path / f"{out}.toml"
        settings.write_text(SETTINGS.format(epochs=epochs, encoder=encoder))
        verb = ["-m", "shelfwise", "train", str(sample), "--out", str(tmp_path / out)]
        own = {
            "OMP_NUM_THREADS": "1",
            "SHELFWISE_DEVICE": "cpu",
            # one for each: what is encoded by fewer processes may differ in the last bit
            "SHELFWISE_CACHE": str(tmp_path / "caches" / out),
        }
        return subprocess.Popen(
            [sys.executable, *words, *verb, "--config", str(settings)],
            env={**os.environ, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


def finished(process: subprocess.Popen[str]) -> str:
    """What it printed."""
    printed, told = process.communicate(timeout=400)
    assert process.returncode == 0, told
    return printed


def saved(model: Path) -> dict[str, bytes]:
    """All files of a model but its report, which tells seconds."""
    return {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()}


@pytest.mark.slow
def test_two_processes_write_the_one_model_of_one(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    finished(start("alone"))
    printed = finished(start("shared", *TORCHRUN))
    finished(start("again", *TORCHRUN))
    assert printed.count("final system") == 1
    assert saved(tmp_path / "shared") == saved(tmp_path / "again")
    # the sentence encoder draws dropout, and each process its own
    alone, shared = (
        load_file(tmp_path / model / "member.image.safetensors") for model in ("alone", "shared")
    )
    for name, value in alone.items():
        np.testing.assert_allclose(shared[name], value, atol=1e-4, err_msg=name)
    # neither claims nor stages nor unfinished folders
    left = {path.name for path in tmp_path.iterdir() if not path.name.endswith(".toml")}
    assert left == {"alone", "shared", "again", "caches", "encoder"}


def pids_with(word: str) -> dict[int, dict[str, str]]:
    """The environment of every process that has `word` on its command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if word not in (folder / "cmdline").read_text():
                continue
            lines = (folder / "environ").read_text().split("\0")
        except OSError:
            continue
        found[int(folder.name)] = dict(line.split("=", 1) for line in lines if "=" in line)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")
def test_a_killed_process_ends_the_training_and_the_old_model_stands(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    finished(start("model", *TORCHRUN))
    before = saved(tmp_path / "model")
    process = start("model", *TORCHRUN, epochs=100_000)
    # the members before the image are there, so it is the image that is trained
    deadline = time.monotonic() + 300
    while not list((tmp_path / "model.partial").glob("member.tabular*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(2)
    processes = pids_with(str(tmp_path / "model"))
    [second] = [pid for pid, environment in processes.items() if environment.get("RANK") == "1"]
    os.kill(second, signal.SIGKILL)
    _, told = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "SIGKILL" in told
    assert saved(tmp_path / "model") == before
    assert not pids_with(str(tmp_path / "model"))
