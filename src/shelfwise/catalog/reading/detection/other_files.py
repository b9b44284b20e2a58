"""Files that are no catalogue as they are, and what makes one of them."""

from __future__ import annotations

import re

_LOOKED_AT = 4096
"""Bytes of a file's beginning."""

_SQL_LINE = re.compile(rb"(?im)^\s*(?:create table|insert into|drop table|copy \S+.* from stdin)")
_SQL_START = re.compile(
    rb"(?i)\s*(?:--|/\*|create |insert |drop |set |begin|use |copy |pragma |lock )"
)

_PHP = "php -r 'echo json_encode({});' > products.json"
_SERIALIZED = _PHP.format('unserialize(file_get_contents("products.txt"))')
_ARRAY = _PHP.format('include "products.php"')

_PYTHON = (
    "python -c 'import ast, json; print(json.dumps(ast.literal_eval(open(\"products.txt\").read())))' "
    "> products.json"
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
    (
        re.compile(rb"a:\d+:\{"),
        "an array that PHP has serialized",
        f"write it as JSON, with: {_SERIALIZED}",
    ),
    (
        re.compile(rb"(?i)\s*(?:<\?php\b|array\s*\(\s*(?:\d+|'[^'\n]*')\s*=>)"),
        "code of PHP",
        f"let it begin with '<?php return', and write it as JSON, with: {_ARRAY}",
    ),
    (
        re.compile(
            rb"\s*(?:export\s+default|module\.exports\s*=|(?:export\s+)?(?:const|let|var)\s+[\w$]+\s*="
            rb"|[\w$.]+\s*\()\s*(?:\[\s*\{|\{)"
        ),
        "a program in JavaScript",
        "keep only the list in it, from [ to ], which is JSON if its names and texts have double quotes",
    ),
    (
        re.compile(rb"(?s)\s*\[?\s*\{.{0,400}?:\s*(?:ObjectId|ISODate|NumberDecimal|NumberLong)\("),
        "what the shell of MongoDB shows",
        "write it as JSON, with: mongoexport --collection=products --out=products.jsonl",
    ),
    (
        re.compile(rb"(?:\s*#[^\n]*\n)*\s*\[{1,2}[\w.-]+\]{1,2}\s*\n\s*[\w.-]+\s*="),
        "TOML",
        "write it as JSON, for instance with: yq -p=toml -o=json . products.toml > products.json",
    ),
    (
        re.compile(rb"\s*\[\s*[A-Z]\w*\("),
        "a list of objects as Python shows them",
        "write it as JSON, with: json.dump(products, file, default=str)",
    ),
    (
        re.compile(rb"\s*\[\s*\{\s*'"),
        "a list as Python writes it",
        f"write it as JSON, with: {_PYTHON}",
    ),
    (
        re.compile(rb"\s*\[?\s*\{\s*[A-Za-z_$][\w$]*\s*:"),
        "JavaScript or JSON5, whose names have no quotes",
        "write it as JSON, for instance with: npx json5 products.json5 --out-file products.json",
    ),
    (
        re.compile(
            rb"(?:\s*#[^\n]*\n)*(?:---\s*\n)?(?:[\w-]+:\s*\n)?\s*(?:- )?[\w-]+: [^\n]*\n\s+?[\w-]+:"
        ),
        "YAML",
        "write it as JSON, for instance with: yq -o=json . products.yaml > products.json",
    ),
    (
        re.compile(rb"(?s)\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF.{4}WEBP"),
        "an image",
        "give the file of the products, whose field image names it",
    ),
    (re.compile(rb"%PDF-"), "a PDF document", "export the table as CSV or .xlsx"),
    (re.compile(rb"\{\\rtf"), "a text document (RTF)", "save its table as CSV or .xlsx"),
    (
        re.compile(rb"SQLite format 3\x00"),
        "a database of SQLite",
        "export the table, for instance with: sqlite3 -header -csv shop.db 'select * from products'",
    ),
    (
        re.compile(rb"(?s).{8}DUCK"),
        "a database of DuckDB",
        "write the table as Parquet, with: duckdb shop.duckdb \"copy products to 'products.parquet'\"",
    ),
    (
        re.compile(rb"\xff\xff\xff\xff"),
        "a stream of Arrow, such as the datasets library saves in a folder",
        "write Parquet, with: datasets.load_from_disk('FOLDER').to_parquet('products.parquet')",
    ),
    (
        re.compile(rb"\s*__label__\S"),
        "a file of fastText, whose lines have labels and a text",
        "write a table with the columns id, title and categories",
    ),
    (
        # at least two features, as a ratio such as 16:9 may well stand in a header
        re.compile(rb"(?:\d+ \d+ \d+\r?\n)?\d+(?:,\d+)*(?: \d+:[\d.eE+-]+){2,}\s"),
        "a file of LibSVM, which has numbers for labels and words",
        "use the texts that it was made of, in a table with the columns id, title and categories",
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
