"""Files of arrays that are there whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from shelfwise.errors import StorageError


def write_arrays(
    path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file under another name, flush it to the disk, and rename it to `path`.

    Raises:
        StorageError: the disk refuses (full, quota, permission); what stood at `path` is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        save_file(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()},
            temporary,
            dict(metadata or {}),
        )
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.rename(path)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f"could not write {path}: {error}; free some space or choose another folder"
        ) from error


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays and the metadata of a safetensors file.

    Raises:
        StorageError: the file is not whole.
    """
    try:
        with safe_open(path, "np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise StorageError(f"{path} is not a whole safetensors file: {error}") from error


def _write(path: Path, parts: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("w", encoding="utf-8") as file:
        file.writelines(parts)
    temporary.rename(path)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
