"""The reader, block by block and column by column, against a slow and obvious one, record after record."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections import deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shelfwise.catalog.reading import arrow as arrays
from shelfwise.catalog.reading import byte_stream as sources
from shelfwise.catalog.reading import quoting
from shelfwise.catalog.reading.byte_stream import (
    RawRecord,
    RecordError,
    read_chunks,
    split_lines,
)
from shelfwise.catalog.reading.columns.column_mapping import plan_columns
from shelfwise.catalog.reading.columns.column_synonyms import RELATIONS, SYNONYMS
from shelfwise.catalog.reading.columns.missing_ids import NOTE
from shelfwise.catalog.reading.detection.file_reading import FileReading
from shelfwise.catalog.reading.formats import _header_line
from shelfwise.catalog.reading.formats import _json_lines as json_lines
from shelfwise.catalog.reading.product import Product, why
from shelfwise.catalog.reading.quoting import open_quote, scan_quotes
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.reading.record_parsing import (
    Record,
    decoded,
    parsed,
    raw_json,
    split_escaped,
    split_row,
)
from shelfwise.catalog.reading.streaming import block_cutting
from shelfwise.catalog.reading.streaming.blocks import NOTHING_BUT_ID, Quarantined, refuse
from shelfwise.catalog.reading.streaming.stream import REPEATED_BELOW
from shelfwise.catalog.reading.value_parsing import Rules
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import SCHEMA
from shelfwise.errors import CatalogError

thorough = settings(
    max_examples=70, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


# --- the slow reader ------------------------------------------------------------------------------


def slowly(
    path: Path, form: str, columns: dict[str, str], reading: FileReading | None = None
) -> tuple[list[dict[str, Any]], list[Quarantined], dict[str, int]]:
    """Products, quarantine and notes, given what the beginning of the file told."""
    reading = reading or FileReading.nothing()
    decimal, columns = reading.decimal, {**reading.chosen, **columns}
    rules, products, quarantine, lines = Rules(decimal=decimal, root=path.parent), [], [], {}
    first: dict[str, Product] = {}
    for piece, values in slow_records(path, form):
        if isinstance(values, RecordError):
            quarantine.append(refuse(piece, values))
            continue
        named = plan_columns(tuple(values), columns).apply(values)
        line_ids = reading.line_ids
        is_called_after_line = line_ids is not None and line_ids.named(named, piece.line)
        try:
            product = Product.model_validate(named, context=rules)
        except ValidationError as error:
            quarantine.append(refuse(piece, why(error, named), named.get("id")))
            continue
        rules.notes[NOTE] += is_called_after_line
        others = product.model_dump(exclude={"id", "further"}).values()
        rules.notes[NOTHING_BUT_ID] += not product.further and all(
            value is None for value in others
        )
        if product.id in lines:
            taken = f"the id is that of line {lines[product.id]}"
            reason = f"product {product.id!r}: {taken}; expected every id once"
            fault = RecordError("duplicate id", reason)
            if product.title is None and product.description is None and product.categories is None:
                line = lines[product.id]
                kept = f"the product {product.id!r} of line {line}"
                reason = f"the row belongs to {kept}, of which it is a variant"
                fault = RecordError("variant row", reason)
            elif reading.repeated_ids == "join" and adds_categories(product, first[product.id]):
                line = lines[product.id]
                product_of = f"the product {product.id!r} of line {line}"
                reason = f"the row's categories are added to {product_of}"
                fault = RecordError("category row", reason)
                row = next(row for row in products if row["id"] == product.id)
                known = row["categories"] or []
                new = [path for path in product.categories if path not in known]
                row["categories"] = known + new
            quarantine.append(refuse(piece, fault, product.id))
            continue
        lines[product.id] = piece.line
        first[product.id] = product
        row = {name: getattr(product, name) for name in SCHEMA.names}
        products.append(
            {**row, "related": product.related and list(product.related.items()), **product.further}
        )
    return products, quarantine, dict(+rules.notes)


def adds_categories(row: Product, first: Product) -> bool:
    """Whether a row that repeats a product's id says nothing else of it than further categories."""
    same = all(
        getattr(row, field) in (None, getattr(first, field)) for field in ("title", "description")
    )
    return same and row.categories is not None and row.categories != first.categories


