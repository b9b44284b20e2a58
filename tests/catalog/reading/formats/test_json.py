"""JSON in an array, under a key, over many lines, and as pandas writes tables."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from shelfwise.catalog.reading.detection.format_detection import detect_format
from shelfwise.catalog.reading.formats import _json_bounds
from shelfwise.catalog.reading.formats import json as json_format
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.catalog.reading.streaming import block_cutting
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

MANY = 3 << 20
"""Bytes of a long record; a record may have a third of them in these tests."""

RECORDS: list[dict[str, Any]] = [
    {
        "id": 7,
        "title": "Mug",
        "category": [{"id": 1, "name": "Kitchen"}, {"id": 2, "name": "Mugs"}],
    },
    {"id": 8, "title": "Pen", "category": [{"id": 3, "name": "Office"}]},
    {"id": 9, "title": "Théière"},
]
NAMES = list(RECORDS[0])
ROWS = [[record.get(name) for name in NAMES] for record in RECORDS]
TITLES = ["Mug", "Pen", "Théière"]


def read(
    folder: Path, data: str | bytes, name: str = "shop.json", form: str = "auto"
) -> ReadResult:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_catalog(path, CatalogSettings(format=form))


def one_a_line(records: list[Any]) -> str:
    return "[" + ",\n".join(map(json.dumps, records)) + "]\n"


SHAPES = {
    "array": json.dumps(RECORDS),
    "array, one object a line": one_a_line(RECORDS),
    "array, pretty": json.dumps(RECORDS, indent=2),
    "array, half pretty": "[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n",
    "key": json.dumps({"products": RECORDS}),
    "key, pretty": json.dumps({"total": 3, "links": [{"a": 1}], "products": RECORDS}, indent=2),
    "key below a key": json.dumps({"data": {"page": 1, "products": RECORDS}, "ok": True}, indent=1),
    "key below a key only": json.dumps({"data": {"page": 1, "products": RECORDS}}),
    "objects, pretty": "\n".join(json.dumps(record, indent=1) for record in RECORDS),
    "objects on one line": " ".join(map(json.dumps, RECORDS)),
    "columns": pd.DataFrame(RECORDS).to_json(),
    "columns, pretty": pd.DataFrame(RECORDS).to_json(indent=1),
    "rows": pd.DataFrame(RECORDS).to_json(orient="index"),
    "table": pd.DataFrame(RECORDS).to_json(orient="table"),
    "split": pd.DataFrame(RECORDS).to_json(orient="split"),
    "split, pretty": pd.DataFrame(RECORDS).to_json(orient="split", indent=1),
    "lists under their names": json.dumps([NAMES, *map(list, ROWS)]),
    "lists under a key": json.dumps({"range": "A1:C4", "values": [NAMES, *ROWS]}, indent=1),
    "with a mark": "\ufeff" + json.dumps(RECORDS, indent=1),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_holds_the_same_records(tmp_path: Path, shape: str) -> None:
    for data, name in [
        (SHAPES[shape].encode(), "shop.json"),
        (gzip.compress(SHAPES[shape].encode()), "shop.gz"),
        (SHAPES[shape].removeprefix("\ufeff").encode("utf-16"), "shop"),
    ]:
        reading = read(tmp_path, data, name)
        assert reading.format == "json"
        assert reading.catalog.ids == ["7", "8", "9"]
        assert reading.catalog.column("title") == TITLES
        assert reading.catalog.column("categories")[1] == [["Office"]]
        assert not reading.quarantine


@pytest.mark.parametrize(
    "data",
    [
        "".join(json.dumps(record) + "\n" for record in RECORDS),
        # a product with a list of objects is one product
        json.dumps({"id": 1, "title": "Mug", "variants": [{"id": 2}, {"id": 3}]}),
        # a broken line does not make it another format
        '{"id": 1, "titl\n' + json.dumps(RECORDS[0]),
        "{oops}\n" + json.dumps(RECORDS[0]),
        # pages of an interface would be records of json lines
        '{"a": [{"id": 1}]}\n{"a": [{"id": 2}]}\n',
    ],
)
def test_lines_of_objects_stay_json_lines(tmp_path: Path, data: str) -> None:
    path = tmp_path / "shop.json"
    path.write_text(data)
    assert detect_format(path) == "jsonl"


def test_a_pretty_product_with_variants_is_one_product(tmp_path: Path) -> None:
    product = {"id": 1, "title": "Mug", "variants": [{"id": 2}, {"id": 3}]}
    reading = read(tmp_path, json.dumps(product, indent=2))
    assert (reading.format, reading.catalog.ids) == ("json", ["1"])


def test_dictionaries_of_products_by_their_number(tmp_path: Path) -> None:
    reading = read(tmp_path, json.dumps({"A-1": {"title": "Mug"}, "A-2": {"title": "Pen"}}))
    assert reading.catalog.ids == ["A-1", "A-2"]


def test_what_is_no_product_is_refused_with_its_number(tmp_path: Path) -> None:
    reading = read(tmp_path, json.dumps([RECORDS[0], 5, RECORDS[0], RECORDS[1]], indent=1))
    assert reading.catalog.ids == ["7", "8"]
    assert [(refused.line, refused.kind) for refused in reading.quarantine] == [
        (2, "not a record"),
        (3, "duplicate id"),
    ]
    assert json.loads(reading.quarantine[1].raw) == RECORDS[0]


@pytest.mark.parametrize("data", [json.dumps(RECORDS)[:-9], json.dumps(RECORDS, indent=1)[:-20]])
def test_what_stands_before_damage_counts(tmp_path: Path, data: str) -> None:
    reading = read(tmp_path, data)
    assert reading.catalog.ids == ["7", "8"]
    (refused,) = reading.quarantine
    assert (refused.line, refused.kind) == (3, "damaged JSON")
    reading = read(tmp_path, gzip.compress(json.dumps(RECORDS * 2000, indent=1).encode())[:-90])
    assert [refused.kind for refused in reading.quarantine][-1] == "damaged gzip"


def test_what_json_does_not_allow_and_programs_write(tmp_path: Path) -> None:
    records = [*RECORDS, {"id": 10**30, "title": "Tab\there", "price": float("nan")}]
    reading = read(tmp_path, json.dumps(records, indent=1).replace("\\t", "\t"))
    assert reading.catalog.ids == ["7", "8", "9", str(10**30)]
    assert reading.catalog.column("price")[-1] is None
    reading = read(tmp_path, json.dumps([{"id": 1, "title": "\ud83d x"}, RECORDS[0]]))
    assert len(reading.catalog) + len(reading.quarantine) == 2


def test_many_records_are_read_in_several_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_cutting, "BLOCK_BYTES", 2000)
    monkeypatch.setattr("shelfwise.catalog.reading.formats._as_lines._LINES_BYTES", 700)
    records = [{"id": i, "title": f"Mug {i}"} for i in range(500)]
    reading = read(tmp_path, json.dumps({"products": records}, indent=1))
    assert reading.catalog.ids == [str(i) for i in range(500)]


def test_a_table_too_large_is_refused_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_format, "_MAX_WHOLE_BYTES", 100)
    with pytest.raises(CatalogError, match=r'orient="records", lines=True'):
        read(tmp_path, SHAPES["columns"])


def test_an_empty_array_has_no_products(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="read as json, has 0 records"):
        read(tmp_path, "[]\n")


@pytest.mark.parametrize("orient", ["columns", "split", "index", "table"])
def test_the_index_of_pandas_is_the_id_where_no_column_is(tmp_path: Path, orient: Any) -> None:
    frame = pd.DataFrame({"title": ["Mug", "Pen"]}, index=pd.Index(["A", "B"], name="id"))
    assert read(tmp_path, frame.to_json(orient=orient)).catalog.ids == ["A", "B"]


def test_columns_of_pandas_may_have_any_names(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Artikel-ID / Item ID": ["A", "B"], "Bezeichnung / Name": ["Mug", "Pen"]})
    assert read(tmp_path, frame.to_json()).catalog.column("title") == ["Mug", "Pen"]


@pytest.mark.parametrize("indent", [0, 1])
def test_lists_without_names_are_refused_with_the_cure(tmp_path: Path, indent: int) -> None:
    data = pd.DataFrame(RECORDS).to_json(orient="values", indent=indent)
    with pytest.raises(CatalogError, match=r'have no names.*to_json.*orient="records"'):
        read(tmp_path, data)


def test_rows_of_lists_are_counted_one_by_one(tmp_path: Path) -> None:
    # spreadsheets leave out empty cells at the end
    rows = [["id", "title", "brand"], ["1", "Mug"], ["2", "Pen", "x", "y"], 5]
    reading = read(tmp_path, json.dumps({"values": rows}))
    assert reading.catalog.ids == ["1"]
    assert [(one.line, one.kind) for one in reading.quarantine] == [
        (2, "not a record"),
        (3, "not a record"),
    ]


def test_names_of_a_table_that_cannot_be_used(tmp_path: Path) -> None:
    table = {"columns": ["id", "title", "title"], "index": [0], "data": [[1, "Mug", "Cup"]]}
    with pytest.raises(CatalogError, match="names 'title' more than once"):
        read(tmp_path, json.dumps(table))
    frame = pd.DataFrame([[1, "Mug"]], columns=pd.MultiIndex.from_tuples([("a", "id"), ("b", "c")]))
    with pytest.raises(CatalogError, match="names on several levels"):
        read(tmp_path, frame.to_json(orient="split"))


def test_a_product_with_lists_of_lists_is_no_table(tmp_path: Path) -> None:
    records = {"a": {"title": "Mug", "categories": [["A", "B"]]}, "b": {"title": "Pen"}}
    assert read(tmp_path, json.dumps(records)).catalog.ids == ["a", "b"]
    product = {"id": 1, "title": "Mug", "categories": [["A", "B"]]}
    assert read(tmp_path, json.dumps(product, indent=1)).catalog.ids == ["1"]


def written(path: Path, *parts: str) -> Path:
    path.write_text("".join(parts), "utf-8")
    return path


LONG = {
    "in one text": '{"id": 3, "title": "' + "a" * MANY + '"}',
    "in many values": '{"id": 3, "sizes": [' + "12345678, " * (MANY // 10) + "1]}",
    "in many keys": '{"id": 3, "more": {' + '"a": [{}], ' * (MANY // 11) + '"b": 1}}',
}


@pytest.fixture
def short_records(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_json_bounds, block_cutting):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", MANY // 3)


@pytest.mark.usefixtures("short_records")
@pytest.mark.parametrize("long", LONG.values(), ids=LONG)
@pytest.mark.parametrize(
    ("before", "after"),
    [("[", "]"), ('{"shop": "x", "products": [', "]}"), ("", "")],
    ids=["an array", "under a key", "one after the other"],
)
def test_a_record_that_is_too_long_is_refused_and_told(
    before: str, long: str, after: str, tmp_path: Path
) -> None:
    sign = ",\n" if before else "\n"
    records = sign.join(['{"id": 1,\n "title": "Mug"}', '{"id": 2, "title": "Pen"}', long])
    found = read_catalog(written(tmp_path / "shop.json", before, records, after))
    assert found.format == "json"
    assert found.catalog.ids == ["1", "2"]
    [refused] = found.quarantine
    assert refused.kind == "record too long"
    assert "expected at most 16,777,216" in refused.reason
    assert "what follows it in the file is not read" in refused.reason


@pytest.mark.usefixtures("short_records")
def test_what_is_no_record_may_be_long(tmp_path: Path) -> None:
    """Behind the records, and between two of them."""
    rest = json.dumps({"pages": ["x" * 100] * (MANY // 100)})
    first = '{"products": [{"id": 1,\n "title": "Mug"}, {"id": 2, "title": "Pen"}]'
    second = '{"products": [{"id": 3, "title": "Cup"}]}'
    path = written(tmp_path / "shop.json", first, ', "rest": ', rest, "}\n", second)
    found = read_catalog(path)
    assert (found.catalog.ids, found.quarantine) == (["1", "2", "3"], [])


def test_a_long_record_takes_no_memory(tmp_path: Path) -> None:
    """40 MB of JSON in 40 KB of gzip: it is not built, whatever is in it."""
    path = tmp_path / "shop.json.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'[{"id": 1,\n "title": "Mug"},\n{"id": 2, "sizes": [')
        for _ in range(40):
            file.write(b"[1]," * 250_000)
        file.write(b"1]}]")
    code = (
        "import sys; from shelfwise.catalog.reading.reader import read_catalog\n"
        "from shelfwise.catalog.reading.formats import _json_bounds\n"
        # less than it is, which takes less time
        "_json_bounds.MAX_RECORD_BYTES = 1 << 20\n"
        "found = read_catalog(sys.argv[1])\n"
        "status = open('/proc/self/status').read().split()\n"
        "kibibytes = status[status.index('VmHWM:') + 1]\n"
        "print(len(found.catalog), found.quarantine[0].kind, kibibytes, sep=',')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    products, kind, kibibytes = done.stdout.strip().split(",")
    assert (products, kind) == ("1", "record too long")
    # as lists it would be more than a gigabyte
    assert int(kibibytes) < 500 << 10


@pytest.mark.parametrize(
    "text",
    [
        '{"fields": [{"id": "id", "type": "t"}, {"id": "title", "type": "t"}], "records": [["7", "Mug"]]}',
        '{"table": {"cols": [{"id": "A", "label": "title"}], "rows": [{"c": []}, {"c": []}]}}',
    ],
)
def test_objects_that_describe_columns_are_no_products(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogError, match="whose columns they may describe"):
        read(tmp_path, text)


def dump_of_django(*models: str) -> str:
    """Two objects of each model; keys are counted for each by itself."""
    dumped = [
        {"model": model, "pk": key, "fields": {"name": f"{model} {key}", "category": key}}
        for model in models
        for key in (1, 2)
    ]
    return json.dumps(dumped)


def test_a_dump_of_django_has_its_keys_as_ids(tmp_path: Path) -> None:
    found = read(tmp_path, dump_of_django("shop.product"))
    assert found.catalog.ids == ["1", "2"]
    assert found.catalog.column("title") == ["shop.product 1", "shop.product 2"]
