"""The Amazon product dumps of 2018 (Ni et al. 2019): JSON lines with columns of their own."""

from __future__ import annotations

from shelfwise.catalog.reading.file_format import BY_RECORDS
from shelfwise.catalog.reading.formats._json_lines import JsonLinesFormat, first_record

# surer than JSON lines of any kind
_BY_COLUMNS = BY_RECORDS + 0.1

_OWN_COLUMNS = frozenset(
    {"also_buy", "also_view", "main_cat", "imageURL", "imageURLHighRes", "similar_item"}
)


class Amazon2018(JsonLinesFormat):
    """One JSON object a line, with ``category`` and columns that only these dumps have."""

    @classmethod
    def sniff(cls, start: bytes) -> float:
        """The first record is JSON and has the columns of these dumps."""
        found = first_record(start)
        if found is None or not found.is_json:
            return 0.0
        columns = found.values.keys()
        if "category" in columns and _OWN_COLUMNS & columns:
            return _BY_COLUMNS
        return 0.0
