import random

import numpy as np
import pyarrow as pa
import pytest

from shelfwise.core.arrow_size import concatenated, one_array, take_rows, text_blocks
from shelfwise.core.catalog import SCHEMA, Catalog
from shelfwise.core.fingerprint import fingerprint

GIB = 1 << 30


def chunked(count: int = 40) -> pa.Table:
    """Products with every kind of column, nulls among them, in chunks of seven rows and an empty one."""
    draw = random.Random(3)
    rows = []
    for number in range(count):
        rows.append(
            {
                "id": str(number),
                "title": draw.choice([None, "", "ä" * draw.randrange(60)]),
                "categories": draw.choice([None, [], [["Home", "Mugs"], []]]),
                "price": draw.choice([None, 2.5]),
                "related": draw.choice([None, [("also", ["1", "2"])]]),
            }
        )
    whole = pa.Table.from_pylist(rows, SCHEMA)
    parts = [whole.slice(start, 7) for start in range(0, count, 7)]
    return pa.concat_tables([*parts[:2], whole.slice(0, 0), *parts[2:]])


@pytest.mark.parametrize("limit", [1, 50, 500, GIB])
@pytest.mark.parametrize(
    "rows", [[], [39], [3, 2, 1], [0, 7, 8, 30, 39], [5] * 90, list(range(40)), [39, 0, 39, 14]]
)
def test_rows_are_the_same_whatever_a_chunk_may_hold(rows: list[int], limit: int) -> None:
    table = chunked()
    wanted = [table.to_pylist()[row] for row in rows]
    taken = take_rows(table, np.array(rows, np.int64), limit)
    assert taken.to_pylist() == wanted
    assert taken.schema == table.schema


def test_no_chunk_of_the_rows_taken_is_larger_than_it_may_be() -> None:
    table = pa.table({"text": ["x" * 100] * 30})
    taken = take_rows(table, np.arange(30), limit=1000)
    sizes = [len("".join(chunk.to_pylist())) for chunk in taken.column("text").chunks]
    assert sum(sizes) == 3000
    assert max(sizes) <= 1000


def test_rows_that_are_not_there_are_refused() -> None:
    for row in (-1, 40):
        with pytest.raises(IndexError):
            take_rows(chunked(), np.array([row]), limit=1)


def test_a_large_table_stays_in_its_chunks() -> None:
    tables = [pa.table({"text": ["a"]}), pa.table({"text": ["b"], "more": ["c"]})]
    kept = concatenated(tables, limit=1)
    assert kept.column("text").num_chunks == 2
    assert kept.to_pylist() == [{"text": "a", "more": None}, {"text": "b", "more": "c"}]
    assert concatenated(tables).column("text").num_chunks == 1


@pytest.mark.parametrize("name", ["title", "categories", "price"])
def test_one_array_is_of_a_wider_type_where_it_must(name: str) -> None:
    column = chunked().column(name)
    wide = one_array(column, limit=1)
    assert wide.to_pylist() == column.to_pylist()
    assert name == "price" or str(wide.type).startswith("large_")
    assert one_array(column).type == column.type


def test_a_fingerprint_knows_values_only() -> None:
    table = chunked()
    wanted = fingerprint(table)
    assert fingerprint(table.combine_chunks()) == wanted
    # what stands before a slice, or behind a null, is no value of it
    assert fingerprint(pa.concat_tables([table, table]).slice(40)) == wanted
    place = table.column_names.index("title")
    wide = table.set_column(place, "title", one_array(table.column("title"), limit=1))
    assert fingerprint(wide) == wanted
    assert fingerprint(table.select(table.column_names[::-1])) == wanted


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([["a"], ["b"]], [["a", "b"], []]),
        ([["ab"], ["c"]], [["a"], ["bc"]]),
        ([None, ["a"]], [[], ["a"]]),
        (["a", None], [None, "a"]),
        (["", "a"], [None, "a"]),
        ([1.0, 2.0], [2.0, 1.0]),
        (["1"], [b"1"]),
    ],
)
def test_other_values_have_another_fingerprint(one: list[object], other: list[object]) -> None:
    assert fingerprint(pa.table({"a": one})) != fingerprint(pa.table({"a": other}))


@pytest.mark.slow
def test_a_column_of_more_than_two_gib_is_taken_from_and_told_apart() -> None:
    # the chunks share one text, so that only what is taken takes memory
    chunk = Catalog.from_records([{"id": "1", "description": "x" * (GIB // 4)}]).table
    catalog = Catalog(pa.concat_tables([chunk] * 9), root=".")
    assert len(catalog.take([0, 8]).column("description")[1]) == GIB // 4
    taken = catalog.take(range(9))
    assert taken.table.column("description").nbytes > 2 * GIB
    assert taken.fingerprint() == catalog.fingerprint()


@pytest.mark.parametrize("most_rows", [None, 1, 4])
@pytest.mark.parametrize("most_bytes", [1, 50, 10_000])
def test_blocks_of_a_column_are_the_column(most_bytes: int, most_rows: int | None) -> None:
    column = chunked().column("title")
    blocks = list(text_blocks(column, most_bytes, most_rows))
    assert [text for block in blocks for text in block.to_pylist()] == column.to_pylist()
    for block in blocks:
        texts = [text or "" for text in block.to_pylist()]
        assert most_rows is None or len(texts) <= most_rows
        # the first one may be as large as it is
        others = sum(len(text.encode()) for text in texts[1:])
        assert others < most_bytes
    assert list(text_blocks(column.slice(0, 0), 10)) == []


def test_the_fingerprint_of_texts_hangs_on_no_chunk() -> None:
    """Also where nulls and empty chunks are among them."""
    table = chunked().select(["id", "title"])
    whole = table.combine_chunks()
    assert fingerprint(table) == fingerprint(whole)
    for rows in ([0], [3, 2], [39]):
        assert fingerprint(whole.take(pa.array(rows))) != fingerprint(whole)
