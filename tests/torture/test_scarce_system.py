"""Folders one may not write, little shared memory, few open files, and a clock that jumps."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.torture.commands import Commands
from tests.torture.conftest import leftovers, manifest, public_folder, some_of, train
from tests.torture.test_full_disk import SMALL_DISK, contents, verbs

pytestmark = pytest.mark.torture

NOBODY = 65_534


@pytest.fixture
def ordinary() -> Iterator[Commands]:
    """Commands of an ordinary user in a folder of its own: this one, or for root one who owns nothing."""
    prefix: list[str] = []
    with public_folder() as name:
        own = Path(name) / "own"
        own.mkdir()
        if os.geteuid() == 0:
            if shutil.which("setpriv") is None:
                pytest.skip("root can be no ordinary user here: there is no setpriv")
            prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            os.chown(own, NOBODY, NOBODY)
        commands = Commands(own, prefix, HOME=str(own))
        yield commands
        commands.end()


@pytest.mark.parametrize("whose", ["read-only", "another's"])
def test_folders_that_one_may_not_write(
    whose: str, ordinary: Commands, shop: Path, seen: Callable[[str], None]
) -> None:
    out = ordinary.folder.parent / "out"
    shutil.copytree(shop / "old", out / "model")
    if whose == "another's" and os.geteuid() != 0:
        pytest.skip("only root can make another's folder")
    if whose == "read-only" and os.geteuid() == 0:
        os.chown(out, NOBODY, NOBODY)
    out.chmod(0o555)
    before = contents(out)
    for name, verb in verbs(shop, out).items():
        sentence = ordinary.run(*verb).sentence()
        assert "ermission" in sentence or "cannot" in sentence, f"{name}: {sentence}"
        assert contents(out) == before
    # what may be read can be used
    done = ordinary.run(
        "predict", out / "model", shop / "new.jsonl", "--out", ordinary.folder / "labels.jsonl"
    )
    assert done.code == 0, done.said
    out.chmod(0o755)
    seen(
        f"{len(verbs(shop, out))} commands refused in a sentence, nothing changed; models there load"
    )


def test_small_shared_memory(shop: Path, tmp_path: Path, seen: Callable[[str], None]) -> None:
    trial = subprocess.run([*SMALL_DISK, "true"], capture_output=True, check=False)
    if trial.returncode != 0:
        pytest.skip("the system lets this user mount nothing, not even for itself")
    script = 'mount -t tmpfs -o size=64k none /dev/shm && exec "$0" "$@"'
    commands = Commands(tmp_path, [*SMALL_DISK, "sh", "-c", script])
    done = commands.run(*train(shop, "new", tmp_path / "model"))
    assert done.code == 0, done.said
    assert manifest(tmp_path / "model") == manifest(shop / "new")
    done = commands.run("predict", shop / "new", shop / "new.jsonl", "--out", tmp_path / "l.jsonl")
    assert done.code == 0, done.said
    commands.end()
    seen("64 KiB of /dev/shm: train and predict end well, the model has the same bytes")


def test_few_open_files(
    commands: Commands, shop: Path, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    sentences: list[str] = []
    out = shutil.copytree(shop / "old", tmp_path / "model")
    labels = tmp_path / "labels.jsonl"
    predict = ["predict", shop / "new", shop / "new.jsonl", "--out", labels]
    for most in some_of((256, 64, 32, 20, 12, 8, 6, 4)):
        before = manifest(out)
        limits = {"RLIMIT_NOFILE": most}
        trained = commands.run(*train(shop, "new", out), limits=limits).succeeded_or_refused()
        assert manifest(out) == (manifest(shop / "new") if trained else before)
        predicted = commands.run(*predict, limits=limits).succeeded_or_refused()
        ends = ["done" if well else "refused" for well in (trained, predicted)]
        sentences.append(f"{most}: train {ends[0]}, predict {ends[1]}")
    # removing a folder takes open files too; what could not be removed, the next run removes
    assert commands.run(*train(shop, "new", out)).code == 0
    assert manifest(out) == manifest(shop / "new")
    assert commands.run(*predict).code == 0
    assert not leftovers(tmp_path, "model", "labels.jsonl")
    seen("; ".join(sentences))


def test_a_clock_that_jumps(
    commands: Commands, shop: Path, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    out = shutil.copytree(shop / "old", tmp_path / "model")
    budget = ["--budget", "1h"]
    for number in range(5):
        done = commands.run(*train(shop, "new", out), clock=True)
        assert done.code == 0, done.said
        assert manifest(out) == manifest(shop / "new"), f"training {number}"
    done = commands.run(*train(shop, "new", tmp_path / "within"), *budget, clock=True)
    assert done.code == 0, done.said
    assert "not ready" not in done.said
    done = commands.run(
        "predict", out, shop / "new.jsonl", "--out", tmp_path / "labels.jsonl", clock=True
    )
    assert done.code == 0, done.said
    seen(
        "every 50 ms the clock jumps, up to ten years to and fro: 5 trainings have the same bytes, one "
        "with a time budget and a prediction end well"
    )
