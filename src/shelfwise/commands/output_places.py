"""Where verbs may write: never into a model, and never over what another verb or a person has written."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from shelfwise.errors import StorageError
from shelfwise.model.bundle_reader import MANIFEST

MODEL_FILES = (MANIFEST, "labels.json")
"""By which the folder of a model is known."""


def check_no_model(out: Path) -> None:
    """Refuse to write a file or folder into a model, which would then be refused as changed.

    Raises:
        StorageError: `out` is a model, or lies below one.
    """
    # not Path.resolve, which ends at links that lead to themselves
    place = Path(os.path.realpath(out))
    for folder in (place, *place.parents):
        if all((folder / name).is_file() for name in MODEL_FILES):
            raise StorageError(
                f"{out} is in the model {folder}, which whatever is added makes unusable; "
                "choose another place to write to"
            )


def check_output_folder(out: Path, own: Collection[str], others: Collection[str]) -> None:
    """Refuse to fill a folder with files that would replace what is not an earlier run's of the same verb.

    Args:
        out: the folder; it need not be there.
        own: names that only this verb gives its files. One of them tells an earlier run.
        others: names that other verbs, and people, give theirs as well.

    Raises:
        StorageError: `out` is a file, is in a model, cannot be written, or has a file of `others` and none
            of `own`.
    """
    check_no_model(out)
    _check_writable(out)
    if not out.exists():
        return
    if not out.is_dir():
        raise StorageError(f"{out} is a file, and a folder is needed; choose another name")
    # an earlier run of this verb may be written over
    if any((out / name).exists() for name in own):
        return
    taken = [name for name in others if (out / name).exists()]
    if taken:
        raise StorageError(
            f"{out} has a file {taken[0]} that this command did not write and would replace; "
            "choose another folder"
        )


def _check_writable(out: Path) -> None:
    """Refuse a folder that cannot be made or written, before the work for it is done; raises StorageError."""
    place = Path(os.path.realpath(out))
    # the first folder that is there is the one in which others are made
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if there.is_dir() and not os.access(there, os.W_OK | os.X_OK):
        raise StorageError(
            f"cannot write {out}: the folder {there} may not be written; choose another place"
        )
