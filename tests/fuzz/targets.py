"""What is fuzzed: bytes in; a result that holds together, or an error that says so, and nothing else.

Each function takes any bytes. It raises only where shelfwise is wrong.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.types import State
from shelfwise.errors import BundleError, ShelfwiseError
from shelfwise.model.bundle import Bundle, load_bundle, save_bundle
from shelfwise.model.bundle_reader import MAY_BE_INFINITE
from shelfwise.vision.image_decoding import ImageRejectedError, Reshaping, Shape, decode

ENDINGS = ("jsonl", "csv", "tsv", "json", "xml", "parquet", "xlsx", "jsonl.gz", "csv.zip", "txt")
SHAPES: tuple[Shape, ...] = get_args(Shape)
SIDE = 16
MOST_PIXELS = 25_000_000


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """One folder for the whole process, removed at its end."""
    # in memory where there is such a place: every input is written once
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="shelfwise-fuzz-", dir=memory)


@contextmanager
def _file(ending: str, content: bytes) -> Iterator[Path]:
    path = Path(_folder().name) / f"catalogue.{ending}"
    path.write_bytes(content)
    try:
        yield path
    finally:
        path.unlink()


def fuzz_reader(data: bytes) -> None:
    """A catalogue file. The first byte tells its ending."""
    if not data:
        return
    ending = ENDINGS[data[0] % len(ENDINGS)]
    content = data[1:]
    with _file(ending, content) as path:
        try:
            reading = read_catalog(path)
        except ShelfwiseError:
            return
    ids = reading.catalog.ids
    assert len(ids) == len(set(ids)), "two products with one id"
    assert all(ids), "a product without an id"
    assert len(ids) + len(reading.quarantine) == reading.records, "a record is lost"
    # what is not decompressed and not in another encoding stands in the file as it is in quarantine
    if reading.format == "jsonl" and reading.encoding is None and b"\x1f\x8b" not in content[:4]:
        for record in reading.quarantine:
            assert record.raw in content, "a quarantined record that is not in the file"


def fuzz_image(data: bytes) -> None:
    """An image file. The first byte tells what becomes of it."""
    if not data:
        return
    shape = SHAPES[data[0] % len(SHAPES)]
    try:
        image = decode(data[1:], Reshaping(shape, SIDE))
    except ImageRejectedError:
        return
    height, width, channels = image.pixels.shape
    assert channels == 3
    assert image.pixels.dtype == np.uint8
    assert 0 < height * width <= MOST_PIXELS
    if shape in ("stretch", "letterbox", "crop"):
        assert (height, width) == (SIDE, SIDE)


@cache
def _model() -> Path:
    """A small model, written once."""
    folder = Path(_folder().name) / "model"
    weights = State({"w": np.arange(6, dtype=np.float32)}, {"epochs": 3})
    save_bundle(Bundle({"seed": 0}, ("Mugs", "Pots"), {"n": 1}, {"member.a": weights}), folder)
    return folder


def fuzz_bundle(data: bytes) -> None:
    """One file of a model. The first byte tells which one, and whether the manifest agrees with it."""
    if not data:
        return
    folder = _model()
    files = sorted(folder.iterdir())
    path = files[data[0] % len(files)]
    before = {file: file.read_bytes() for file in files}
    try:
        path.write_bytes(data[1:])
        if data[0] & 0x80 and path.name != "MANIFEST.json":
            _seal(folder)
        bundle = load_bundle(folder)
    except BundleError:
        return
    finally:
        for file, content in before.items():
            file.write_bytes(content)
    assert len(set(bundle.labels)) == len(bundle.labels), "two labels of one name"
    for state in bundle.sections.values():
        for name, array in state.arrays.items():
            may_be_infinite = name == MAY_BE_INFINITE and not np.isnan(array).any()
            assert array.dtype.kind != "f" or np.isfinite(array).all() or may_be_infinite
    if not data[0] & 0x80:
        assert data[1:] == before[path], "a changed file was taken"


def _seal(folder: Path) -> None:
    """Make the manifest agree with the files, as somebody who means harm would."""
    from shelfwise.disk.files import sha256_of_file
    from shelfwise.model.bundle_reader import MANIFEST, manifest_text

    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    for name in manifest["files"]:
        manifest["files"][name] = sha256_of_file(folder / name)
    (folder / MANIFEST).write_text(manifest_text(manifest), "utf-8")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "reader": fuzz_reader,
    "image": fuzz_image,
    "bundle": fuzz_bundle,
}
