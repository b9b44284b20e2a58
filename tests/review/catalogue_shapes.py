"""One small catalogue in every shape that comes back with its categories changed."""

from __future__ import annotations

import gzip
import html
import io
import json
import zipfile
from collections.abc import Callable

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl.styles import Font

ROWS = [
    ("p1", "Stoneware mug, blue", "Kitchen > Mugs"),
    ("p2", 'Bowl "Oslo"', "Kitchen > Bowls|Garden"),
    ("p3", "Flower pot", "Garden"),
    ("p4", "Émile's cup", "Kitchen > Mugs|Garden"),
    ("p5", "Cup", "Kitchen > Mugs|Garden"),
    ("p6", "Bowl & spoon", "Kitchen > Bowls|Garden"),
]


def paths_of(text: str) -> list[list[str]]:
    return [path.split(" > ") for path in text.split("|")]


def table(delimiter: str, newline: str, quoted: bool = False) -> str:
    """The rows as a table, cells quoted where they must be, or all."""
    lines = [("id", "title", "categories", "note"), *((*row, "x  ") for row in ROWS)]
    written = []
    for line in lines:
        cells = []
        for cell in line:
            must = quoted or delimiter in cell or '"' in cell
            cells.append('"' + cell.replace('"', '""') + '"' if must else cell)
        written.append(delimiter.join(cells))
    return newline.join(written) + newline


def records() -> list[dict[str, object]]:
    return [
        {"id": identity, "categories": paths_of(text), "title": title, "n": 1.50}
        for identity, title, text in ROWS
    ]


def json_lines(compact: bool) -> str:
    separators = (",", ":") if compact else (", ", ": ")
    lines = [json.dumps(one, separators=separators, ensure_ascii=compact) for one in records()]
    return "\n".join(lines) + "\n"


def indented() -> bytes:
    return json.dumps(records(), indent=2, ensure_ascii=False).encode() + b"\n"


def under_a_key() -> bytes:
    """As a shop's interface answers, with texts for categories and each record inside another object."""
    nodes = []
    for identity, title, text in ROWS:
        nodes.append({"node": {"id": identity, "title": title, "categories": text.split("|")}})
    answer = {"data": {"products": {"edges": nodes}, "cursor": "x"}, "took": 1e2}
    return json.dumps(answer, separators=(",", ":")).encode()


def python_lines() -> bytes:
    return "".join(f"{one!r}\n" for one in records()).encode()


def feed(item: Callable[[str, str, list[str]], str]) -> bytes:
    """A feed of Google Merchant with a comment, a blank line and quotes of both kinds."""
    items = "\n".join(item(identity, title, text.split("|")) for identity, title, text in ROWS)
    head = '<?xml version=\'1.0\' encoding="iso-8859-1"?>\n<rss version="2.0" '
    space = 'xmlns:g="http://base.google.com/ns/1.0">\n<channel><!-- a > b -->\n\n'
    return f"{head}{space}{items}\n</channel></rss>\n".encode("iso-8859-1")


def repeated(identity: str, title: str, paths: list[str]) -> str:
    kinds = "".join(f"\n  <g:product_type>{html.escape(one)}</g:product_type>" for one in paths)
    name = html.escape(title, quote=False)
    return f"<item>\n  <g:id>{identity}</g:id>{kinds}\n  <title>{name}</title>\n</item>"


def nested(identity: str, title: str, paths: list[str]) -> str:
    names = [name for path in paths for name in path.split(" > ")]
    kinds = "".join(f"<category><![CDATA[{one}]]></category>" for one in names)
    name = html.escape(title, quote=False)
    return f'<item id="{identity}"><title>{name}</title><categories>{kinds}</categories></item>'


def parquet(as_text: bool) -> bytes:
    """Two row groups, a codec a column, and metadata of pandas."""
    kind = pa.string() if as_text else pa.list_(pa.list_(pa.string()))
    categories = [text if as_text else paths_of(text) for _, _, text in ROWS]
    fields = [
        pa.field("id", pa.string(), metadata={"unit": "none"}),
        pa.field("categories", kind),
        pa.field("title", pa.large_string()),
        pa.field("n", pa.decimal128(9, 2)),
        pa.field("seen", pa.timestamp("us", "Europe/Berlin")),
    ]
    schema = pa.schema(fields, metadata={"pandas": "{}", "who": "Ada"})
    values = [[row[0] for row in ROWS], categories, [row[1] for row in ROWS], [None] * 6, [5] * 6]
    arrays = [pa.array(one, field.type) for one, field in zip(values, schema, strict=True)]
    written = io.BytesIO()
    names = pq.ParquetFile(_plain_parquet(schema, arrays)).metadata.row_group(0)
    paths = [names.column(number).path_in_schema for number in range(names.num_columns)]
    codecs = dict(zip(paths, ["gzip", "snappy", "zstd", "none", "snappy"], strict=True))
    pq.write_table(
        pa.table(arrays, schema),
        written,
        row_group_size=4,
        compression=codecs,
        use_dictionary=["id"],
    )
    return written.getvalue()


def _plain_parquet(schema: pa.Schema, arrays: list[pa.Array]) -> io.BytesIO:
    written = io.BytesIO()
    pq.write_table(pa.table(arrays, schema), written)
    written.seek(0)
    return written


def workbook() -> bytes:
    """Two sheets, a title above the header, styles, a formula with its value and a number as text."""
    book = openpyxl.Workbook()
    other = book.active
    other.title = "Notes"
    other["A1"] = "Prices are without tax"
    other["B1"] = "=1+1"
    sheet = book.create_sheet("Products")
    sheet.append(["Spring catalogue"])
    sheet.append(["id", "title", "categories", "note"])
    for row in ROWS:
        sheet.append([*row, "x"])
    sheet["C5"].font = Font(bold=True)
    sheet["B2"].font = Font(italic=True)
    sheet.column_dimensions["B"].width = 40
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def archive() -> bytes:
    """A table, its description, and a folder."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as file:
        file.comment = b"spring"
        file.mkdir("data")
        file.writestr("data/shop.csv", table(";", "\r\n"))
        file.writestr("README.md", "What this is")
    return written.getvalue()


def gzipped(content: bytes) -> bytes:
    written = io.BytesIO()
    with gzip.GzipFile("shop.jsonl", "wb", fileobj=written, mtime=1_000_000_000) as file:
        file.write(content)
    return written.getvalue()


SHAPES = {
    "comma.csv": table(",", "\n").encode(),
    "semicolon-windows.csv": table(";", "\r\n").encode("cp1252"),
    "mark.csv": ("\ufeff" + table(";", "\r\n")).encode(),
    "quoted.csv": table(",", "\n", quoted=True).encode(),
    "tabs.tsv": table("\t", "\n").encode(),
    "utf16.csv": ("\ufeff" + table(";", "\r\n")).encode("utf-16-le"),
    "spaced.jsonl": json_lines(compact=False).encode(),
    "compact.jsonl": json_lines(compact=True).encode(),
    "array.json": json.dumps(records()).encode(),
    "indented.json": indented(),
    "key.json": under_a_key(),
    "python.json": python_lines(),
    "repeated.xml": feed(repeated),
    "nested.xml": feed(nested),
    "lists.parquet": parquet(as_text=False),
    "texts.parquet": parquet(as_text=True),
    "book.xlsx": workbook(),
    "lines.jsonl.gz": gzipped(json_lines(compact=True).encode()),
    "archive.zip": archive(),
}
