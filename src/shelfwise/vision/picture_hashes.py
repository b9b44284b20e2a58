"""Perceptual hashes of pictures: bits that stay when a picture is saved anew, resized or made brighter.

The hash is ImageHash's pHash: which low frequencies of the grey picture are stronger than their median. A
margin moves all of them, so each picture is hashed with its margins and without, too.

Dimensions: N products, B pictures of a batch, V = 3 views of a picture.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from shelfwise.core.catalog import Catalog
from shelfwise.core.libraries import installed_version, library
from shelfwise.core.types import Bools, Context
from shelfwise.vision.image_features import PixelEncoder, encode_images
from shelfwise.vision.image_io import Pixels, Resizing

HASH_BITS = 256

FLAT = 4
"""Grey levels: the standard deviation below which a picture is of one colour, and its hash is noise."""

MARGIN_TOLERANCES = (12, 40)
"""How far a margin's colours may differ from its commonest, of 255: of a white border, of a lit backdrop."""

VIEWS = 1 + len(MARGIN_TOLERANCES)
"""The whole picture, and without each kind of margin."""

_SIDE = 16
# twice what pHash reads, so that something is left of a small thing in a wide margin
_RESIZING = Resizing(size=8 * _SIDE, fit="stretch")
_LEAST_SIDE = 16


@dataclass(frozen=True)
class PictureHashes:
    """The hashes of N products' pictures.

    Args:
        hashes: (N, V, 32) bytes; 0 where there is none.
        usable: (N,) whether the product has a picture that can be compared.
        flat: how many have a picture of one colour.
        refused: row -> why its picture cannot be used.
    """

    hashes: NDArray[np.uint8]
    usable: Bools
    flat: int
    refused: dict[int, str]


def picture_hashes(catalog: Catalog, context: Context) -> PictureHashes:
    """The hashes of each product's picture; looked up in ``context.cache`` where they are known.

    Raises:
        PluginError: the extra ``copies`` is not installed.
    """
    # before any picture is read
    phash = library("imagehash", "copies", "near-copies by similar pictures").phash
    sources = catalog.image_sources()
    given = [row for row, source in enumerate(sources) if source is not None]
    pictures = [source for source in sources if source is not None]

    def run(pixels: Pixels) -> NDArray[np.uint8]:
        return np.stack([_hashed(one, phash) for one in pixels])

    width = VIEWS * HASH_BITS // 8
    # one byte more, for how much the greys vary
    encoder = PixelEncoder(run, (width + 1,), "uint8", _RESIZING, _identity())
    encoded = encode_images(pictures, encoder, context)
    hashes = np.zeros((len(catalog), width), np.uint8)
    usable = np.zeros(len(catalog), np.bool_)
    readable = encoded.index >= 0
    rows = np.array(given, np.int64)[readable]
    found = encoded.rows[encoded.index[readable]]
    hashes[rows] = found[:, :width]
    usable[rows] = found[:, width] >= FLAT
    refused = {given[number]: reason for number, reason in encoded.reasons.items()}
    flat = int((~usable[rows]).sum())
    return PictureHashes(hashes.reshape(-1, VIEWS, HASH_BITS // 8), usable, flat, refused)


def _hashed(pixels: Pixels, phash: Any) -> NDArray[np.uint8]:
    """(V * 32 + 1,) the hash of each view, and how much the greys vary."""
    picture = Image.fromarray(pixels)
    views = [picture, *(_without_margin(picture, tolerance) for tolerance in MARGIN_TOLERANCES)]
    bits = [phash(view, hash_size=_SIDE).hash for view in views]
    # of 0 to 255 the deviation is at most 127.5
    deviation = np.uint8(np.asarray(picture.convert("L")).std())
    return np.append(np.packbits(bits), deviation)


def _without_margin(picture: Image.Image, tolerance: int) -> Image.Image:
    """The picture less what is nearly of its edge's colour; all of it where hardly anything would stay."""
    pixels = np.asarray(picture)
    top, bottom = pixels[0], pixels[-1]
    left, right = pixels[:, 0], pixels[:, -1]
    edge = np.concatenate([top, bottom, left, right])
    colour = tuple(np.median(edge, axis=0).astype(int).tolist())
    differences = ImageChops.difference(picture, Image.new("RGB", picture.size, colour))
    # the most that any of the three colours differs
    red, green, blue = differences.split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    box = most.point([255 * (level > tolerance) for level in range(256)]).getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < _LEAST_SIDE:
        return picture
    return picture.crop(box)


def _identity() -> str:
    """Names what the rows depend on, besides the picture."""
    version = installed_version("imagehash")
    described = f"phash {_SIDE} {MARGIN_TOLERANCES} {_LEAST_SIDE} {_RESIZING} imagehash {version}"
    return hashlib.sha256(described.encode()).hexdigest()
