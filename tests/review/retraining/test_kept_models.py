"""Versions of a model beside the one in use: a kill while one takes its place leaves one of them, whole."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shelfwise.errors import BundleError, StorageError
from shelfwise.model.bundle_reader import manifest_text
from shelfwise.review.retraining.kept_models import (
    digest_of,
    keep_new,
    kept_models,
    models_folder,
    put_in_place,
)


def write_model(folder: Path, name: str, size: int = 1000) -> str:
    """A folder that is told apart as a model is; its digest."""
    folder.mkdir(parents=True)
    weights = name.encode() * size
    (folder / "weights.safetensors").write_bytes(weights)
    files = {"weights.safetensors": hashlib.sha256(weights).hexdigest()}
    manifest = {"format": 2, "name": name, "files": files}
    (folder / "MANIFEST.json").write_text(manifest_text(manifest))
    found = digest_of(folder)
    assert found is not None
    return found


def name_in(model: Path) -> bytes:
    """Whose weights a folder has."""
    return (model / "weights.safetensors").read_bytes()[:1]


def test_the_old_model_lies_beside_before_the_new_one_is_in_place(tmp_path: Path) -> None:
    model = tmp_path / "model"
    old = write_model(model, "a")
    new = write_model(tmp_path / "new", "b")
    kept = keep_new(tmp_path / "new", model)
    assert put_in_place(kept, model, old).parent == models_folder(model)
    assert (digest_of(model), name_in(model)) == (new, b"b")
    assert {one.digest for one in kept_models(model)} == {old, new}
    # and back
    [first] = [one for one in kept_models(model) if one.digest == old]
    put_in_place(first.folder, model, new)
    assert (digest_of(model), name_in(model)) == (old, b"a")
    assert len(kept_models(model)) == 2


def test_links_and_pipes_among_the_kept_models_are_passed_over(tmp_path: Path) -> None:
    model = tmp_path / "model"
    write_model(tmp_path / "elsewhere", "a")
    place = models_folder(model)
    write_model(place / "kept", "b")
    (place / "link").symlink_to(tmp_path / "elsewhere")
    (place / "circle").symlink_to(place / "circle")
    (place / "pipe").mkdir()
    # nobody writes into it: whoever opens it waits
    os.mkfifo(place / "pipe" / "MANIFEST.json")
    assert [one.folder.name for one in kept_models(model)] == ["kept"]


def test_the_same_training_again_is_kept_once(tmp_path: Path) -> None:
    model = tmp_path / "model"
    write_model(model, "a")
    for _ in range(2):
        write_model(tmp_path / "new", "b")
        keep_new(tmp_path / "new", model)
    assert len(kept_models(model)) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("damage", ["a changed byte", "a pipe", "a link to nowhere"])
def test_a_damaged_model_does_not_take_the_place_of_a_whole_one(
    tmp_path: Path, damage: str
) -> None:
    model = tmp_path / "model"
    old = write_model(model, "a")
    write_model(tmp_path / "new", "b")
    kept = keep_new(tmp_path / "new", model)
    weights = kept / "weights.safetensors"
    content = weights.read_bytes()
    weights.unlink()
    if damage == "a changed byte":
        weights.write_bytes(b"c" + content[1:])
    elif damage == "a pipe":
        os.mkfifo(weights)
    else:
        weights.symlink_to(tmp_path / "nowhere")
    with pytest.raises(BundleError):
        put_in_place(kept, model, old)
    assert (digest_of(model), name_in(model)) == (old, b"a")
    assert not list(tmp_path.glob(".*writing"))


def test_what_is_not_as_expected_is_not_replaced(tmp_path: Path) -> None:
    model = tmp_path / "model"
    old = write_model(model, "a")
    write_model(tmp_path / "new", "b")
    kept = keep_new(tmp_path / "new", model)
    with pytest.raises(StorageError, match="another program has replaced"):
        put_in_place(kept, model, "of another model")
    (model / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"notes\.txt"):
        put_in_place(kept, model, old)
    assert (digest_of(model), name_in(model)) == (old, b"a")


SWAPS = """
import sys
from pathlib import Path
from shelfwise.review.retraining.kept_models import digest_of, kept_models, put_in_place
model = Path(sys.argv[1])
print("begin", flush=True)
while True:
    here = digest_of(model)
    other = next(one for one in kept_models(model) if one.digest != here)
    put_in_place(other.folder, model, here)
"""


def test_a_kill_at_any_time_leaves_one_model_whole(tmp_path: Path) -> None:
    model = tmp_path / "model"
    old = write_model(model, "a", 400_000)
    write_model(tmp_path / "new", "b", 400_000)
    kept = keep_new(tmp_path / "new", model)
    put_in_place(kept, model, old)
    for number in range(5):
        pipe = subprocess.PIPE
        with subprocess.Popen([sys.executable, "-c", SWAPS, str(model)], stdout=pipe) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.05 * number)
            os.kill(process.pid, signal.SIGKILL)
        digest = digest_of(model)
        assert digest is not None
        # the weights are those of the manifest
        assert f'"name": "{name_in(model).decode()}"' in (model / "MANIFEST.json").read_text()
        assert len(set((model / "weights.safetensors").read_bytes())) == 1
        assert len({one.digest for one in kept_models(model)}) == 2
    # the next one to write there takes away what the killed ones left
    other = next(one for one in kept_models(model) if one.digest != digest_of(model))
    put_in_place(other.folder, model, digest_of(model) or "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model.models"]
