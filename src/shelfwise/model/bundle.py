"""A model on disk: arrays, JSON and a sha256 manifest; whole or not there, verified at load, never a pickle.

Layout: ``MODEL/{config.json, labels.json, SECTION.json, SECTION.safetensors, ..., MANIFEST.json}``.
``MODEL/report/`` is for people and not part of the manifest: it may be opened, moved or deleted.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shelfwise.core.files import read_arrays, sha256_of_file, write_arrays
from shelfwise.core.types import State
from shelfwise.errors import BundleError, StorageError
from shelfwise.model.bundle_upgrade import keep_segmentation, upgrade

FORMAT = 2
"""Format 1 is read too, see :mod:`shelfwise.model.bundle_upgrade`."""
MANIFEST = "MANIFEST.json"
REPORT = "report"

_RESTORE = "restore it from a copy or train again"


@dataclass(frozen=True)
class Bundle:
    """A model's parts as plain values.

    Args:
        config: the settings it was trained with.
        labels: the L label names, in the order of every (N, L) array.
        facts: thresholds, the final system, versions and whatever else is JSON.
        sections: one state per fitted object, by name.
        attachments: further files, by name, which must not end in .json or .safetensors.
    """

    config: Mapping[str, Any]
    labels: tuple[str, ...]
    facts: Mapping[str, Any]
    sections: Mapping[str, State]
    attachments: Mapping[str, bytes] = field(default_factory=dict)


def save_bundle(
    bundle: Bundle, folder: Path, write_report: Callable[[Path], object] | None = None
) -> None:
    """Write `bundle` to `folder`, replacing an older model there only once the new one is complete.

    Raises:
        BundleError: `folder` exists and is not a model, or the disk refuses the write. An old model is then
            untouched.
    """
    check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".writing", dir=folder.parent))
    try:
        _write_json(new / "config.json", bundle.config)
        _write_json(new / "labels.json", list(bundle.labels))
        _write_json(new / "facts.json", bundle.facts)
        for name, state in bundle.sections.items():
            write_state(state, new / name)
        for name, content in bundle.attachments.items():
            (new / name).write_bytes(content)
        # The report is for people: it is neither in the manifest nor verified.
        files = sorted(path for path in new.iterdir() if path.is_file())
        manifest = {"format": FORMAT, "files": {path.name: sha256_of_file(path) for path in files}}
        if write_report is not None:
            write_report(new / REPORT)
        # The manifest comes last: a folder that has one has everything that it names.
        for path in files:
            _fsync(path)
        _write_json(new / MANIFEST, manifest)
        _fsync(new / MANIFEST)
        _fsync(new)
        # mkdtemp gives its folders to their owner alone
        new.chmod(0o755)
        _replace(new, folder)
    except (OSError, StorageError) as error:
        raise BundleError(
            f"could not write the model to {folder}: {error}; what stood there before is unchanged"
        ) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def load_bundle(folder: Path) -> Bundle:
    """Read and verify the model in `folder`.

    Raises:
        BundleError: no model there, or a file that is missing, added or changed since it was saved.
    """
    manifest = _verify(folder)
    attached: list[str] = []
    stems: set[str] = set()
    for name in manifest["files"]:
        if Path(name).suffix in (".json", ".safetensors"):
            stems.add(Path(name).stem)
        else:
            attached.append(name)
    stems -= {"config", "labels", "facts"}
    bundle = Bundle(
        config=_read_json(folder / "config.json"),
        labels=tuple(_read_json(folder / "labels.json")),
        facts=_read_json(folder / "facts.json"),
        sections={stem: read_state(folder / stem) for stem in sorted(stems)},
        attachments={name: (folder / name).read_bytes() for name in attached},
    )
    if manifest["format"] != FORMAT:
        config, facts, sections = upgrade(bundle.config, bundle.facts, bundle.sections)
        bundle = replace(bundle, config=config, facts=facts, sections=sections)
    return replace(bundle, config=keep_segmentation(bundle.config, bundle.facts))


def check_target(folder: Path) -> None:
    """Refuse, before any work is done, a folder that is something else than a model or empty."""
    if not folder.exists() or (folder / MANIFEST).is_file():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise BundleError(
            f"{folder} exists and is not a shelfwise model; choose another folder or remove it"
        )


def write_state(state: State, stem: Path) -> None:
    """Write `stem`.json and, where there are arrays, `stem`.safetensors."""
    _write_json(stem.with_name(stem.name + ".json"), state.facts)
    if state.arrays:
        write_arrays(stem.with_name(stem.name + ".safetensors"), state.arrays)


def read_state(stem: Path) -> State:
    """The state that :func:`write_state` wrote."""
    arrays = stem.with_name(stem.name + ".safetensors")
    values = read_arrays(arrays)[0] if arrays.exists() else {}
    return State(values, _read_json(stem.with_name(stem.name + ".json")))


def _verify(folder: Path) -> dict[str, Any]:
    """The manifest of the model in `folder`, once every file is known to be the one that was saved."""
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(
            f"{folder} is not a shelfwise model: it has no {MANIFEST}; "
            f"train one with: shelfwise train CATALOG --out {folder}"
        )
    manifest: dict[str, Any] = _read_json(path)
    known = isinstance(manifest, dict) and manifest.get("format") in (1, FORMAT)
    if not known or not isinstance(manifest.get("files"), dict):
        raise BundleError(
            f"{path} is not a manifest of format 1 or {FORMAT}; the model was saved by a newer shelfwise, "
            "or is none: train it again, or install that version"
        )
    # The manifest has no checksum of its own: it must be written exactly as this code writes it.
    if path.read_bytes() != _json(manifest).encode():
        raise BundleError(f"{path} was changed after the model was saved; {_RESTORE}")
    changed = f"the model {folder} was changed after it was saved"
    found = {file.name for file in folder.iterdir() if file.name not in (MANIFEST, REPORT)}
    for name in sorted(found ^ manifest["files"].keys()):
        state = "missing" if name not in found else "not part of the model"
        raise BundleError(f"{changed}: {name} is {state}; {_RESTORE}")
    for name, digest in manifest["files"].items():
        if sha256_of_file(folder / name) != digest:
            raise BundleError(f"{changed}: {name} is not what was written; {_RESTORE}")
    return manifest


def _replace(new: Path, folder: Path) -> None:
    """Put the folder `new` in the place of `folder`; what stood there is back where it was if that fails."""
    old = folder.with_name(f".{folder.name}.old")
    if folder.exists():
        # a run that was killed here has left an old model behind
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        with suppress(OSError):
            old.rename(folder)
        raise
    # the new name itself must be on the disk before the old model goes
    _fsync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(_json(value), "utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read as JSON: {error}") from error
