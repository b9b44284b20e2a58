"""A model on disk: arrays, JSON and a sha256 manifest; whole or not there, verified at load, never a pickle.

Layout: ``MODEL/{config.json, labels.json, SECTION.json, SECTION.safetensors, ..., MANIFEST.json}``.
``MODEL/report/`` is for people and not part of the manifest: it may be opened, moved or deleted.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shelfwise.core.types import State
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import sha256_of_file, write_arrays
from shelfwise.disk.folders import replacing_folder
from shelfwise.errors import BundleError, StorageError
from shelfwise.model.bundle_reader import MANIFEST, REPORT, FolderReader, manifest_text, read_folder
from shelfwise.model.bundle_upgrade import keep_segmentation, upgrade
from shelfwise.model.signature import SIGNATURE, write_signature

FORMAT = 2
"""Format 1 is read too, see :mod:`shelfwise.model.bundle_upgrade`."""

REMEMBERING = frozenset({"nearest_neighbours", "neighbours", "out_of_fold"})
"""Sections that grow with the training catalogue, and that no label depends on.

Format 1 calls the first one by its second name.
"""

REPORT_FILES = (
    r"(results|before_after|migration)\.(json|md)|.*\.(html|svg)|"
    r"(quarantine|refused)(\.\w+)?\.jsonl"
)
"""Names of the files of a report."""


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


def model_folder(folder: Any) -> Path:
    """The path of a model, as the Python interface takes it.

    Raises:
        BundleError: it is neither text nor a path.
    """
    if not isinstance(folder, str | Path):
        kind = type(folder).__name__
        raise BundleError(f"a model is a folder, and this is of the type {kind}; give its path")
    return Path(folder)


def save_bundle(bundle: Bundle, folder: Path) -> None:
    """Write `bundle` to `folder`, replacing an older model there only once the new one is complete.

    Raises:
        BundleError: `folder` exists and is not a model, or the disk refuses the write. An old model is then
            untouched.
        StorageError: another run is writing `folder`.
    """
    check_target(folder)
    with claimed(folder):
        write_bundle(bundle, folder)


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """As :func:`save_bundle`, for the holder of the claim on `folder`.

    Raises:
        BundleError: as there.
    """
    # once more: a training takes long, and somebody may have put files there meanwhile
    check_target(folder)
    try:
        with replacing_folder(folder) as new:
            _write_json(new / "config.json", bundle.config)
            _write_json(new / "labels.json", list(bundle.labels))
            _write_json(new / "facts.json", bundle.facts)
            for name, state in bundle.sections.items():
                _write_state(state, new / name)
            for name, content in bundle.attachments.items():
                (new / name).write_bytes(content)
            files = sorted(new.iterdir())
            digests = {path.name: sha256_of_file(path) for path in files}
            # the manifest comes last: a folder that has one has everything that it names
            _write_json(new / MANIFEST, {"format": FORMAT, "files": digests})
    except (OSError, StorageError) as error:
        raise BundleError(
            f"could not write the model to {folder}: {error}; what stood there before is unchanged"
        ) from error


def load_bundle(folder: Path, labels_only: bool = False) -> Bundle:
    """Read and verify the model in `folder`: one version of it, even while it is replaced.

    Args:
        labels_only: leave out what only remembers the training: neighbours and out-of-fold scores. Their
            files are neither read nor verified. Members and systems that the final one does not use are
            left out, too.

    Raises:
        BundleError: no model there, or a file that is missing, added or changed since it was saved.
    """
    return read_folder(folder, _read_labelling if labels_only else _read_bundle)


def sign_bundle(folder: Path, private_key: Path) -> dict[str, str]:
    """Sign the model in `folder`, after its files were verified.

    Returns:
        Where the signature is, and the sha256 of the public key that belongs to it, in hex.

    Raises:
        BundleError: no model there, or a file that is missing, added or changed since it was saved.
        ConfigError: the key cannot be read or is of another kind.
        PluginError: the extra ``sign`` is not installed.
        StorageError: another run is writing `folder`, or the disk refuses.
    """
    manifest = read_folder(folder, _verified_manifest, signed_already=False)
    return write_signature(folder, manifest, private_key)


def _verified_manifest(reader: FolderReader) -> bytes:
    """The manifest of an open folder of which every file is what was written."""
    _read_bundle(reader)
    return reader.manifest


def _read_bundle(reader: FolderReader) -> Bundle:
    """The bundle in an open folder."""
    return _read(reader, frozenset())


def _read_labelling(reader: FolderReader) -> Bundle:
    """The part of the bundle in an open folder that gives labels."""
    # older facts have other names; such a model is read as a whole but for what remembers
    unused: set[tuple[str, str]] = set()
    if reader.format == FORMAT:
        unused = _unused(reader.object("facts.json"))
    bundle = _read(reader, REMEMBERING | {f"{kind}.{name}" for kind, name in unused})
    if not unused:
        return bundle
    members = [name for name in bundle.facts["members"] if ("member", name) not in unused]
    systems = bundle.facts["systems"]
    used = {name: systems[name] for name in systems if ("system", name) not in unused}
    return replace(bundle, facts={**bundle.facts, "members": members, "systems": used})


def _unused(facts: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The members and systems that the final system does without, as kind and name."""
    final = facts.get("decide_with")
    systems = facts.get("systems")
    # an exported model has neither; what is no model is refused by whoever reads it further
    if "members" not in facts or not isinstance(systems, dict):
        return set()
    members = {("member", name) for name in facts["members"]}
    used = {("member", name) for name in systems.get(final, [final])}
    others = {("system", name) for name in systems if name != final}
    return (members - used) | others


