"""Parquet files of every type of Arrow: read as JSON would be, or refused in a sentence."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.errors import CatalogError

IDS = pa.array(["1", "2"])
TITLES = pa.array(["Mug", "Lamp"])


def read(folder: Path, **columns: Any) -> ReadResult:
    path = folder / "shop.parquet"
    pq.write_table(pa.table({"id": IDS, "title": TITLES, **columns}), path)
    return read_catalog(path)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_texts_of_every_kind(tmp_path: Path, kind: Any) -> None:
    paths = pa.array(["Home > Mugs", "Home > Lamps"], kind)
    found = read(tmp_path, id=IDS.cast(kind), title=TITLES.cast(kind), categories=paths)
    assert found.catalog.ids == ["1", "2"]
    assert found.catalog.column("title") == ["Mug", "Lamp"]
    assert found.catalog.column("categories") == [[["Home", "Mugs"]], [["Home", "Lamps"]]]


def test_dictionaries(tmp_path: Path) -> None:
    paths = pa.array(["Home > Mugs", "Home > Lamps"]).dictionary_encode()
    found = read(tmp_path, title=TITLES.dictionary_encode(), categories=paths)
    assert found.catalog.column("title") == ["Mug", "Lamp"]
    assert found.catalog.column("categories") == [[["Home", "Mugs"]], [["Home", "Lamps"]]]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([Decimal("1.10"), None], pa.decimal128(20, 2)), [1.1, None]),
        (pa.array([1.5, 2.5], pa.float16()), [1.5, 2.5]),
        (pa.array([{"amount": 1.5, "currency": "EUR"}, None]), [1.5, None]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_prices_of_every_type(tmp_path: Path, column: Any, expected: list[float | None]) -> None:
    assert read(tmp_path, price=column).catalog.column("price") == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([Decimal(10**20), Decimal(2)], pa.decimal256(40, 0)), [str(10**20), "2"]),
        (pa.array([2**64 - 1, 2], pa.uint64()), [str(2**64 - 1), "2"]),
        (pa.array([1.0, 2.0]), ["1", "2"]),
    ],
)
def test_ids_have_all_their_digits(tmp_path: Path, column: Any, expected: list[str]) -> None:
    assert read(tmp_path, id=column).catalog.ids == expected


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.string()),
        pa.list_(pa.string(), 2),
    ],
)
def test_lists_of_every_kind(tmp_path: Path, kind: Any) -> None:
    paths = pa.array([["Home", "Mugs"], ["Home", "Lamps"]], kind)
    assert read(tmp_path, categories=paths).catalog.column("categories") == [
        [["Home", "Mugs"]],
        [["Home", "Lamps"]],
    ]


OBJECTS = pa.map_(pa.string(), pa.string())


@pytest.mark.parametrize("name", ["title", "categories"])
def test_a_map_is_an_object_as_in_json_and_no_list(tmp_path: Path, name: str) -> None:
    """Its keys were taken for levels of a path."""
    column = pa.array([[("big", "Mug"), ("small", "Cup")], None], OBJECTS)
    found = read(tmp_path, **{name: column})
    [refused] = found.quarantine
    assert f"the {name} is {{'big': 'Mug', 'small': 'Cup'}}; expected" in refused.reason
    assert found.catalog.ids == ["2"]


def test_a_map_of_languages_is_a_column_each(tmp_path: Path) -> None:
    column = pa.array([[("en", "Mug"), ("de", "Becher")], None], OBJECTS)
    found = read(tmp_path, title=column)
    assert found.catalog.column("title") == ["Mug", None]
    assert found.catalog.column("title-de") == ["Becher", None]


def test_a_map_that_has_a_key_twice_is_refused(tmp_path: Path) -> None:
    column = pa.array([[("en", "Mug"), ("en", "Becher")], [("en", "Lamp")]], OBJECTS)
    [refused] = read(tmp_path, further=column).quarantine
    assert (
        refused.reason
        == "the column 'further' holds a value that cannot be used (a map has a key twice)"
    )


def test_a_map_in_a_column_of_relations(tmp_path: Path) -> None:
    kind = pa.map_(pa.string(), pa.list_(pa.string()))
    found = read(tmp_path, related=pa.array([[("also_bought", ["2"])], None], kind))
    assert found.catalog.column("related")[0] == [("also_bought", ["2"])]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([19724], pa.date32()), "2024-01-02"),
        (pa.array([1704153600], pa.timestamp("s")), "2024-01-02T00:00:00"),
        (pa.array([1704153600000000], pa.timestamp("us")), "2024-01-02T00:00:00"),
        (pa.array([1704153600000000001], pa.timestamp("ns")), "2024-01-02T00:00:00.000000001"),
        (pa.array([1704153600000], pa.timestamp("ms", tz="UTC")), "2024-01-02T00:00:00Z"),
        (pa.array([3600], pa.time32("s")), "01:00:00"),
    ],
)
def test_times_are_texts(tmp_path: Path, column: Any, expected: str) -> None:
    both = pa.concat_arrays([column, pa.nulls(1, column.type)])
    assert read(tmp_path, since=both).catalog.column("since") == [expected, None]


@pytest.mark.parametrize("name", ["since", "title"])
def test_a_time_of_another_millennium_ends_nothing(tmp_path: Path, name: str) -> None:
    column = pa.array([2**53, 0], pa.timestamp("s"))
    found = read(tmp_path, **{name: column})
    assert [one.kind for one in found.quarantine] == ["unusable value"]
    assert found.catalog.ids == ["2"]
    nested = pa.array([{"at": 2**53}, {"at": 0}], pa.struct([("at", pa.timestamp("s"))]))
    found = read(tmp_path, further=nested)
    assert [one.kind for one in found.quarantine] == ["unusable value"]


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    table = pa.Table.from_arrays([IDS, TITLES, TITLES], names=["id", "title", "title"])
    pq.write_table(table, path)
    with pytest.raises(CatalogError, match=r"several columns called 'title'; give every column"):
        read_catalog(path)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"Mug", b"\xff"]),
        pa.array([{"size": "Mug"}, {"size": "Lamp"}]),
        pa.array([True, False]),
    ],
)
def test_titles_that_are_no_texts_are_refused(tmp_path: Path, column: Any) -> None:
    with pytest.raises(CatalogError, match=r"none of the 2 records .* expected a text"):
        read(tmp_path, title=column)


@pytest.mark.parametrize("several", [False, True])
def test_classes_of_the_datasets_library_have_names(tmp_path: Path, several: bool) -> None:
    kind = {"names": ["Mugs", "Lamps"], "_type": "ClassLabel"}
    feature = {"feature": kind, "_type": "Sequence"} if several else kind
    about = {"info": {"features": {"label": feature, "id": {"dtype": "string", "_type": "Value"}}}}
    numbers = [[1, 0], [], [7]] if several else [1, -1, None]
    table = pa.table({"id": ["a", "b", "c"], "label": numbers})
    path = tmp_path / "products.parquet"
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(about)}), path)
    first = [["Lamps"], ["Mugs"]] if several else [["Lamps"]]
    assert read_catalog(path).catalog.column("categories") == [first, None, None]


def test_the_index_of_pandas_is_the_id(tmp_path: Path) -> None:
    path = tmp_path / "products.parquet"
    pq.write_table(pa.table({"title": ["Mug", "Lamp"], "__index_level_0__": [7, 8]}), path)
    assert read_catalog(path).catalog.ids == ["7", "8"]
