"""The file that a catalogue is read from: it is there, can be read more than once, and stays as it is."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shelfwise.catalog.reading.catalog_names import is_catalog_name
from shelfwise.errors import CatalogError

# files of a folder that a message names
_FILES_NAMED = 5

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_file(path: Path) -> None:
    """Refuse what is no file with something in it, before anything waits for it.

    Raises:
        CatalogError: there is nothing, or a folder, a pipe, a device or an empty file.
    """
    if path.is_dir():
        files = sorted(file.name for file in path.iterdir() if file.is_file())
        # both stand in one call, and are easily exchanged
        if "MANIFEST.json" in files:
            raise CatalogError(
                f"{path} is a model, and a catalogue is needed; MODEL stands before CATALOG"
            )
        catalogues = [name for name in files if is_catalog_name(name)]
        if not catalogues:
            raise CatalogError(
                f"{path} is a folder, and no file in it has a catalogue's name; name the file to read"
            )
        examples = ", ".join(catalogues[:_FILES_NAMED])
        raise CatalogError(f"{path} is a folder; name the catalogue file in it, such as {examples}")
    if not path.exists():
        raise CatalogError(_absent(path))
    found = path.stat()
    # whoever opens a pipe waits for its writer, for good if there is none
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise CatalogError(
            f"{path} is {kind}, not a file; a catalogue is read more than once: write it to a file first"
        )
    # no format allows it, and none could be recognised
    if found.st_size == 0:
        raise CatalogError(
            f"the catalogue {path} is empty; expected one product a line, or a Parquet file"
        )


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Refuse what was read in the block if the file was changed meanwhile.

    It is opened several times, and read for minutes: what comes of two versions is a mix of both, and of a
    file that is cut short a catalogue without its end.

    Raises:
        CatalogError: it has another size, or was written to.
    """
    before = _state(path)
    try:
        yield
    except Exception as error:
        # what went wrong, went wrong because of the change
        if _state(path) != before:
            raise CatalogError(_changed(path, before)) from error
        raise
    if _state(path) != before:
        raise CatalogError(_changed(path, before))


State = tuple[int, int, int] | None
"""Size in bytes, time of the last change in nanoseconds, number in the file system; None if it is gone."""


def _state(path: Path) -> State:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _changed(path: Path, before: State) -> str:
    now = _state(path)
    if now is None:
        found = "it is gone"
    elif before is None or now[0] == before[0]:
        found = "it was written to"
    else:
        found = f"it had {before[0]:,} bytes, and has {now[0]:,}"
    fix = "read it again once nothing writes to it"
    return f"the catalogue {path} was changed while it was read ({found}); {fix}"


def _absent(path: Path) -> str:
    """What to say where there is no file."""
    # what many programs take for their standard input
    if str(path) == "-":
        return (
            "standard input is not read, as a catalogue is read more than once: write it to a file"
        )
    # a path has one slash where an address has two
    if path.parts[:1] == ("s3:",):
        place = "/".join(path.parts[1:])
        return (
            f"s3://{place} is in an object store, which only ingest, label and evaluate read; copy it to "
            "this machine"
        )
    return f"there is no catalogue {path}; check the path"
