"""The models beside the one in use: each version in a folder of its own, so that any can be brought back.

``MODEL.models/`` has a folder for every version, named after the beginning of its digest. MODEL itself is a
copy of one of them, and is only ever replaced as a whole.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shelfwise.disk.claims import claimed
from shelfwise.disk.files import sha256_of_file
from shelfwise.disk.folders import replacing_folder
from shelfwise.errors import BundleError, StorageError
from shelfwise.model.bundle import check_target
from shelfwise.model.bundle_reader import MANIFEST, REPORT, FolderReader, read_folder

DIGEST_LETTERS = 12
"""Of a digest, in the name of a folder."""


@dataclass(frozen=True)
class KeptModel:
    """A version that lies beside the model in use.

    Args:
        digest: the sha256 of its manifest.
        size: of its files, in bytes.
        saved_at: when it was written, to the second.
    """

    folder: Path
    digest: str
    size: int
    saved_at: str


def models_folder(model: Path) -> Path:
    """Where the versions of a model lie: beside what its name leads to."""
    real = Path(os.path.realpath(model))
    return real.with_name(f"{real.name}.models")


def digest_of(model: Path) -> str | None:
    """The sha256 of a model's manifest, which tells versions apart; None where there is no model."""
    manifest = model / MANIFEST
    try:
        # a pipe would be waited for
        return sha256_of_file(manifest) if manifest.is_file() else None
    except OSError:
        return None


def training_seconds(model: Path) -> float | None:
    """How long the training of a model took; None where its report does not tell."""
    try:
        found = json.loads((model / REPORT / "results.json").read_bytes())["seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(found) if isinstance(found, int | float) else None


def kept_models(model: Path) -> list[KeptModel]:
    """The versions beside a model, the latest first."""
    place = models_folder(model)
    if not place.is_dir():
        return []
    found = []
    for folder in place.iterdir():
        # what a link leads to may be another model by the time it is taken
        if folder.is_symlink():
            continue
        digest = digest_of(folder)
        # by its content, not by its name: somebody may have renamed it
        if digest is None or folder.name.startswith("."):
            continue
        files = [path for path in folder.rglob("*") if path.is_file()]
        saved = datetime.fromtimestamp((folder / MANIFEST).stat().st_mtime, UTC)
        size = sum(path.stat().st_size for path in files)
        found.append(KeptModel(folder, digest, size, saved.isoformat(timespec="seconds")))
    return sorted(found, key=lambda one: one.saved_at, reverse=True)


def keep_new(new: Path, model: Path) -> Path:
    """Move a model that was just trained to its place beside `model`; where it lies then.

    Raises:
        BundleError: there is no model in `new`.
    """
    digest = digest_of(new)
    if digest is None:
        raise BundleError(f"{new} is not a shelfwise model; train it again")
    place = models_folder(model) / digest[:DIGEST_LETTERS]
    place.parent.mkdir(exist_ok=True)
    # the same data and settings give the same model
    if digest_of(place) == digest:
        shutil.rmtree(new)
    else:
        new.rename(place)
    return place


def put_in_place(kept: Path, model: Path, expected: str) -> Path:
    """Let `model` be a copy of `kept`. A kill at any point leaves the old or the new one, whole.

    Args:
        expected: the digest of what stands at `model` now.

    Returns:
        Where the old model is kept.

    Raises:
        StorageError: another program has replaced `model` meanwhile, or writes it now.
        BundleError: there is no disk left, people have put files into the folder, or `kept` was damaged
            since it was looked at.
    """
    check_target(model)
    with claimed(model):
        if digest_of(model) != expected:
            fix = "load it first, then compare again"
            raise StorageError(f"another program has replaced {model} meanwhile; {fix}")
        try:
            old = models_folder(model) / expected[:DIGEST_LETTERS]
            # the way back is there before anything changes
            if digest_of(old) != expected:
                # what a kill has left of an earlier copy goes
                with claimed(old):
                    _copy(model, old)
            _copy(kept, model)
        except OSError as error:
            raise BundleError(
                f"the model could not be put in the place of {model}: {error}; it is as it was"
            ) from error
    return old


def _copy(source: Path, target: Path) -> None:
    """Let `target` be a copy of a model, in one step.

    Raises:
        BundleError: a file of the copy is not what was written.
    """
    with replacing_folder(target) as new:
        shutil.copytree(source, new, dirs_exist_ok=True)
        # what was damaged meanwhile must not take the place of a model that works
        read_folder(new, _read_all, signed_already=False)


def _read_all(reader: FolderReader) -> None:
    for name in reader.digests:
        reader.read(name)
