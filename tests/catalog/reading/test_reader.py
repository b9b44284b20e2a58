"""Every source record is accepted or quarantined, whatever is in the file."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shelfwise.catalog.reading.columns.column_synonyms import RELATIONS, SYNONYMS
from shelfwise.catalog.reading.reader import ReadResult, read_catalog, write_quarantine
from shelfwise.catalog.reading.streaming.stream import MAX_FURTHER
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import SCHEMA, Catalog
from shelfwise.core.image_sources import ImageFile
from shelfwise.errors import CatalogError

quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
REAL = Path(__file__).parents[3].parent / "shared" / "data"


def read(folder: Path, data: bytes, name: str = "shop.jsonl", **options: Any) -> ReadResult:
    path = folder / name
    path.write_bytes(data)
    return read_catalog(path, CatalogSettings(**options))


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(r).encode() + b"\n" for r in records)


def account(reading: ReadResult, data: bytes) -> None:
    """What must hold of every reading of a text file with the (decompressed) bytes `data`."""
    assert len(reading.catalog) + len(reading.quarantine) == reading.records
    assert len(set(reading.catalog.ids)) == len(reading.catalog)
    start, end, line = 0, 0, 1
    for q in reading.quarantine:
        assert q.offset >= end
        assert q.raw == data[q.offset : q.offset + q.length]
        assert q.reason
        assert q.kind
        start, end, line = q.offset, q.offset + q.length, line + data.count(b"\n", start, q.offset)
        assert q.line == line


# --- JSON lines -----------------------------------------------------------------------------------

BAD_LINES = st.sampled_from(
    [
        *(
            b"{",
            b"[1]",
            b"null",
            b'{"id": 1} x',
            b'{"id": "\xff"}',
            b'{"id": "a\0"}',
            b'{"id": "\\ud800"}',
            b'{"title": "no id"}',
            b'{"id": ""}',
        ),
        *(
            b'{"id": {"a": 1}}',
            b'{"id": 1e400',
            b'{"id":' + b"[" * 100_000,
            b'{"id": 1, "price": 1' + b"0" * 5000 + b"}",
            b"\x80",
        ),
        *(b'{"id": 5, "image": "../x.jpg"}', b'{"id": 5, "categories": 7}', b"\xef\xbb\xbf"),
    ]
) | st.binary(min_size=1, max_size=20).map(lambda b: b.replace(b"\n", b"") or b"?")
GOOD_LINES = st.builds(
    lambda i, t, c: json.dumps({"id": f"p{i}", "title": t, "categories": c}).encode(),
    st.integers(0, 6),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=8) | st.none(),
    st.lists(st.lists(st.sampled_from(["", " ", "Mugs", "A &amp; B"]), max_size=2), max_size=2),
)


@quick
@given(
    st.lists(
        st.booleans().flatmap(
            lambda good: st.tuples(
                st.just(good), GOOD_LINES if good else BAD_LINES | st.just(b" \t")
            )
        ),
        max_size=12,
    )
)
def test_jsonl_with_anything_in_it(tmp_path: Path, parts: list[tuple[bool, bytes]]) -> None:
    first = [json.loads(line)["id"] for good, line in parts if good]
    assume(first)
    data = b"\n".join(line for _, line in parts)
    reading = read(tmp_path, data, format="jsonl")
    account(reading, data)
    assert reading.records == sum(bool(line.strip()) for line in data.split(b"\n"))
    accepted = reading.catalog.ids
    assert [i for i in accepted if i.startswith("p")] == list(dict.fromkeys(first))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["[", "{", '["a"]', '{"a": ["b"]}', "$1", "a > b"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [
        *(s for names in SYNONYMS.values() for s in names),
        *RELATIONS,
        "Title",
        "title_2",
        "ID ",
        "",
        "colour",
    ]
)


@quick
@given(
    st.lists(st.dictionaries(KEYS, VALUES, max_size=6), max_size=5),
    st.dictionaries(KEYS, KEYS, max_size=2),
)
def test_any_values_under_any_names(
    tmp_path: Path, records: list[dict[str, Any]], columns: dict[str, str]
) -> None:
    data = lines(*records, {"id": "the last", "asin": "the last"})
    assume("id" not in columns and not {"id", "asin"} & set(columns.values()))
    account(read(tmp_path, data, columns=columns), data)


@quick
@given(
    st.binary(max_size=60),
    st.sampled_from(["a.jsonl", "a.json.gz", "a.csv", "a.tsv", "a.parquet", "a.txt"]),
)
def test_any_bytes_under_any_name(tmp_path: Path, data: bytes, name: str) -> None:
    try:
        reading = read(tmp_path, data, name)
    except CatalogError:  # one clear error is right too; anything else fails
        return
    account(reading, data)


def test_duplicate_names_the_first_line(tmp_path: Path) -> None:
    reading = read(
        tmp_path, lines({"id": "a", "title": "one"}, {"id": "b"}, {"id": "a", "title": "two"})
    )
    assert reading.catalog.column("title") == ["one", None]
    (q,) = reading.quarantine
    assert (q.id, q.line, q.kind) == ("a", 3, "duplicate id")
    assert "line 1" in q.reason


def test_a_refused_record_does_not_claim_its_id(tmp_path: Path) -> None:
    reading = read(tmp_path, lines({"id": "a", "title": {"size": 3}}, {"id": "a", "title": "good"}))
    assert reading.catalog.column("title") == ["good"]
    assert reading.quarantine[0].id == "a"


def test_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + lines({"id": "a"})).catalog.ids == ["a"]
    assert read(tmp_path, b"\xef\xbb\xbfid,title\na,b\n", "shop.csv").catalog.ids == ["a"]


def test_further_columns_are_text_and_bounded(tmp_path: Path) -> None:
    reading = read(tmp_path, lines({"id": 1, "colour": "red"}, {"id": 2, "sizes": [1, 2]}))
    assert reading.catalog.column("colour") == ["red", None]
    assert reading.catalog.column("sizes") == [None, "[1, 2]"]
    wide = read(tmp_path, lines(*({"id": i, f"k{i}": 1} for i in range(MAX_FURTHER + 5))))
    assert len(wide.catalog.table.column_names) == len(SCHEMA) + MAX_FURTHER
    assert 5 in wide.notes.values()


# --- gzip -----------------------------------------------------------------------------------------

PLAIN = lines(*({"id": i, "title": f"{i * i * 7919:x}"} for i in range(300)))
ZIPPED = gzip.compress(PLAIN, mtime=0)


@quick
@given(st.integers(0, len(ZIPPED) - 1))
def test_truncated_gzip_keeps_what_was_readable(tmp_path: Path, cut: int) -> None:
    if cut < 60:  # not one whole line of it can be decompressed
        with pytest.raises(CatalogError, match=r"is empty|could be read"):
            read(tmp_path, ZIPPED[:cut], "shop.jsonl.gz")
        return
    assume(cut >= 300)
    reading = read(tmp_path, ZIPPED[:cut], "shop.jsonl.gz")
    account(reading, PLAIN)
    (damaged,) = reading.quarantine
    assert damaged.kind == "damaged gzip"
    assert reading.catalog.ids == [str(i) for i in range(len(reading.catalog))]
    assert damaged.offset == PLAIN[: damaged.offset].rfind(b"\n") + 1


def test_most_of_a_truncated_gzip_is_read(tmp_path: Path) -> None:
    assert len(read(tmp_path, ZIPPED[:-9], "shop.jsonl.gz").catalog) == 300
    assert len(read(tmp_path, ZIPPED[: len(ZIPPED) // 2], "shop.jsonl.gz").catalog) > 100


@quick
@given(st.integers(0, len(ZIPPED) - 1), st.integers(1, 255))
def test_corrupt_gzip_never_crashes(tmp_path: Path, at: int, flip: int) -> None:
    data = bytearray(ZIPPED)
    data[at] ^= flip
    try:
        reading = read(tmp_path, bytes(data), "shop.jsonl.gz", format="jsonl")
    except CatalogError:
        return
    assert len(reading.catalog) + len(reading.quarantine) == reading.records


def test_gzip_is_told_by_its_bytes(tmp_path: Path) -> None:
    assert (
        len(read(tmp_path, ZIPPED, "shop.jsonl").catalog)
        == len(read(tmp_path, PLAIN, "shop.jsonl.gz").catalog)
        == 300
    )


# --- tables ---------------------------------------------------------------------------------------

# A cell that begins with a comma or line break, or has one beside a quote, can close a stray quote in a legal
# way: nobody can know.
CELLS = st.text('ab ",\n', max_size=6).filter(
    lambda c: c[:1] not in (",", "\n") and not any(x in c for x in ('",', '"\n', ',"', '\n"'))
)


def table(rows: list[list[str]], delimiter: str = ",") -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode()


@quick
@given(
    st.lists(
        st.tuples(st.text('ab ",\n\t;é', max_size=8), st.text('ab ",\n\t;é', max_size=8)),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(",;\t"),
)
def test_well_formed_tables_are_read_as_written(
    tmp_path: Path, cells: list[tuple[str, str]], delimiter: str
) -> None:
    data = table([["id", "x", "y"], *([str(i), *row] for i, row in enumerate(cells))], delimiter)
    reading = read(tmp_path, data, "shop.tsv" if delimiter == "\t" else "shop.csv")
    assert not reading.quarantine
    assert reading.records == len(cells)
    for i, name in enumerate("xy"):
        got = reading.catalog.column(name) if name in reading.catalog else [None] * len(cells)
        assert got == [row[i] if row[i].strip() else None for row in cells]


@quick
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), st.data())
def test_a_stray_quote_costs_one_line(
    tmp_path: Path, cells: list[tuple[str, str]], data: st.DataObject
) -> None:
    rows = [table([[f"p{i}", *row]]) for i, row in enumerate(cells)]
    strays = data.draw(
        st.lists(
            st.sampled_from([b'x1,"open,c\n', b'"x2,b,c\n', b'x3,b,"open\n', b'x4,"a"b,c\n']),
            min_size=1,
            max_size=3,
        )
    )
    for stray in strays:
        rows.insert(data.draw(st.integers(0, len(rows))), stray)
    source = b"id,a,b\n" + b"".join(rows)
    reading = read(tmp_path, source, "shop.csv")
    account(reading, source)
    assert reading.catalog.ids == [f"p{i}" for i in range(len(cells))]
    assert sorted(q.raw for q in reading.quarantine) == sorted(strays)


def test_joined_lines_must_have_the_right_number_of_columns(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        b'id,a,b\n1,"whole\nrecord",c\n2,"short\nrecord"\n3,b,c\n4,"open\n5,x,"\n6,b,c\n',
        "shop.csv",
    )
    assert reading.catalog.ids == ["1", "3", "6"]
    assert reading.catalog.column("a")[0] == "whole\nrecord"
    assert [(q.line, q.raw, q.kind) for q in reading.quarantine] == [
        (4, b'2,"short\n', "unclosed quote"),
        (5, b'record"\n', "wrong number of columns"),
        (7, b'4,"open\n', "unclosed quote"),
        (8, b'5,x,"\n', "unclosed quote"),
    ]


@quick
@given(
    st.lists(
        st.sampled_from([b'"', b",", b"\n", b"a", b"1", b"\r", b"\0", b"\xff", b'""', b'\n"'])
    ).map(b"".join)
)
def test_any_bytes_as_a_table(tmp_path: Path, body: bytes) -> None:
    data = b"id,a\nfirst,1\n" + body
    account(read(tmp_path, data, "shop.csv"), data)


def test_ragged_rows_are_refused_with_both_counts(tmp_path: Path) -> None:
    reading = read(tmp_path, b"id,title\n1,a\n2\n3,b,c\n\n4,d\n", "shop.csv")
    assert reading.catalog.ids == ["1", "4"]
    assert reading.records == 4
    assert [(q.line, q.kind) for q in reading.quarantine] == [
        (3, "wrong number of columns"),
        (4, "wrong number of columns"),
    ]
    assert "3 columns; expected 2" in reading.quarantine[1].reason


def test_inch_marks_in_unquoted_fields_are_kept(tmp_path: Path) -> None:
    assert read(tmp_path, b'id,title\n1,5" nail\n2,6" nail\n', "shop.csv").catalog.column(
        "title"
    ) == [
        '5" nail',
        '6" nail',
    ]


def test_many_open_quotes_take_linear_time(tmp_path: Path) -> None:
    data = b"id,title\n" + b"".join(b'%d,"5 inch\n' % i for i in range(20_000)) + b"last,ok\n"
    reading = read(tmp_path, data, "shop.csv")
    assert reading.catalog.ids == ["last"]
    assert len(reading.quarantine) == 20_000


# --- formats --------------------------------------------------------------------------------------


def test_amazon_2014(tmp_path: Path) -> None:
    data = b"""{'asin': '01', 'title': 'Dad\\'s Mug', 'price': 3.5, 'imUrl': 'http://x/y.jpg',
'categories': [['Home', 'Mugs']],
'related': {'also_bought': ['02']}, 'salesRank': {'Home': 7}}""".replace(b"\n", b" ")
    reading = read(
        tmp_path,
        data + b"\n{'asin': " + b"(" * 5000 + b"\n{'asin': '02'}\n{1: 2}\n__import__('os')\n",
        "meta.json",
    )
    account(reading, (tmp_path / "meta.json").read_bytes())
    assert reading.format == "amazon2014"
    assert reading.catalog.ids == ["01", "02"]
    assert reading.records == 5
    first = reading.catalog.table.to_pylist()[0]
    assert first["title"] == "Dad's Mug"
    assert first["price"] == 3.5
    assert first["image"] is None
    assert first["salesRank"] == '{"Home": 7}'
    assert first["categories"] == [["Home", "Mugs"]]
    assert first["related"] == [("also_bought", ["02"])]


def test_amazon_2018(tmp_path: Path) -> None:
    record = {
        "asin": "B1",
        "category": ["Home", "Arts &amp; Crafts", "</span></span>"],
        "description": ["One.", "<b>Two</b>"],
    }
    record |= {
        "title": '<span class="a-size-medium"',
        "also_buy": ["B2"],
        "also_view": [],
        "price": "$1,234.50",
    }
    record |= {"imageURLHighRes": ["https://x/y.jpg"], "brand": ""}
    reading = read(
        tmp_path,
        lines(record, {**record, "asin": "B3", "price": ".a-box{color:#fff}"}),
        "meta.json",
    )
    assert reading.format == "amazon2018"
    assert not reading.quarantine
    first, second = reading.catalog.table.to_pylist()
    assert first["categories"] == [["Home", "Arts & Crafts"]]
    assert first["description"] == "One. Two"
    assert first["title"] is None
    assert first["related"] == [("also_bought", ["B2"])]
    assert first["price"] == 1234.5
    assert second["price"] is None
    assert sorted(reading.notes.values()) == [1, 2]


def test_parquet_gives_back_what_was_written(tmp_path: Path) -> None:
    records = [
        {
            "id": "1",
            "title": "Mug",
            "categories": [["Home", "Mugs"], ["Gifts"]],
            "price": 2.5,
            "related": {"also_bought": ["2"]},
        },
        {"id": "2", "image": "images/2.jpg", "brand": "Acme"},
    ]
    written = Catalog.from_records(records)
    pq.write_table(written.table, tmp_path / "shop.parquet")
    reading = read_catalog(tmp_path / "shop.parquet")
    assert reading.format == "parquet"
    assert reading.catalog.table.equals(written.table)


def test_parquet_rows_are_quarantined_as_json(tmp_path: Path) -> None:
    bad = pa.array([b"ok", b"\xff"])
    invalid = pa.StringArray.from_buffers(2, bad.buffers()[1], bad.buffers()[2])
    pq.write_table(pa.table({"id": ["1", "1"]}), tmp_path / "twice.parquet")
    (q,) = read_catalog(tmp_path / "twice.parquet").quarantine
    assert (q.line, q.offset, json.loads(q.raw)) == (2, -1, {"id": "1"})
    pq.write_table(pa.table({"id": ["1", "2"], "title": invalid}), tmp_path / "latin.parquet")
    reading = read_catalog(tmp_path / "latin.parquet")
    assert reading.catalog.ids == ["1"]
    assert reading.quarantine[0].kind == "not UTF-8"


@pytest.mark.parametrize("tail", [b"", b"PAR1"])
def test_a_broken_parquet_file_is_one_clear_error(tmp_path: Path, tail: bytes) -> None:
    with pytest.raises(CatalogError, match="cannot be read as Parquet"):
        read(tmp_path, b"PAR1 nonsense" + tail, "shop.parquet")


def test_settings_name_columns_and_separators(tmp_path: Path) -> None:
    data = b"nr,name,pic,shelf\n7,Mug,a.jpg,Home/Mugs;Gifts\n"
    reading = read(
        tmp_path,
        data,
        "shop.csv",
        columns={"id": "nr", "image": "pic", "categories": "shelf"},
        category_separator="/",
        category_delimiter=";",
    )
    row = reading.catalog.table.to_pylist()[0]
    assert (row["id"], row["title"], row["image"], row["categories"]) == (
        "7",
        "Mug",
        "a.jpg",
        [["Home", "Mugs"], ["Gifts"]],
    )
    assert reading.catalog.image_sources() == [ImageFile(tmp_path, "a.jpg")]


# --- what cannot be read at all -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"\n \n", "0 records"),
        ("a.csv", b"id,title\n", "0 records"),
        ("a.csv", b"id,id\n1,2\n", "'id' more than once"),
        ("a.csv", b'id,"title\n1,2\n', "header"),
        ("a.csv", b"wert,farbe\n1,2\n", "no column is called like an id; .*'wert', 'farbe'"),
        (
            "a.csv",
            b"7,Mug,Home\n8,Pen,Office\n",
            "first row looks like a record, '7', 'Mug', 'Home'",
        ),
        ("a.tsv", b"A7\tMug\t4.50\nA8\tPen\t2\n", "put a line with their names above it"),
        ("a.dat", b"hello\nworld\n", "cannot tell the format"),
        ("a.jsonl.gz", gzip.compress(b"", mtime=0)[:12], "damaged gzip"),
    ],
)
def test_nothing_readable_is_one_clear_error(
    tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    with pytest.raises(CatalogError, match=says):
        read(tmp_path, data, name)


def test_no_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no catalogue"):
        read_catalog(tmp_path / "none.jsonl")
    with pytest.raises(
        CatalogError, match=r"^s3://shop/in is in an object store, which only ingest,"
    ):
        read_catalog(Path("s3://shop/in"))
    for name in (".hidden.jsonl", "a.jpg"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(
        CatalogError, match=r"is a folder, and no file in it has a catalogue's name"
    ):
        read_catalog(tmp_path)
    (tmp_path / "shop.jsonl").write_bytes(PLAIN)
    with pytest.raises(CatalogError, match=r"is a folder; .* such as shop\.jsonl$"):
        read_catalog(tmp_path)


# --- around it ------------------------------------------------------------------------------------


def test_quarantine_file_keeps_the_bytes(tmp_path: Path) -> None:
    reading = read(tmp_path, b'{"id": "caf\xe9"}\n' + lines({"id": 1}, {"id": 1}))
    write_quarantine(reading.quarantine, tmp_path / "quarantine.jsonl")
    rows = [
        json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text("utf-8").splitlines()
    ]
    assert [base64.b64decode(r["raw"]) for r in rows] == [q.raw for q in reading.quarantine]
    assert rows[0].keys() == {"line", "offset", "length", "id", "kind", "reason", "raw", "text"}
    assert rows[0]["text"].startswith('{"id": "caf')
    assert [r["id"] for r in rows] == [None, "1"]


@pytest.mark.parametrize("name", ["shop.jsonl", "shop.jsonl.gz", "shop.parquet"])
def test_progress_counts_the_bytes_on_disk(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    reported: list[int] = []
    if name.endswith("parquet"):
        pq.write_table(pa.table({"id": [str(i) for i in range(300)]}), path)
    else:
        path.write_bytes(ZIPPED if name.endswith("gz") else PLAIN)

    class Bar:
        def advance(self, steps: int = 1) -> None:
            reported.append(steps)

        @contextmanager
        def progress(self, title: str, total: int) -> Iterator[Bar]:
            reported.append(-total)
            yield self

    read_catalog(path, context=Bar())
    assert reported[0] == -path.stat().st_size
    assert sum(reported) == 0


@pytest.mark.skipif(
    not REAL.is_dir(), reason="the measuring catalogues are not beside the repository"
)
@pytest.mark.parametrize(
    ("name", "form", "accepted", "quarantined"),
    [
        ("flipkart/products.jsonl", "jsonl", 1050, 0),
        ("hm/test.jsonl", "jsonl", 1100, 0),
        ("amazon2018/meta_Gift_Cards.json.gz", "amazon2018", 1547, 0),
        ("amazon2018/meta_Magazine_Subscriptions.json.gz", "amazon2018", 2320, 1065),
    ],
)
def test_real_catalogues_are_accounted_for(
    name: str, form: str, accepted: int, quarantined: int
) -> None:
    path = REAL / name
    data = gzip.decompress(path.read_bytes()) if name.endswith("gz") else path.read_bytes()
    reading = read_catalog(path)
    account(reading, data)
    assert (reading.format, len(reading.catalog), len(reading.quarantine)) == (
        form,
        accepted,
        quarantined,
    )
    assert reading.records == len(data.splitlines())
    assert {q.kind for q in reading.quarantine} <= {"duplicate id", "variant row"}
