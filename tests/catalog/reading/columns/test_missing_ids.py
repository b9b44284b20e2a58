"""Products without an id are called after their line where many lack one, and are refused where few do."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.reading import byte_stream as sources
from shelfwise.catalog.reading.columns.missing_ids import NOTE
from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.catalog.reading.streaming import block_cutting
from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import read, table

HEADER = ("TITLE", "DESCRIPTION", "TAGS", "SKU")


def listing(numbers: range, lacking: set[int], name: str = "E") -> str:
    """An export of Etsy, in which some listings have no SKU; descriptions reach over two lines."""
    rows = [
        (
            f"Mug {i}",
            f"Holds tea.\nNumber {i}.",
            "mug,kitchen",
            "" if i in lacking else f"{name}{i}",
        )
        for i in numbers
    ]
    return table(HEADER, rows)


def is_told(result: ReadResult) -> bool:
    return any("called after their line" in sentence for sentence in result.reading.evidence)


def test_many_without_an_id_are_called_after_their_line(tmp_path: Path) -> None:
    result = read(tmp_path, listing(range(12), {0, 5, 9}))
    # line 1 is the header, and each record takes two lines
    assert result.catalog.ids[:2] == ["line 2", "E1"]
    assert result.catalog.ids[5] == "line 12"
    assert len(result.catalog) == 12
    assert not result.quarantine
    assert is_told(result)
    assert result.notes == {NOTE: 3}
    # the same file gives the same ids
    assert read(tmp_path, listing(range(12), {0, 5, 9})).catalog.ids == result.catalog.ids


@pytest.mark.parametrize(("lacking", "refused"), [(9, True), (10, False)])
def test_from_a_tenth_on(tmp_path: Path, lacking: int, refused: bool) -> None:
    result = read(tmp_path, listing(range(100), set(range(lacking))))
    assert [record.kind for record in result.quarantine] == ["missing id"] * lacking * refused
    assert is_told(result) != refused


def test_no_product_has_the_id_of_another(tmp_path: Path) -> None:
    # ids that look as if they were made of lines: another word is taken
    result = read(tmp_path, listing(range(12), {0, 5}, name="line "))
    assert result.catalog.ids[0] == "row 2"
    assert len(set(result.catalog.ids)) == 12


def test_an_id_like_a_line_far_down_is_refused_and_not_mixed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_cutting, "BLOCK_BYTES", 200)
    monkeypatch.setattr(sources, "_CHUNK_BYTES", 100)
    rows = [(f"Mug {i}", "" if i % 2 else f"E{i}") for i in range(50)]
    # its number is that of a product without an id
    rows.append(("Other mug", "line 3"))
    result = read(tmp_path, table(("title", "sku"), rows))
    [refused] = result.quarantine
    assert (refused.line, refused.kind) == (52, "duplicate id")
    assert len(result.catalog) == 50


def test_rows_without_a_title_belong_to_another_product(tmp_path: Path) -> None:
    # as Magento 1 writes the further categories of a product
    rows = [row for i in range(6) for row in ((f"S{i}", f"Mug {i}", "Mugs"), ("", "", "Gifts"))]
    result = read(tmp_path, table(("sku", "name", "_category"), rows))
    assert result.catalog.ids == [f"S{i}" for i in range(6)]
    assert {record.kind for record in result.quarantine} == {"missing id"}


def test_repeated_ids_and_variants_stay_what_they_are(tmp_path: Path) -> None:
    rows = [("", "Mug 1", "a"), ("S", "Mug 2", "b"), ("S", "Mug 3", "c"), ("S", "", "")]
    result = read(tmp_path, table(("sku", "title", "tags"), rows))
    assert result.catalog.ids == ["line 2", "S"]
    assert [record.kind for record in result.quarantine] == ["duplicate id", "variant row"]


def test_another_column_that_is_full_is_the_id(tmp_path: Path) -> None:
    rows = [(f"Mug {i}", "" if i % 3 else f"E{i}", 1000 + i) for i in range(9)]
    result = read(tmp_path, table(("Title", "SKU", "Item number"), rows))
    assert result.catalog.ids == [str(1000 + i) for i in range(9)]
    assert "id: Item number is taken, as SKU is empty in many rows" in result.reading.evidence


def test_a_full_column_that_repeats_is_no_id(tmp_path: Path) -> None:
    rows = [(f"Mug {i}", "" if i % 3 else f"E{i}", "same") for i in range(9)]
    result = read(tmp_path, table(("Title", "SKU", "Reference"), rows))
    assert result.catalog.ids[:2] == ["E0", "line 3"]


def test_in_json_and_parquet_the_line_is_the_number_of_the_record(tmp_path: Path) -> None:
    records = [{"title": f"Mug {i}", "sku": None if i % 2 else f"E{i}"} for i in range(6)]
    wanted = ["E0", "line 2", "E2", "line 4", "E4", "line 6"]
    lines = "\n".join(json.dumps({k: v for k, v in r.items() if v is not None}) for r in records)
    assert read(tmp_path, lines, "a.jsonl").catalog.ids == wanted
    assert read(tmp_path, json.dumps(records, indent=1), "a.json").catalog.ids == wanted
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    assert read_catalog(tmp_path / "a.parquet").catalog.ids == wanted


def test_python_numbers_products_by_itself() -> None:
    found = read_records([{"title": "Mug"}, {"title": "Pen", "id": "P"}])
    assert found.catalog.ids == ["0", "P"]
    assert not is_told(found)


def test_without_a_column_of_ids_the_line_stands_for_them_and_that_is_told(tmp_path: Path) -> None:
    rows = [("Mug", "Cups"), ("Pen", "Office"), ("", "Office")]
    result = read(tmp_path, table(("title", "category"), rows))
    assert result.catalog.ids == ["line 2", "line 3"]
    assert result.notes[NOTE] == 2
    assert [record.kind for record in result.quarantine] == ["missing id"]
    assert "neither an id nor a title" in result.quarantine[0].reason
    told = next(sentence for sentence in result.reading.evidence if sentence.startswith("id: "))
    assert "no column is called like one" in told
    assert 'columns = { id = "NAME" }' in told


def test_without_a_column_of_ids_json_and_parquet_are_read_too(tmp_path: Path) -> None:
    records = [{"title": "Mug", "tags": ["Cups"]}, {"title": "Pen", "tags": ["Office"]}]
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    ids = ["line 1", "line 2"]
    assert read(tmp_path, json.dumps(records), "a.json").catalog.ids == ids
    assert read_catalog(tmp_path / "a.parquet").catalog.ids == ids


def test_a_file_with_neither_ids_nor_titles_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no column is called like an id"):
        read(tmp_path, table(("serial", "colour"), [(1, "red"), (2, "blue")]))


def test_rows_with_nothing_but_a_title_are_headings(tmp_path: Path) -> None:
    """They were products, called after their lines."""
    rows = [
        row
        for n in range(12)
        for row in ((("", f"Group {n}", ""),) if n % 4 == 0 else ())
        + ((f"A-{n}", f"Mug {n}", 4 + n),)
    ]
    text = table(("SKU", "Product", "Price"), rows)
    result = read(tmp_path, text)
    assert result.catalog.ids == [f"A-{n}" for n in range(12)]
    assert [one.kind for one in result.quarantine] == ["missing id"] * 3
