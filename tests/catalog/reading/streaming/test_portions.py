from collections.abc import Iterator

import pyarrow as pa

from shelfwise.catalog.reading.streaming.blocks import Quarantined
from shelfwise.catalog.reading.streaming.portions import WantedColumns, portions
from shelfwise.catalog.reading.streaming.stream import Batch

REFUSED = Quarantined(line=1, offset=0, length=0, kind="no id", reason="the id is missing", raw=b"")


def batches(sizes: list[int], drawn: list[int]) -> Iterator[Batch]:
    """Batches of so many products each, one refused record with each; notes which were drawn."""
    first = 0
    for size in sizes:
        drawn.append(size)
        yield pa.table({"id": [str(n) for n in range(first, first + size)]}), [REFUSED]
        first += size


def test_portions_are_the_same_however_the_source_is_read() -> None:
    wanted = [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    for sizes in ([7], [1] * 7, [0, 4, 0, 3], [2, 5]):
        found = portions(batches(sizes, []), 3, lambda refused: None)
        assert [table.column("id").to_pylist() for table in found] == wanted


def test_no_more_is_read_than_a_portion_needs() -> None:
    drawn: list[int] = []
    refused: list[Quarantined] = []
    found = portions(batches([2, 2, 2, 2], drawn), 3, refused.extend)
    assert len(next(found)) == 3
    assert drawn == [2, 2]
    # those before the products are known when these come
    assert len(refused) == 2


def test_no_products_are_no_portion_and_their_refused_records_count() -> None:
    refused: list[Quarantined] = []
    assert list(portions(batches([0, 0], []), 3, refused.extend)) == []
    assert len(refused) == 2


def test_a_column_that_comes_late_is_null_before() -> None:
    tables = [pa.table({"id": ["1"]}), pa.table({"id": ["2"], "colour": ["red"]})]
    (whole,) = portions([(table, []) for table in tables], 5, lambda refused: None)
    assert whole.column("colour").to_pylist() == [None, "red"]


def test_a_column_that_is_wanted_is_there() -> None:
    wanted = WantedColumns(["id", "colour"])
    table = wanted.completed(pa.table({"id": ["1"]}))
    assert table.to_pylist() == [{"id": "1", "colour": None}]


def test_a_column_is_missing_until_a_portion_has_it() -> None:
    wanted = WantedColumns(["size", "id", "colour"])
    wanted.completed(pa.table({"id": ["1"]}))
    assert wanted.missing == ["size", "colour"]
    wanted.completed(pa.table({"id": ["2"], "colour": ["red"]}))
    wanted.completed(pa.table({"id": ["3"]}))
    assert wanted.missing == ["size"]
