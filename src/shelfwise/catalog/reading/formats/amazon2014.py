"""The Amazon product dumps of 2014 (McAuley et al. 2015): one Python dictionary a line."""

from __future__ import annotations

from typing import ClassVar

from shelfwise.catalog.reading.file_format import BY_RECORDS
from shelfwise.catalog.reading.formats._json_lines import JsonLinesFormat, first_record


class Amazon2014(JsonLinesFormat):
    """One Python dictionary, or JSON object, a line."""

    literal: ClassVar[bool] = True

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """The first record is a Python dictionary and no JSON."""
        found = first_record(start)
        if found is not None and not found.is_json:
            return BY_RECORDS
        return 0.0
