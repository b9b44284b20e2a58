"""JSON Lines: one JSON object a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shelfwise.catalog.reading.file_format import BY_RECORDS, PERHAPS_BY_NAME
from shelfwise.catalog.reading.formats._json_lines import JsonLinesFormat, first_record
from shelfwise.catalog.reading.formats._later_languages import has_languages
from shelfwise.catalog.reading.objects.envelopes import is_plain


class JsonLines(JsonLinesFormat):
    """One JSON object a line."""

    suffixes: ClassVar[Mapping[str, float]] = {
        ".json": PERHAPS_BY_NAME,
        ".jsonl": PERHAPS_BY_NAME,
        ".ndjson": PERHAPS_BY_NAME,
    }

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """The first record is JSON."""
        found = first_record(start)
        # what is wrapped in any way, or in several languages, is left to the format json
        is_record = found is not None and found.is_json and is_plain(found.values)
        return BY_RECORDS if is_record and not has_languages(start) else 0.0
