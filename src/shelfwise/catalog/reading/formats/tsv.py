"""TSV: fields divided by tabs, otherwise as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shelfwise.catalog.reading.file_format import BY_NAME
from shelfwise.catalog.reading.formats._delimited import DelimitedFormat
from shelfwise.catalog.reading.formats._header_line import mostly_hold
from shelfwise.catalog.reading.record_parsing import nonblank_lines

_HAS_TABS = 0.2
_TABS_BELOW = 0.15


class Tsv(DelimitedFormat):
    """A header line and rows of fields divided by tabs."""

    suffixes: ClassVar[Mapping[str, float]] = {".tsv": BY_NAME, ".tab": BY_NAME}
    delimiters: ClassVar[str] = "\t"

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """A tab in the first line is a stronger sign than a comma: a header has either."""
        if b"\t" in next(nonblank_lines(start), b""):
            return _HAS_TABS
        # a title may stand above the header
        return _TABS_BELOW if mostly_hold(start, (b"\t",)) else 0.0
