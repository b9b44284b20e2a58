"""Ids that come over HTTP, by the rules of catalogue files: the model knows its products by these."""

from __future__ import annotations

from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.value_parsing import Rules, read_id


def id_as_in_files(given: str | None) -> str | None:
    """The id of a product as a catalogue file's is read; None where there is none, or words for none.

    Raises:
        ValueError: a file's record with it would be refused; the message says what is expected.
    """
    return None if is_missing(given) else read_id(given, Rules())
