"""The manifest of a catalogue that was ingested: its shards, its accounts, and how its sources were read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field, TypeAdapter

from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.disk.files import write_text_atomically
from shelfwise.errors import CatalogError

MANIFEST = "manifest.json"
"""Written last: a folder that has one has every shard that it names."""

KIND = "shelfwise catalogue"
VERSION = 1
QUARANTINE = "quarantine.jsonl"

_SHARD_NAME = re.compile(r"products-[0-9]{5,}\.parquet")
_SHA256 = re.compile(r"[0-9a-f]{64}")

# for what reads facts from files
NOTHING_ELSE = ConfigDict(extra="forbid")

Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Shard:
    """A Parquet file of cleaned products.

    Args:
        name: in the folder of its catalogue.
        rows: products in it.
        bytes: its size.
        sha256: of its bytes, in hex.
        image_files: products whose image is a file beside the catalogue, not embedded in it; None where
            they were not counted.

    Raises:
        ValueError: the name or the digest is none that is written here.
    """

    __pydantic_config__: ClassVar[ConfigDict] = NOTHING_ELSE

    name: str
    rows: Count
    bytes: Count
    sha256: str
    image_files: Count | None = None

    def __post_init__(self) -> None:
        # a manifest may come from anywhere; a name must not lead out of its folder
        if not _SHARD_NAME.fullmatch(self.name):
            raise ValueError(f"no name of a shard: {self.name!r}")
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"no sha256: {self.sha256!r}")


@dataclass(frozen=True)
class SourceAccount:
    """What came of a source file: ``products`` and ``refused`` add up to ``records``, always.

    Args:
        file: below the folder of all sources, with forward slashes.
        bytes: its size.
        sha256: of its bytes, in hex.
        format: the format it was read in; None where it could not be opened.
        products: products of it that were kept.
        refused: kind of fault -> number of records in the quarantine.
        notes: what was set aside without refusing the product, in plain words -> how many.
        reading: which column is which field, what separates categories, and why.
        fault: why the file could not be read, or not to its end; None where it was.
    """

    __pydantic_config__: ClassVar[ConfigDict] = NOTHING_ELSE

    file: str
    bytes: Count
    sha256: str
    format: str | None = None
    products: Count = 0
    refused: Mapping[str, Count] = field(default_factory=dict)
    notes: Mapping[str, Count] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None

    @property
    def records(self) -> int:
        """How many records were read."""
        return self.products + sum(self.refused.values())


@dataclass(frozen=True)
class ShardedCatalog:
    """A catalogue of shards.

    Args:
        folder: where it lies.
        shards: in the order of the sources.
        sources: in their order.
        settings: how the sources were read, as they were asked for.
        shard_rows: products of a shard, or some thousand more.
        image_root: the folder that image paths are relative to, seen from `folder`.
        quarantine_bytes: the size of the file of refused records.
    """

    folder: Path
    shards: Sequence[Shard]
    sources: Sequence[SourceAccount]
    settings: Mapping[str, Any]
    shard_rows: Count
    image_root: str
    quarantine_bytes: Count

    @property
    def products(self) -> int:
        """Products in all shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def root(self) -> Path:
        """The folder that image paths are relative to."""
        return Path(os.path.normpath(self.folder / self.image_root))

    @property
    def faults(self) -> dict[str, str]:
        """Source files that could not be read to their end, and why."""
        return {one.file: one.fault for one in self.sources if one.fault is not None}

    def total(self, what: str) -> dict[str, int]:
        """The sums over all sources of ``refused`` or ``notes``, the commonest first."""
        sums: dict[str, int] = {}
        for source in self.sources:
            for kind, count in getattr(source, what).items():
                sums[kind] = sums.get(kind, 0) + count
        return dict(sorted(sums.items(), key=lambda one: (-one[1], one[0])))

    def reading(self) -> FileReading:
        """How the first source with products was read."""
        first = next((one for one in self.sources if one.products), self.sources[0])
        found = first.reading
        # of a file that could not be opened nothing is known
        if not found:
            return FileReading.nothing()
        signs = CategorySigns(**found["signs"])
        evidence = tuple(found["evidence"])
        return FileReading(
            found["columns"], tuple(found["names"]), signs, found["decimal"], evidence
        )

    def to_dict(self) -> dict[str, Any]:
        """What the manifest holds."""
        return {
            "kind": KIND,
            "version": VERSION,
            "records": sum(source.records for source in self.sources),
            "products": self.products,
            "refused": self.total("refused"),
            "notes": self.total("notes"),
            "faults": self.faults,
            "image_root": self.image_root,
            "quarantine_bytes": self.quarantine_bytes,
            "settings": dict(self.settings),
            "shard_rows": self.shard_rows,
            "sources": [{**asdict(one), "records": one.records} for one in self.sources],
            "shards": [asdict(shard) for shard in self.shards],
        }

    def save(self) -> None:
        """Write the manifest, whole or not at all."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1)
        write_text_atomically(self.folder / MANIFEST, text + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The catalogue in `folder`.

        Raises:
            CatalogError: it has no manifest, or one that cannot be read.
        """
        path = folder / MANIFEST
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CatalogError(
                f"{path} cannot be read ({error.strerror}); ingest its source again"
            ) from None
        return cls.from_bytes(content, folder, str(path))

    @classmethod
    def from_bytes(cls, content: bytes, folder: Path, place: str) -> Self:
        """The catalogue of a manifest's bytes.

        Args:
            place: the manifest, for messages.

        Raises:
            CatalogError: it is something else.
        """
        try:
            return cls.from_dict(json.loads(content), folder)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            reason = f"it is not the manifest of a {KIND} of version {VERSION}"
        raise CatalogError(f"{place} cannot be read ({reason}); ingest its source again")

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], folder: Path) -> Self:
        """What :meth:`to_dict` gave.

        Raises:
            ValueError: it is something else.
        """
        if (content.get("kind"), content.get("version")) != (KIND, VERSION):
            raise ValueError(content.get("kind"))
        facts = {one.name: content[one.name] for one in fields(cls) if one.name != "folder"}
        sources = []
        for one in facts["sources"]:
            # sums are there for people
            sources.append({name: value for name, value in one.items() if name != "records"})
        facts["sources"] = sources
        found = TypeAdapter(cls).validate_python({**facts, "folder": folder})
        # what cannot be understood is refused here, before any work
        found.reading()
        return found


def is_sharded(path: Path) -> bool:
    """Whether `path` is the folder of a catalogue of shards."""
    return (path / MANIFEST).is_file()


def describe_reading(reading: FileReading, notes: Sequence[str]) -> dict[str, Any]:
    """A reading as the manifest has it, with what was found out about the whole file."""
    return {
        "columns": dict(reading.columns),
        "names": list(reading.names),
        "signs": asdict(reading.signs),
        "decimal": reading.decimal,
        "evidence": [*reading.evidence, *notes],
    }
