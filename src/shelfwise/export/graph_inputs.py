"""From a catalogue to what an exported graph reads: numbers of words, bytes of pictures. Needs neither torch nor timm.

Dimensions: N products of a catalogue, B of them in a batch, W words of the batch's longest text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, RejectedField, Rows
from shelfwise.errors import BundleError
from shelfwise.text.cleaning import CleaningSettings, tokenize_column
from shelfwise.text.vocabulary import Ragged, Vocabulary
from shelfwise.vision.image_io import Fit, Frame, ImageRejectedError, decode_picture, read_picture


@dataclass(frozen=True)
class GraphPortion:
    """B products as one input of the graph: its rows, who has the field (B,), and what could not be used."""

    rows: NDArray[Any]
    present: Bools
    refused: tuple[RejectedField, ...] = ()


class GraphReading(Protocol):
    """A catalogue's field, ready to be asked for any products; safe to be asked by several threads."""

    @property
    def lengths(self) -> Rows:
        """(N,) what grows with the work of a product, for batches of products that are alike."""
        ...

    def portion(self, rows: Rows) -> GraphPortion:
        """The given products."""
        ...


@dataclass(frozen=True)
class WordReader:
    """A text field as numbers of words (B, W), 0 after the last: cleaning and vocabulary of the model that was exported.

    Args:
        widest: words of the longest window; that many zeros follow the longest text, so that no text's answer depends on its company.
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
        tokens = catalog.memoize(
            ("words", self.field, self.cleaning),
            lambda: tokenize_column(catalog.column(self.field), self.cleaning),
        )
        texts = self._vocabulary.encode(tokens).truncate(self.maxlen, self.truncating)
        return WordReading(texts, tokens.lengths > 0, self.maxlen, self.widest)

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`reader` makes it a reader again."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {"kind": "words", **values, "cleaning": self.cleaning.model_dump(), "words": list(self.words)}

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self.words)


@dataclass(frozen=True)
class WordReading:
    """N texts as numbers, and whether any word was left of each after cleaning."""

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
        some = self.texts.take(rows)
        width = min(self.maxlen, int(some.lengths.max(initial=0)) + self.widest)
        numbers = np.zeros((len(rows), width), np.int64)
        numbers[np.arange(width) < some.lengths[:, None]] = some.ids
        return GraphPortion(numbers, self.present[rows])


@dataclass(frozen=True)
class PictureReader:
    """A picture field as bytes (B, size, size, 3), 0 where there is no picture; normalising is the graph's part."""

    field: str
    size: int
    fit: Fit

    def open(self, catalog: Catalog) -> PictureReading:
        """Note where the pictures of a catalogue are; each is read and decoded when it is asked for."""
        return PictureReading(catalog, self.field, Frame(self.size, self.fit))

    def facts(self) -> dict[str, Any]:
        """JSON-ready; :func:`reader` makes it a reader again."""
        return {"kind": "picture", **vars(self)}


@dataclass(frozen=True)
class PictureReading:
    """The pictures of N products, still in their files."""

    catalog: Catalog
    field: str
    frame: Frame

    @cached_property
    def names(self) -> list[str | None]:
        """(N,) paths from the catalogue's root."""
        return self.catalog.column(self.field)

    @property
    def lengths(self) -> Rows:
        """(N,) 1 where a picture is named."""
        return np.array([name is not None for name in self.names], np.int64)

    def portion(self, rows: Rows) -> GraphPortion:
        """Bytes (B, size, size, 3), uint8."""
        pixels = np.zeros((len(rows), self.frame.size, self.frame.size, 3), np.uint8)
        present, refused = np.zeros(len(rows), bool), []
        for place, row in enumerate(rows):
            name = self.names[row]
            if name is None:
                continue
            try:
                pixels[place] = decode_picture(read_picture(self.catalog.root / name), self.frame)
                present[place] = True
            except ImageRejectedError as reason:
                refused.append(RejectedField(self.catalog.ids[row], self.field, str(reason)))
        return GraphPortion(pixels, present, tuple(refused))


Reader = WordReader | PictureReader


def reader(facts: Mapping[str, Any]) -> Reader:
    """The reader that `facts` were taken from.

    Raises:
        BundleError: a kind that this version does not know.
    """
    values = {name: value for name, value in facts.items() if name != "kind"}
    if facts["kind"] == "words":
        return WordReader(
            **values | {"cleaning": CleaningSettings(**values["cleaning"]), "words": tuple(values["words"])}
        )
    if facts["kind"] == "picture":
        return PictureReader(**values)
    raise BundleError(
        f"the exported model reads {facts['kind']!r}, which this version cannot; known: words, picture; update shelfwise"
    )