def slow_records(path: Path, form: str) -> Iterator[Record]:
    if form == "parquet":
        for row, values in enumerate(pq.read_table(path).to_pylist(), 1):
            yield RawRecord(row, -1, raw_json(values)), values
        return
    pieces = split_lines(read_chunks(path))
    if form != "csv":
        yield from (
            (piece, parsed(piece, literal=form == "amazon2014"))
            for piece in pieces
            if not piece.blank
        )
        return
    names = [
        name.strip() for name in split_row(decoded(next(p for p in pieces if not p.blank))[0], ",")
    ]
    for piece in join_quoted(pieces, len(names)):
        if piece.blank:
            continue
        text, fault = decoded(piece)
        row = fault or split_row(text, ",")
        if fault is None and isinstance(row, RecordError):
            escaped = split_escaped(text, ",") or []
            row = escaped if len(escaped) == len(names) else row
        if isinstance(row, list) and len(row) != len(names):
            row = RecordError(
                "wrong number of columns",
                f"the row has {len(row)} columns; expected {len(names)}, as the header has",
            )
        yield piece, row if isinstance(row, RecordError) else dict(zip(names, row, strict=True))


def join_quoted(lines: Iterator[RawRecord], columns: int) -> Iterator[RawRecord]:
    """Records from physical lines; where they make no whole record, the first line alone is at fault."""
    waiting: deque[RawRecord] = deque()
    while (first := waiting.popleft() if waiting else next(lines, None)) is not None:
        taken, closed = gather(
            first, chain(iter(lambda w=waiting: w.popleft() if w else None, None), lines), columns
        )
        if closed:
            yield (
                first
                if len(taken) == 1
                else RawRecord(first.line, first.offset, b"".join(p.raw for p in taken))
            )
        else:
            yield RawRecord(first.line, first.offset, first.raw, open_quote())
            waiting.extendleft(reversed(taken[1:]))


def gather(
    first: RawRecord, following: Iterator[RawRecord], columns: int
) -> tuple[list[RawRecord], bool]:
    taken = [first]
    scan = None if first.fault else scan_quotes(first.raw, b",", inside=False)
    if scan is None or not scan[1]:
        return taken, True
    fields, size = 1 + scan[0], len(first.raw)
    for piece in following:
        taken.append(piece)
        size += len(piece.raw)
        scan = None if piece.fault else scan_quotes(piece.raw, b",", inside=True)
        if (
            scan is None
            or size > quoting.MAX_QUOTED_BYTES
            or (fields := fields + scan[0]) > columns
        ):
            return taken, False
        if not scan[1]:
            return taken, fields == columns
    return taken, False


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    # how most rows end has tests of its own
    monkeypatch.setattr(_header_line, "surplus_fields", lambda header, rows: 0)
    """Reads a file in both ways, the fast one in blocks of a given size, and compares what comes of it."""

    def compare(
        data: bytes, name: str, form: str, size: int, columns: dict[str, str] | None = None
    ) -> None:
        path = tmp_path / name
        path.write_bytes(data)
        monkeypatch.setattr(sources, "_CHUNK_BYTES", size)
        monkeypatch.setattr(block_cutting, "BLOCK_BYTES", size)
        monkeypatch.setattr(json_lines, "_LINES_TOGETHER", 3)
        monkeypatch.setattr(arrays, "_MAX_RUNS", 2)
        # what separates categories is found by the whole column, and is tested with its detection
        settings = CatalogSettings(
            format=form, columns=columns or {}, category_separator=" > ", category_delimiter="|"
        )
        reading, refusal = None, ""
        try:
            reading = read_catalog(path, settings)
        except CatalogError as error:
            refusal = str(error)
        if reading is None:
            products, quarantine, notes = slowly(path, form, columns or {})
            # a usual column that holds nothing gives way to another one, whose values may be unusable
            if products:
                assert all(
                    row[field] is None for row in products for field in ("title", "description")
                )
                assert "unusable title" in refusal or "unusable description" in refusal
                return
            assert re.search("could be read" if quarantine else "0 records|is empty", refusal)
            return
        products, quarantine, notes = slowly(path, form, columns or {}, reading.reading)
        empty = dict.fromkeys([*SCHEMA.names, *(key for row in products for key in row)])
        assert reading.catalog.table.to_pylist() == [{**empty, **row} for row in products]
        assert reading.quarantine == quarantine
        # tested with rows that repeat a product
        reading.notes.pop(REPEATED_BELOW, None)
        assert reading.notes == notes
        assert reading.records == len(products) + len(quarantine)

    return compare


