"""CSV: fields divided by commas or semicolons (or tabs), as RFC 4180 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shelfwise.catalog.reading.file_format import BY_NAME, BY_RECORDS
from shelfwise.catalog.reading.formats._delimited import DelimitedFormat
from shelfwise.catalog.reading.formats._header_line import excel_delimiter, mostly_hold
from shelfwise.catalog.reading.record_parsing import nonblank_lines

_HAS_COMMAS = 0.1
_COMMAS_BELOW = 0.05
_SIGNS = (b",", b";", b"|")


class Csv(DelimitedFormat):
    """A header line and rows of fields divided by commas, semicolons, tabs or pipes, or by what databases use
    as it stands in no text.
    """

    suffixes: ClassVar[Mapping[str, float]] = {".csv": BY_NAME}
    delimiters: ClassVar[str] = ",;\t|^~\x01\x1f"

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """A comma or a semicolon in the first line is a weak sign: sentences have them too."""
        first = next(nonblank_lines(start), b"")
        if excel_delimiter(first) is not None:
            return BY_RECORDS
        if any(sign in first for sign in _SIGNS):
            return _HAS_COMMAS
        # a title may stand above the header
        return _COMMAS_BELOW if mostly_hold(start, _SIGNS) else 0.0
