"""Files that are there whole or not at all: text, JSON and arrays."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from shelfwise.disk.folders import make_folders
from shelfwise.errors import StorageError


def temporary_name(path: Path) -> Path:
    """A name beside `path` for what is not finished; no two runs ever share one."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.writing")


def arrow_path(path: Path) -> str:
    """The path as Arrow takes it for one: it takes ``~`` for a home, and ``a:b`` for an address.

    >>> arrow_path(Path("/shop/2026:11.parquet"))
    '/shop/2026:11.parquet'
    """
    return os.path.abspath(path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; what the block leaves there takes the place of `path` at the end.

    The folder is made if need be. After an error in the block `path` is as it was, with nothing beside it.
    """
    make_folders(path.parent)
    temporary = temporary_name(path)
    try:
        yield temporary
        # data must be on the disk before the name: a crash may otherwise leave an empty file under it
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError as error:
        # of a full disk the system names no file; an error without a number has words of its own, which a
        # name would hide
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def keep_input(source: Path, *outputs: Path) -> None:
    """Refuse to write over what is read.

    Raises:
        StorageError: one of `outputs` is `source`, by this name or another.
    """
    for output in outputs:
        # a link or another spelling of the path is the same file
        if output.exists() and source.exists() and output.samefile(source):
            raise StorageError(
                f"{output} would be written over {source}, which is read; choose another output"
            )


def write_text_atomically(path: Path, parts: str | Iterable[str]) -> None:
    """Write UTF-8 text, whole or in parts, as :func:`replacing` does."""
    with replacing(path) as temporary, open_text(temporary) as file:
        file.writelines([parts] if isinstance(parts, str) else parts)


def open_text(path: Path) -> TextIO:
    """A file for UTF-8 text; of a name that is none, its bytes stand there as an escape of JSON."""
    # the names of files need not be UTF-8, and stand in reports and lists
    return path.open("w", encoding="utf-8", errors="backslashreplace")


def write_json_lines(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON value a line, as :func:`replacing` does."""
    write_text_atomically(path, (json_text(row) + "\n" for row in rows))


def json_text(value: Any) -> str:
    """`value` as one line of JSON, with every letter as it is."""
    return json.dumps(value, ensure_ascii=False)


def sha256_of_file(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_json(value: Any) -> str:
    """The sha256 of a value that JSON can hold, in hex; the order of keys does not count.

    Names of files on the disk are made of it, so equal values give the same digest in every version.

    >>> sha256_of_json({"a": 1, "b": 2}) == sha256_of_json({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write_arrays(
    path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file, as :func:`replacing` does.

    Raises:
        StorageError: the disk refuses (full, quota, permission); what stood at `path` is unchanged.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        with replacing(path) as temporary:
            # safetensors gives its files to their owner alone; others get what the umask allows
            temporary.touch()
            mode = stat.S_IMODE(temporary.stat().st_mode)
            save_file(contiguous, temporary, dict(metadata or {}))
            temporary.chmod(mode)
    except (OSError, SafetensorError) as error:
        fix = "free some space or choose another folder"
        raise StorageError(f"could not write {path}: {error}; {fix}") from error


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays and the metadata of a safetensors file.

    Raises:
        StorageError: the file is not whole.
    """
    try:
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            return arrays, file.metadata() or {}
    except SafetensorError as error:
        raise StorageError(f"{path} is not a whole safetensors file: {error}") from error
