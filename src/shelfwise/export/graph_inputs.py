"""From a catalogue to what an exported graph reads; here numbers of words and bytes of images.

Needs neither torch nor timm.

Dimensions: N products of a catalogue, B of them in a batch, W words of the batch's longest text.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.catalog import Catalog
from shelfwise.core.image_sources import ImageSource
from shelfwise.core.types import Bools, RejectedField, Rows
from shelfwise.text.cleaning import CleaningSettings, tokenize_column
from shelfwise.text.vocabulary import Ragged, Vocabulary
from shelfwise.vision.image_io import Fit, ImageRejectedError, Resizing, decode_images

WEIGHTS = ".weights"
"""Ends the name of the second array of an input that has two: what each of its numbers counts."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class GraphPortion:
    """B products as one input of the graph.

    Args:
        rows: (B, ...) the input; None where it only tells which products are present.
        present: (B,) which products have the field.
        known: (B,) of which products the model knows anything; None where this input cannot tell.
        refused: the fields that could not be used.
        weights: (B, ...) what each of the rows' numbers counts; None where they have no weights.
        told: (B,) of which products `known` tells; None: of all.
    """

    rows: NDArray[Any] | None
    present: Bools
    known: Bools | None
    refused: tuple[RejectedField, ...] = ()
    weights: NDArray[Any] | None = None
    told: Bools | None = None

    def can_tell(self) -> Bools:
        """(B,) whether it is told what the model knows of a product."""
        if self.known is None:
            return np.zeros_like(self.present)
        return np.ones_like(self.present) if self.told is None else self.told

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """The graph's arrays of the input `name`, in the graph's order."""
        arrays = {} if self.rows is None else {name: self.rows}
        if self.weights is not None:
            arrays[name + WEIGHTS] = self.weights
        return arrays


class GraphReading(Protocol):
    """A catalogue's field, ready to give any products as an input; several threads may call it."""

    @property
    def lengths(self) -> Rows:
        """(N,) what grows with the work of a product, for batches of products that are alike."""
        ...

    def portion(self, rows: Rows) -> GraphPortion:
        """The given products."""
        ...


class Reader(Protocol):
    """What one input of the graph is made from.

    `varies` tells that its rows are as wide as the longest text.
    """

    varies: ClassVar[bool]

    @property
    def field(self) -> str:
        """The columns that it reads, with a plus sign between."""
        ...

    def open(self, catalog: Catalog) -> GraphReading:
        """The products of a catalogue."""
        ...

    def facts(self) -> dict[str, Any]:
        """JSON-ready; with :meth:`saved` it makes the reader again."""
        ...

    def saved(self) -> Arrays:
        """The arrays that are kept beside the facts."""
        ...

    def key(self) -> Hashable:
        """Readers of one key give the same input; None where no other reader does."""
        ...

    def example(self, count: int, width: int) -> GraphPortion:
        """An input to trace a graph with, about `width` wide where that varies."""
        ...


def example_of(rows: NDArray[Any] | None, weights: NDArray[Any] | None = None) -> GraphPortion:
    """An example with these arrays."""
    nobody = np.zeros(0, np.bool_)
    return GraphPortion(rows, nobody, nobody, weights=weights)


@dataclass(frozen=True)
class WordReader:
    """A text field as numbers of words (B, W), 0 after the last.

    Cleaning and vocabulary are those of the model that was exported.

    Args:
        widest: words of the longest window. So many zeros follow the longest text of a batch: no text's
            scores depend on the other texts.
        words: word i has the number i + 1.
    """

    varies: ClassVar[bool] = True

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
        # a text of unknown words only is a text: the network was trained on such ones too
        return WordReading(texts, tokens.lengths > 0, self.maxlen, self.widest)

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`~shelfwise.export.readers.reader` makes it a reader again."""
        # field by field: the cached vocabulary is no part of it
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        values["cleaning"] = self.cleaning.model_dump()
        values["words"] = list(self.words)
        return {"kind": "words", **values}

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Arrays) -> Self:
        """The reader that `facts` were taken from."""
        # exported models from before Unicode's rules do not say how they split words
        cleaning = CleaningSettings(**{"segmentation": "blanks", **facts["cleaning"]})
        return cls(**{**facts, "cleaning": cleaning, "words": tuple(facts["words"])})

    def saved(self) -> Arrays:
        """Nothing."""
        return {}

    def key(self) -> None:
        """Each member has words of its own."""
        return

    def example(self, count: int, width: int) -> GraphPortion:
        """Texts without a known word."""
        # a window is never wider than a text
        return example_of(np.zeros((count, max(width, self.widest)), np.int64))

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
        return GraphPortion(numbers, self.present[rows], None)


@dataclass(frozen=True)
class ImageReader:
    """An image field as bytes (B, size, size, 3), 0 where there is no image; the graph normalises them."""

    varies: ClassVar[bool] = False

    field: str
    size: int
    fit: Fit

    def open(self, catalog: Catalog) -> ImageReading:
        """Note where the images of a catalogue are; each is read and decoded when it is wanted."""
        return ImageReading(catalog, self.field, Resizing(self.size, self.fit))

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`~shelfwise.export.readers.reader` makes it a reader again."""
        return {"kind": "picture", **vars(self)}

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Arrays) -> Self:
        """The reader that `facts` were taken from."""
        return cls(**facts)

    def saved(self) -> Arrays:
        """Nothing."""
        return {}

    def key(self) -> Hashable:
        """Members that read images of one size share them."""
        return ("picture", self.field, self.size, self.fit)

    def example(self, count: int, width: int) -> GraphPortion:
        """Black images."""
        return example_of(np.zeros((count, self.size, self.size, 3), np.uint8))


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
                identity = self.catalog.value("id", rows[place])
                refused.append(RejectedField(identity, self.field, str(image)))
            else:
                pixels[place] = image
                present[place] = True
        return GraphPortion(pixels, present, present, tuple(refused))
