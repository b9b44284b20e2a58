"""JSON Lines in which not the first record, but a later one has texts in several languages."""

from __future__ import annotations

from itertools import islice

from shelfwise.catalog.reading.byte_stream import RawRecord
from shelfwise.catalog.reading.objects.localized_values import by_language
from shelfwise.catalog.reading.record_parsing import nonblank_lines, parsed

_MAX_TRIED = 100
"""Records that are looked at, as parsing is slow."""


def has_languages(start: bytes) -> bool:
    """Whether one of the first records has texts in several languages."""
    lines = islice(nonblank_lines(start), _MAX_TRIED)
    # the last line may be cut off, and what is no record is told of where it is read
    records = (parsed(RawRecord(1, 0, line), literal=False) for line in lines)
    return any(by_language(record) is not record for record in records)
