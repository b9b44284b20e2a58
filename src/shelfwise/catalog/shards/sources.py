"""The files that a catalogue is ingested from, and how each is read.

Every file is read by its own evidence, as it would be alone. A file in which nothing tells what separates
categories is read as the others are.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shelfwise.catalog.reading.catalog_names import is_catalog_name
from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.detection.file_detection import detect_reading
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.detection.format_detection import open_source
from shelfwise.catalog.reading.reader import ProgressReporter
from shelfwise.catalog.reading.source_file import check_file
from shelfwise.catalog.shards.manifest import is_sharded
from shelfwise.config import CatalogSettings
from shelfwise.disk.files import sha256_of_file
from shelfwise.errors import CatalogError, TwoReadingsError

_PATTERN_SIGNS = frozenset("*?[")
_NAMED = 3


@dataclass(frozen=True)
class Source:
    """One file.

    Args:
        path: of the file.
        name: below the folder of all sources, with forward slashes.
        bytes: its size.
        modified: when it was changed last, in nanoseconds.
        sha256: of its bytes, in hex.
        settings: how it is read.
        fault: why it cannot be read; None where it can.
    """

    path: Path
    name: str
    bytes: int
    modified: int
    sha256: str
    settings: CatalogSettings
    fault: str | None = None

    def identity(self) -> dict[str, Any]:
        """What tells it from another file, or another edition of it; JSON-ready."""
        return {"file": self.name, "bytes": self.bytes, "sha256": self.sha256}

    def is_unchanged(self) -> bool:
        """Whether nobody has written to the file since it was looked at."""
        now = self.path.stat()
        return (now.st_size, now.st_mtime_ns) == (self.bytes, self.modified)


def find_files(places: Sequence[str]) -> list[Path]:
    """The files that are meant by names of files, of folders, and by patterns; in this order, each once.

    Of a folder these are the files whose names end as a catalogue's do, sorted by name; its subfolders are
    not looked into.

    Raises:
        CatalogError: a name leads nowhere, or to no catalogue file.
    """
    found: dict[str, Path] = {}
    for place in places:
        for path in _files_of(place):
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def survey(
    files: Sequence[Path],
    settings: CatalogSettings,
    context: ProgressReporter,
    strict: bool = False,
) -> list[Source]:
    """Look at the beginning of each file, and at all of its bytes for their digest.

    Args:
        strict: refuse settings that name a column which a file does not have.

    Raises:
        CatalogError: there is one file, and it cannot be read; or categories can be read in two ways.
    """
    root = common_folder(files)
    sources: list[Source] = []
    readings: dict[int, FileReading] = {}
    open_questions: dict[int, TwoReadingsError] = {}
    with context.progress("looking at the files", len(files)) as bar:
        for number, path in enumerate(files):
            source = _looked_at(path, root, settings)
            try:
                readings[number] = _reading_of(source, strict)
            except TwoReadingsError as error:
                open_questions[number] = error
            except (CatalogError, OSError) as error:
                # a single file is refused as it is by every other verb
                if len(files) == 1:
                    raise
                # the same account wherever the folder lies
                reason = str(error).replace(str(path), source.name)
                source = replace(source, fault=reason)
            sources.append(source)
            bar.advance()
    return _with_settled_signs(sources, readings, open_questions)


def common_folder(files: Sequence[Path]) -> Path:
    """The folder that all files lie below."""
    return Path(os.path.commonpath([path.absolute().parent for path in files]))


def _files_of(place: str) -> list[Path]:
    path = Path(place)
    if path.is_dir():
        return _files_of_folder(path)
    if path.is_file():
        return [path]
    # a pipe, too, would be waited for
    if path.exists() or not _PATTERN_SIGNS & set(place):
        check_file(path)
    matches = [Path(one) for one in sorted(glob.glob(place, recursive=True))]
    files = [one for one in matches if one.is_file()]
    if not files:
        raise CatalogError(f"no file has a name like {place}; check the pattern")
    return files


def _files_of_folder(folder: Path) -> list[Path]:
    if is_sharded(folder):
        raise CatalogError(f"{folder} is an ingested catalogue already; it can be used as it is")
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    files = [path for path in files if is_catalog_name(path.name)]
    if not files:
        fix = f"name the files, or a pattern in quotes such as '{folder}/**/*.jsonl'"
        raise CatalogError(f"{folder} holds no file whose name ends as a catalogue's does; {fix}")
    return files


def _looked_at(path: Path, root: Path, settings: CatalogSettings) -> Source:
    before = path.stat()
    return Source(
        path=path,
        name=path.absolute().relative_to(root).as_posix(),
        bytes=before.st_size,
        modified=before.st_mtime_ns,
        sha256=sha256_of_file(path),
        settings=settings,
    )


def _reading_of(source: Source, strict: bool) -> FileReading:
    """What the beginning of a file tells.

    Raises:
        CatalogError: the file cannot be read.
    """
    check_file(source.path)
    opened = open_source(source.path, source.settings, lambda count: None)
    reading, _ = detect_reading(opened, source.settings, strict)
    return reading


def _with_settled_signs(
    sources: list[Source],
    readings: dict[int, FileReading],
    open_questions: dict[int, TwoReadingsError],
) -> list[Source]:
    """The sources, those that leave a question open with the answer of the others.

    Raises:
        TwoReadingsError: the others do not answer it.
        CatalogError: they contradict each other.
    """
    # files whose values say what separates categories answer for those that do not
    told = {number: one.signs for number, one in readings.items() if _tells_signs(one)}
    answers = {(one.separator, one.delimiter) for one in told.values()}
    silent = [number for number in readings if number not in told]
    settled = list(sources)
    for number in [*open_questions, *silent]:
        # nobody answers: the question goes to the user
        if not answers and number in open_questions:
            raise open_questions[number]
        if len(answers) > 1:
            raise CatalogError(_contradiction(sources, told, sources[number]))
        # one answer at most is left, and none where all files are silent
        for separator, delimiter in answers:
            changes = {"category_separator": separator, "category_delimiter": delimiter}
            asked = sources[number].settings.model_copy(update=changes)
            settled[number] = replace(sources[number], settings=asked)
    return settled


def _tells_signs(reading: FileReading) -> bool:
    """Whether something in the file tells what separates categories."""
    # without evidence the signs are those that shelfwise itself writes
    return any(" separates " in sentence for sentence in reading.evidence)


def _contradiction(
    sources: Sequence[Source], told: dict[int, CategorySigns], silent: Source
) -> str:
    """That files say different things, in words."""
    examples = ", ".join(_examples(sources, told))
    fix = "write category_separator and category_delimiter under [catalog] of a settings file"
    return f"nothing in {silent.name} tells what separates categories, and others differ: {examples}; {fix}"


def _examples(sources: Sequence[Source], told: dict[int, CategorySigns]) -> Iterator[str]:
    shown: set[tuple[str, str]] = set()
    for number, one in told.items():
        key = (one.separator, one.delimiter)
        if key not in shown and len(shown) < _NAMED:
            shown.add(key)
            yield f"{sources[number].name} has {one.separator!r} and {one.delimiter!r}"
