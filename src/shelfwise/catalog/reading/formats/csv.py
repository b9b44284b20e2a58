"""CSV: fields divided by commas or semicolons (or tabs), as RFC 4180 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shelfwise.catalog.reading.file_format import BY_NAME, BY_RECORDS
from shelfwise.catalog.reading.formats._delimited import DelimitedFormat, excel_delimiter
from shelfwise.catalog.reading.record_parsing import nonblank_lines

_HAS_COMMAS = 0.1


class Csv(DelimitedFormat):
    """A header line and rows of fields divided by commas, semicolons, tabs or pipes."""

    suffixes: ClassVar[Mapping[str, float]] = {".csv": BY_NAME}
    delimiters: ClassVar[str] = ",;\t|"

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """A comma or a semicolon in the first line is a weak sign: sentences have them too."""
        first = next(nonblank_lines(start), b"")
        if excel_delimiter(first) is not None:
            return BY_RECORDS
        return _HAS_COMMAS if any(sign in first for sign in (b",", b";", b"|")) else 0.0
