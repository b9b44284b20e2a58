"""Files that are no catalogue as they are, and what makes one of them."""

from __future__ import annotations

import re

_LOOKED_AT = 4096
"""Bytes of a file's beginning."""

_SQL_LINE = re.compile(rb"(?im)^\s*(?:create table|insert into|drop table|copy \S+.* from stdin)")
_SQL_START = re.compile(
    rb"(?i)\s*(?:--|/\*|create |insert |drop |set |begin|use |copy |pragma |lock )"
)

_KINDS: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (
        re.compile(rb"(?i)\s*<(?:!doctype html|html|head|body|table)\b"),
        "an HTML page, whatever its name ends with",
        "open it in a spreadsheet program, and save it there as .xlsx or CSV UTF-8",
    ),
    (
        re.compile(rb"(?s).*urn:schemas-microsoft-com:office:spreadsheet"),
        "a workbook in the XML of Excel 2003",
        "open it in a spreadsheet program, and save it there as .xlsx",
    ),
    (re.compile(rb"%PDF-"), "a PDF document", "export the table as CSV or .xlsx"),
    (re.compile(rb"\{\\rtf"), "a text document (RTF)", "save its table as CSV or .xlsx"),
    (
        re.compile(rb"SQLite format 3\x00"),
        "a database of SQLite",
        "export the table, for instance with: sqlite3 -header -csv shop.db 'select * from products'",
    ),
    (
        re.compile(rb"ARROW1|FEA1"),
        "a Feather or Arrow file",
        "write Parquet, with pandas: frame.to_parquet('products.parquet')",
    ),
    (
        re.compile(rb"ORC|Obj\x01|\x89HDF|\x93NUMPY|\x80[\x02-\x05]"),
        "a file of ORC, Avro, HDF5, numpy or pickle",
        "write Parquet, with pandas: frame.to_parquet('products.parquet')",
    ),
    (
        re.compile(rb"BZh[1-9]|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!"),
        "compressed with bzip2, xz, zstd, 7z or rar",
        "unpack it, or compress it with gzip or zip",
    ),
)
"""How the file begins, what it is, and what to do."""


def why_no_catalogue(start: bytes) -> str | None:
    """What a file with these first bytes is, and how to make a catalogue of it; None of any other file."""
    text = start.removeprefix(b"\xef\xbb\xbf")
    if _SQL_START.match(text) and _SQL_LINE.search(text):
        return "it is a dump of a database in SQL; export the table of products as CSV instead"
    for pattern, kind, cure in _KINDS:
        if pattern.match(text[:_LOOKED_AT]):
            return f"it is {kind}; {cure}"
    return None
