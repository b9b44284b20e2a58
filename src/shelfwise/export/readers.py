"""Every kind of reader by the name that it has in a model on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shelfwise.errors import BundleError
from shelfwise.export.graph_inputs import Arrays, ImageReader, Reader, WordReader
from shelfwise.export.ngram_input import NgramReader
from shelfwise.export.row_inputs import NeighbourReader, TableReader, WordsInEach
from shelfwise.export.token_input import TokenReader

KINDS: dict[str, Callable[[Mapping[str, Any], Arrays], Reader]] = {
    "words": WordReader.restored,
    "picture": ImageReader.restored,
    "ngrams": NgramReader.restored,
    "tokens": TokenReader.restored,
    "neighbours": NeighbourReader.restored,
    "table": TableReader.restored,
    "words in each": WordsInEach.restored,
}


def reader(facts: Mapping[str, Any], arrays: Arrays) -> Reader:
    """The reader that `facts` and `arrays` were taken from.

    Raises:
        BundleError: a kind that this version does not know.
    """
    kind = facts["kind"]
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise BundleError(
            f"the exported model reads {kind!r}, which this version cannot; known: {known}; "
            "update shelfwise"
        )
    values = {name: value for name, value in facts.items() if name != "kind"}
    return KINDS[kind](values, arrays)