def _read(reader: FolderReader, without: AbstractSet[str]) -> Bundle:
    attached: list[str] = []
    stems: set[str] = set()
    for name in reader.digests:
        if Path(name).suffix in (".json", ".safetensors"):
            stems.add(Path(name).stem)
        else:
            attached.append(name)
    # every other pair of files is the state of one part
    stems -= {"config", "labels", "facts"} | without
    bundle = Bundle(
        config=reader.object("config.json"),
        labels=_labels(reader),
        facts=reader.object("facts.json"),
        sections={stem: reader.state(stem) for stem in sorted(stems)},
        attachments={name: reader.read(name) for name in attached},
    )
    try:
        return _of_today(bundle, reader.format)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise reader.unfit(
            "config.json", f"the settings of a training ({type(error).__name__}: {error})"
        ) from error


def _of_today(bundle: Bundle, written_in: int) -> Bundle:
    """A bundle as today's version would have written it."""
    if written_in != FORMAT:
        config, facts, sections = upgrade(bundle.config, bundle.facts, bundle.sections)
        bundle = replace(bundle, config=config, facts=facts, sections=sections)
    return replace(bundle, config=keep_segmentation(bundle.config, bundle.facts))


def _labels(reader: FolderReader) -> tuple[str, ...]:
    """The label names. A list with one name twice would give one label the scores of another."""
    names = reader.json("labels.json")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise reader.unfit("labels.json", "a list of label names")
    if not names:
        raise reader.unfit("labels.json", "at least one label name")
    if len(set(names)) < len(names):
        raise reader.unfit("labels.json", "each label name once")
    return tuple(names)


def check_target(folder: Path) -> None:
    """Refuse, before any work is done, a folder that is something else than a model or empty.

    Raises:
        BundleError: it is; or it is a model to which somebody has added files, which would be lost.
    """
    # replacing it, or a folder above it, would leave this process in a folder that is gone
    if Path.cwd().is_relative_to(os.path.realpath(folder)):
        raise BundleError(
            f"{folder} is the folder this command runs in, or holds it; choose the name of a new folder"
        )
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / MANIFEST).is_file()):
        raise BundleError(
            f"{folder} exists and is not a shelfwise model; choose another folder or remove it"
        )
    if others := _other_files(folder):
        raise BundleError(
            f"{folder} has files that are not the model's and would be lost: {', '.join(others[:3])}; "
            "move them, or choose another folder"
        )


def _other_files(folder: Path) -> list[str]:
    """What lies in a model folder that no version of it has written."""
    found = sorted(path.name for path in folder.iterdir())
    ours = {MANIFEST, REPORT, SIGNATURE, *_manifest_names(folder)}
    found = [name for name in found if name not in ours]
    report = folder / REPORT
    if report.is_dir():
        names = sorted(path.name for path in report.iterdir())
        # older versions have left other files in it
        known = re.compile(REPORT_FILES)
        found += [f"{REPORT}/{name}" for name in names if not known.fullmatch(name)]
    return found


def _manifest_names(folder: Path) -> list[str]:
    """The files that a model's manifest names; those of any model where it is damaged."""
    try:
        return list(json.loads((folder / MANIFEST).read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        endings = (".json", ".safetensors", ".onnx")
        return [path.name for path in folder.iterdir() if path.suffix in endings]


def _write_state(state: State, stem: Path) -> None:
    """Write `stem`.json and, where there are arrays, `stem`.safetensors."""
    _write_json(stem.with_name(stem.name + ".json"), state.facts)
    if state.arrays:
        write_arrays(stem.with_name(stem.name + ".safetensors"), state.arrays)


def _write_json(path: Path, value: Any) -> None:
    # facts name files, whose names need not be UTF-8
    path.write_text(manifest_text(value), "utf-8", "backslashreplace")
