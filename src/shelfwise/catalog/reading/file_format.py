"""What a format of catalogue files must do; each is a file: ``formats/csv.py`` is the format ``csv``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from shelfwise.catalog.reading.arrow import Column
from shelfwise.catalog.reading.byte_stream import Block
from shelfwise.catalog.reading.record_parsing import Record
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Int64Array

CERTAIN = 1.0
"""The first bytes are those of this format and of no other."""

BY_NAME = 0.9
"""The file's name ends as only files of this format do. From here on the lines of the file do not matter,
unless they begin as those of another format only."""

BY_RECORDS = 0.6
"""The first record can be read in this format."""

PERHAPS_BY_NAME = 0.3
"""The file's name ends as files of this format do, and of others too."""


@dataclass(frozen=True)
class ParsedBlock:
    """A block taken apart; blank lines are in none of the parts.

    Args:
        columns: the source's column name -> values of N records.
        spans: (N, 3); line, offset and length of each.
        others: records that the format's fast way does not read, to be checked one by one.
        rest: where in the block a record begins that does not end in it.
    """

    columns: Mapping[str, Column]
    spans: Int64Array
    others: list[Record] = field(default_factory=list)
    rest: int | None = None


class FileFormat(ABC):
    """A format of catalogue files; an instance reads the blocks of one file.

    A plug-in file defines one subclass. ``record`` is exact and slow; ``take_apart`` is fast and must agree
    with it. Instances are sent to other processes, so they can be pickled and hold no open file.
    """

    suffixes: ClassVar[Mapping[str, float]] = {}
    """Ending of a file's name, in lower case with its dot -> how sure it makes this format, from 0 to 1."""

    bytes_on_disk: ClassVar[bool] = False
    """Whether the blocks hold the bytes of the (decompressed) file, at their offsets."""

    perhaps_windows: ClassVar[bool] = False
    """Whether programs also write this format in Windows-1252."""

    gives_ids: ClassVar[bool] = False
    """Whether products without an id are given one before the blocks are checked."""

    @classmethod
    @abstractmethod
    def sniff(cls, start: bytes) -> float:
        """How sure the first lines of a file, decompressed, make this format: from 0, no sign of it, to 1.

        Never raises, whatever the bytes are.
        """

    @classmethod
    @abstractmethod
    def open(
        cls, path: Path, settings: CatalogSettings, advance: Callable[[int], None]
    ) -> tuple[Self, Iterator[Block]]:
        """How to read the file, and its blocks, some megabytes each.

        Args:
            settings: column names, and how category paths are written; the encoding is that of the file,
                or None for UTF-8.
            advance: called with the number of bytes on disk that were read since the last call.

        Raises:
            CatalogError: nothing in the file can be read in this format.
        """

    def with_columns(self, columns: Mapping[str, str]) -> Self:
        """The same format for other columns of ours.

        Args:
            columns: our field -> the source's column, where the names alone do not tell.
        """
        return self

    def told(self) -> tuple[str, ...]:
        """What was found out about the whole file, in sentences for people."""
        return ()

    @abstractmethod
    def take_apart(self, block: Block) -> ParsedBlock:
        """All records of a block."""

    @abstractmethod
    def record(self, block: Block, span: Int64Array) -> Record:
        """One record of a block, given its line, offset and length (3,)."""


@dataclass(frozen=True)
class OpenedFile:
    """An opened catalogue.

    Args:
        name: the name of its format.
        form: how to read a block of it.
        blocks: the whole file, some megabytes at a time.
        file: where the bytes of the blocks can be read again as they are; None where they cannot.
        notes: what was found out about the whole file, in plain words.
        encoding: of its text; None for UTF-8.
    """

    name: str
    form: FileFormat
    blocks: Iterator[Block]
    file: Path | None = None
    notes: tuple[str, ...] = ()
    encoding: str | None = None
