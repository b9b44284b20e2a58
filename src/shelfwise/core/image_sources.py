"""Where the images of products come from: files, or contents that lie in the catalogue itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from shelfwise.errors import CatalogError

IMAGE_BYTES = "image:bytes"
"""The column of embedded images, the contents of their files. It is there only where there are some."""

IMAGE_ROOT = "image:root"
"""The column of the folders that images lie below. It is there only where catalogues were joined."""

EMBEDDED = "(embedded)"
"""The image's path, for a product whose image is embedded: its row has an image like any other."""


@dataclass(frozen=True)
class ImageFile:
    """The file of an image that a catalogue names; nothing outside the catalogue's folder is ever opened.

    Args:
        root: the catalogue's folder.
        name: the path below it, as the catalogue has it.
    """

    root: Path
    name: str

    def __fspath__(self) -> str:
        return str(self.root / self.name)

    def __str__(self) -> str:
        return str(self.root / self.name)


@dataclass(frozen=True)
class EmbeddedImage:
    """The content of an image file that lies in the catalogue itself; copied only where it is read."""

    content: pa.Buffer

    def read(self) -> bytes:
        """The bytes of the file."""
        return bytes(self.content.to_pybytes())

    def __str__(self) -> str:
        return EMBEDDED


ImageSource = ImageFile | Path | EmbeddedImage | bytes
"""Where an image comes from.

A file that a catalogue names, a file that the caller names, or the content of one.
"""


def image_columns(images: Sequence[str | bytes | None]) -> dict[str, pa.Array]:
    """N images as columns of a catalogue: their paths and, where some are embedded, their contents."""
    paths = [EMBEDDED if isinstance(image, bytes) else image for image in images]
    columns = {"image": pa.array(paths, pa.string())}
    contents = [image if isinstance(image, bytes) else None for image in images]
    if any(content is not None for content in contents):
        # large: the contents of a whole catalogue may be more than the 2 GB of an ordinary column
        columns[IMAGE_BYTES] = pa.array(contents, pa.large_binary())
    return columns


def path_or_content(value: Any) -> str | bytes | None:
    """An image that a program gives, as its path or as the content of its file.

    Raises:
        CatalogError: it is neither.
    """
    if value is None or isinstance(value, str | bytes):
        return value
    if isinstance(value, Path):
        return str(value)
    # they may be changed later, bytes cannot
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    kind = type(value).__name__
    raise CatalogError(
        f"an image is a path or the bytes of an image file, not a {kind}; encode it as PNG or JPEG"
    )
