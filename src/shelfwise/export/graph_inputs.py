"""From a catalogue to what an exported graph reads: numbers of words, bytes of images.

Needs neither torch nor timm.

Dimensions: N products of a catalogue, B of them in a batch, W words of the batch's longest text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.catalog import Catalog, ImageSource
from shelfwise.core.types import Bools, RejectedField, Rows
from shelfwise.errors import BundleError
from shelfwise.text.cleaning import CleaningSettings, tokenize_column
from shelfwise.text.vocabulary import Ragged, Vocabulary
from shelfwise.vision.image_io import Fit, ImageRejectedError, Resizing, decode_images

READER_KINDS = ("words", "picture")
"""What readers are called in a model on disk."""


@dataclass(frozen=True)
class GraphPortion:
    """B products as one input of the graph.

    Args:
        rows: (B, ...) the input.
        present: (B,) which products have the field.
        refused: the fields that could not be used.
    """

    rows: NDArray[Any]
    present: Bools
    refused: tuple[RejectedField, ...] = ()


class GraphReading(Protocol):
    """A catalogue's field, ready to give any products as an input; several threads may call it."""

    @property
    def lengths(self) -> Rows:
        """(N,) what grows with the work of a product, for batches of products that are alike."""
        ...

    def portion(self, rows: Rows) -> GraphPortion:
        """The given products."""
        ...


@dataclass(frozen=True)
class WordReader:
    """A text field as numbers of words (B, W), 0 after the last.

    Cleaning and vocabulary are those of the model that was exported.

    Args:
        widest: words of the longest window. So many zeros follow the longest text of a batch: no text's
            scores depend on the other texts.
        words: word i has the number i + 1.
    """

    field: str
    cleaning: CleaningSettings
    maxlen: int
    truncating: Literal["pre", "post"]
    widest: int
    words: tuple[str, ...]

    def open(self, catalog: Catalog) -> WordReading:
        """Clean and number the texts of a catalogue."""
        # the same key as the text network's: one catalogue cleans a field once
        tokens = catalog.memoize(
            ("words", self.field, self.cleaning),
            lambda: tokenize_column(catalog.column(self.field), self.cleaning),
        )
        texts = self._vocabulary.encode(tokens).truncate(self.maxlen, self.truncating)
        # a text of unknown words only is a text: the model was trained on such ones too
        return WordReading(texts, tokens.lengths > 0, self.maxlen, self.widest)

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`reader` makes it a reader again."""
        # field by field: the cached vocabulary is no part of it
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        values["cleaning"] = self.cleaning.model_dump()
        values["words"] = list(self.words)
        return {"kind": "words", **values}

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self.words)


@dataclass(frozen=True)
class WordReading:
    """N texts as numbers.

    Args:
        texts: the known words.
        present: (N,) whether any word was left after cleaning.
        maxlen, widest: as in :class:`WordReader`.
    """

    texts: Ragged
    present: Bools
    maxlen: int
    widest: int

    @property
    def lengths(self) -> Rows:
        """(N,) known words."""
        return self.texts.lengths

    def portion(self, rows: Rows) -> GraphPortion:
        """Numbers (B, W), int64."""
        texts = self.texts.take(rows)
        longest = int(texts.lengths.max(initial=0))
        width = min(self.maxlen, longest + self.widest)
        numbers = np.zeros((len(rows), width), np.int64)
        # the texts lie end to end; each fills its row from the left
        filled = np.arange(width) < texts.lengths[:, None]
        numbers[filled] = texts.ids
        return GraphPortion(numbers, self.present[rows])


@dataclass(frozen=True)
class ImageReader:
    """An image field as bytes (B, size, size, 3), 0 where there is no image; the graph normalises them."""

    field: str
    size: int
    fit: Fit

    def open(self, catalog: Catalog) -> ImageReading:
        """Note where the images of a catalogue are; each is read and decoded when it is wanted."""
        return ImageReading(catalog, self.field, Resizing(self.size, self.fit))

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`reader` makes it a reader again."""
        return {"kind": "picture", **vars(self)}


@dataclass(frozen=True)
class ImageReading:
    """The images of N products, not yet decoded."""

    catalog: Catalog
    field: str
    resizing: Resizing

    @cached_property
    def sources(self) -> list[ImageSource | None]:
        """(N,) files, or the content of files; None without an image."""
        return self.catalog.image_sources(self.field)

    @property
    def lengths(self) -> Rows:
        """(N,) 1 where there is an image."""
        return np.array([source is not None for source in self.sources], np.int64)

    def portion(self, rows: Rows) -> GraphPortion:
        """Bytes (B, size, size, 3), uint8."""
        size = self.resizing.size
        pixels = np.zeros((len(rows), size, size, 3), np.uint8)
        present = np.zeros(len(rows), bool)
        refused = []
        given = [place for place, row in enumerate(rows) if self.sources[row] is not None]
        sources = [source for row in rows if (source := self.sources[row]) is not None]
        for place, image in zip(given, decode_images(sources, self.resizing), strict=True):
            # a broken image costs the image, not the product
            if isinstance(image, ImageRejectedError):
                identity = self.catalog.ids[rows[place]]
                refused.append(RejectedField(identity, self.field, str(image)))
            else:
                pixels[place] = image
                present[place] = True
        return GraphPortion(pixels, present, tuple(refused))


Reader = WordReader | ImageReader


def reader(facts: Mapping[str, Any]) -> Reader:
    """The reader that `facts` were taken from.

    Raises:
        BundleError: a kind that this version does not know.
    """
    kind = facts["kind"]
    values = {name: value for name, value in facts.items() if name != "kind"}
    if kind == "words":
        # exported models from before Unicode's rules do not say how they part words
        cleaning = {"segmentation": "blanks", **values["cleaning"]}
        values["cleaning"] = CleaningSettings(**cleaning)
        values["words"] = tuple(values["words"])
        return WordReader(**values)
    if kind == "picture":
        return ImageReader(**values)
    known = ", ".join(READER_KINDS)
    raise BundleError(
        f"the exported model reads {kind!r}, which this version cannot; known: {known}; update shelfwise"
    )