# --- JSON -----------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        "",
        " ",
        "Mug",
        " Mug",
        "big  mug",
        "A &amp; B",
        "<b>Bold</b>",
        "schÃ¶n",
        "é",
        "\x00",
        "\x7f",
        "a\tb",
        "\u2003x",
        "[1]",
        "{",
    ]
)
PRICES = (
    st.sampled_from(["$1.50", "1.5", "1e3", "free", "-1", "1,234.50", " 7 ", "١", "1_0", "nan"])
    | st.floats()
    | st.integers(-2, 10**17)
)
IMAGES = st.sampled_from(
    [
        "a.jpg",
        "./a.jpg",
        "a//b",
        "../a",
        "/a",
        "http://x/y",
        "a\\b",
        "C:x",
        "a b.jpg",
        ".",
        "é.png",
        "-/_.",
        "data:x",
        "a/",
    ]
)
PATHS = st.sampled_from(
    [
        *(
            "A > B",
            "A > B | A > C",
            "A",
            " | ",
            "A >  > B",
            "A &gt; B",
            '["A", "B > C"]',
            "[sale] A",
            "A||B",
            " > ",
        ),
        *(
            [],
            [[]],
            ["A", "B"],
            ["A > B", "C"],
            [["A", " B"], []],
            [["A"], ["A &amp; B", "C"]],
            [["A", "B"], ["C"]],
            [["A", None]],
            [None, "A"],
        ),
        *(
            [["A", 5]],
            5,
            {"a": 1},
            [[["A"]]],
            ["A", ["B"]],
            [None, ["A"]],
            [["", "A"], [" "]],
            ["A", ""],
            [[True]],
        ),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=5,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "id": st.sampled_from([*"abcdefgh", " a", "a b", "é", "a\u2028", "x" * 70])
    | st.integers(0, 5)
    | st.just(2.0),
    "title": WORDS | st.lists(WORDS, max_size=2),
    "description": WORDS | st.lists(WORDS, max_size=2),
    "image": IMAGES | st.lists(IMAGES, max_size=2),
    "categories": PATHS,
    "price": PRICES,
    "brand": WORDS,
    "related": st.sampled_from(
        [{"also_bought": ["a", 2]}, {"x": []}, ["a"], '{"x": ["a"]}', 5, {"a": "b"}]
    ),
}
KEYS = st.sampled_from(
    [
        *(s for names in SYNONYMS.values() for s in names),
        *RELATIONS,
        "Title",
        "title_2",
        "ID ",
        "",
        "colour",
        'a"b',
        "é",
    ]
)


@st.composite
def json_records(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly the usual columns with usual values, at times anything under any name."""
    names = draw(
        st.lists(st.sampled_from([*FIELDS, *FIELDS, "colour", "also_buy"]), unique=True, max_size=8)
    )
    record = {
        name: draw(st.none() | FIELDS.get(name, ANYTHING) if draw(st.integers(0, 9)) else ANYTHING)
        for name in ["id", *names]
    }
    if not draw(st.integers(0, 5)):
        record |= draw(st.dictionaries(KEYS, ANYTHING, max_size=4))
    return record


ODD_LINES = st.sampled_from(
    [
        *(
            b"",
            b" \t",
            b"{",
            b"[1]",
            b"null",
            b'{"id": 1} x',
            b'{"id": "\xff"}',
            b'{"id": "a\0"}',
            b'{"id": "a\tb"}',
            b'{"id": "\\ud800"}',
            b"{}",
        ),
        *(
            b'{"id": "\\ud83d\\ude00"}',
            b'{"id": 1e400}',
            b'{"id": "q", "price": NaN}',
            b'{"id": "q", "title": "x\\u0000"}',
            b'\xef\xbb\xbf{"id": 9}',
        ),
        *(
            b'{"id": 1, "id": 2}',
            b'{"id": 7, "price": 1' + b"0" * 5000 + b"}",
            b'{"id":' + b"[" * 100_000,
            b'{"\\u0069d": "esc"}',
            b'{"id": "r"}\r',
        ),
        *(
            b"{'id': 'single'}",
            b"{'id': (1, 2)}",
            b'{"id": "s", "title": "\\/ \\u00e9"}',
            b'{"id": "z", "price": -0.0}',
            b'{"id": "t", "a": 1.0}',
        ),
    ]
) | st.binary(max_size=12).map(lambda b: b.replace(b"\n", b""))
LINES = st.lists(
    json_records().map(lambda r: json.dumps(r).encode())
    | json_records().map(lambda r: json.dumps(r, ensure_ascii=False).encode())
    | ODD_LINES
)


@thorough
@given(
    LINES,
    st.sampled_from(["jsonl", "amazon2014"]),
    st.integers(1, 400),
    st.dictionaries(st.sampled_from([*FIELDS, "new"]), KEYS, max_size=2),
)
@example([b'{"id": "a", "title": null, "description": null, "name": {"": null}}'], "jsonl", 1, {})
def test_json_lines(
    compare: Any, written: list[bytes], form: str, size: int, columns: dict[str, str]
) -> None:
    compare(b"\n".join([*written, b""]), "shop.jsonl", form, size, columns)


@thorough
@given(LINES, st.integers(20, 400), st.floats(0.3, 1))
def test_gzip_cut_short(compare: Any, written: list[bytes], size: int, share: float) -> None:
    data = gzip.compress(b"\n".join([*written, b'{"id": "the last"}']), mtime=0)
    compare(data[: max(int(share * len(data)), 12)], "shop.jsonl.gz", "jsonl", size)


def test_many_optional_columns(compare: Any) -> None:
    records = [
        {
            "id": i,
            **({f"k{i % 97}": i} if i % 3 else {"name": "n"}),
            **({"title": "t"} if i % 5 else {}),
        }
        for i in range(1000)
    ]
    compare(
        b"".join(json.dumps(r).encode() + b"\n" for r in records), "shop.jsonl", "jsonl", 4 << 20
    )


# --- tables ---------------------------------------------------------------------------------------

HEADERS = st.sampled_from(
    [["id"], ["id", "title"], ["title", "id", "price"], ["ID ", "categories", "colour", "image"]]
)
CELLS = (
    WORDS
    | IMAGES
    | st.sampled_from(
        [
            "A > B | C",
            "1.50",
            "$2",
            '["A"]',
            'say "hi"',
            "a,b",
            "two\nlines",
            "a\r\nb",
            "\r",
            '"',
            "é, ü",
            '5" nail',
            ",\n",
        ]
    )
    | st.text('ab ",\n', max_size=5)
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    header = draw(HEADERS)
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    buffer = io.StringIO()
    writer = csv.writer(
        buffer,
        lineterminator=ending,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerow(header)
    parts = [buffer.getvalue().encode()]
    for i in range(draw(st.integers(0, 8))):
        if draw(st.integers(0, 3)):
            buffer = io.StringIO()
            cells = [
                f"p{draw(st.sampled_from([i, 0]))}" if name.strip().lower() == "id" else draw(CELLS)
                for name in header
            ]
            csv.writer(buffer, lineterminator=ending).writerow(cells)
            parts.append(buffer.getvalue().encode())
        else:
            odd = [
                b'"',
                b",",
                b"\n",
                b"a",
                b"1",
                b"\r",
                b"\0",
                b"\xff",
                b'""',
                b'\n"',
                b" ",
                b"\xef\xbb\xbf",
                b'"a\n',
                b'b"c',
                "é".encode(),
            ]
            parts.append(
                b"".join(draw(st.lists(st.sampled_from(odd), max_size=8)))
                + draw(st.sampled_from([b"", b"\n"]))
            )
    return b"".join(parts)


@settings(thorough, max_examples=150)
@given(tables(), st.integers(1, 80))
def test_tables(compare: Any, data: bytes, size: int) -> None:
    compare(data, "shop.csv", "csv", size)


def test_very_long_fields(compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoting, "MAX_QUOTED_BYTES", 2000)
    rows = [
        b'1,"' + b"x" * 131_073 + b'"\n',
        b"2," + b"y" * 120_000 + b"\n",
        b"3,z\n",
        b'4,"' + b"a\n" * 2000 + b'"\n',
        b"5,z",
    ]
    compare(b"id,title\n" + b"".join(rows), "shop.csv", "csv", 4 << 20)


def test_a_block_of_megabytes(compare: Any) -> None:
    """Longer than what Arrow reads at once.

    With rows of other lengths, open and doubled quotes, and records of two lines throughout.
    """
    odd = {
        3: b"%d,short\n",
        5: b'%d,"open,c\n',
        7: b'%d,"two\nlines",c\n',
        9: b'%d,"say ""hi""",c\n',
        11: b"%d,a,b,c\n",
        13: b"%d,\xff,c\n",
    }
    rows = [
        odd.get(i % 97, b'%d,a title,"a, b"\n') % i + (b"\n" if i % 1000 == 0 else b"")
        for i in range(20_000)
    ]
    long = b"x," + b"y" * 90_000 + b",z\n"
    compare(
        b"id,title,description\n"
        + long.join([b"".join(rows[k : k + 800]) for k in range(0, len(rows), 800)]),
        "shop.csv",
        "csv",
        4 << 20,
    )


# --- Parquet --------------------------------------------------------------------------------------


@thorough
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.sampled_from("abcdef"), "title": st.none() | WORDS},
            optional={
                "categories": st.lists(st.lists(WORDS | st.none(), max_size=2), max_size=2),
                "price": st.floats(),
                "image": IMAGES,
                "colour": st.integers(-5, 5),
            },
        ),
        min_size=1,
        max_size=8,
    )
)
def test_parquet(compare: Any, tmp_path: Path, records: list[dict[str, Any]]) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), buffer)
    compare(buffer.getvalue(), "shop.parquet", "parquet", 1)
