from dataclasses import replace

import numpy as np

from shelfwise.core.catalog import SCHEMA, Catalog


def test_further_columns_of_records_are_kept_as_text() -> None:
    records = [
        {"id": "1", "colour": "red", "sizes": [1, 2], "sound": np.array([0.5, 1.0])},
        {"id": "2", "colour": None, "sizes": float("nan"), "weight": 2.5},
    ]
    catalog = Catalog.from_records(iter(records))
    assert catalog.table.column_names == [*SCHEMA.names, "colour", "sizes", "sound", "weight"]
    found = {name: catalog.column(name) for name in ("colour", "sizes", "sound", "weight")}
    assert found == {
        "colour": ["red", None],
        "sizes": ["[1, 2]", None],
        "sound": ["[0.5, 1.0]", None],
        "weight": [None, "2.5"],
    }
    assert catalog.take([1]).column("weight") == ["2.5"]


def test_a_catalogue_computes_once_and_its_copy_anew() -> None:
    catalog, calls = Catalog.from_records([{"id": "1"}]), list[str]()

    def compute(name: str) -> str:
        calls.append(name)
        return name

    assert [
        catalog.memoize(("words", name), lambda name=name: compute(name)) for name in ("a", "b", "a")
    ] == ["a", "b", "a"]
    assert calls == ["a", "b"]
    for other in (replace(catalog), catalog.take([0])):
        assert other.memoize(("words", "a"), lambda: compute("again")) == "again"


def test_records_of_known_columns_alone_add_nothing() -> None:
    assert Catalog.from_records([{"id": "1", "title": "Mug"}]).table.schema.equals(SCHEMA)


def test_empty_texts_and_lists_are_no_value() -> None:
    catalog = Catalog.from_records(
        [
            {"id": "1", "title": "", "categories": [], "related": {}, "price": None},
            {"id": "2", "title": "Mug", "categories": [[]], "related": {"x": []}, "price": 0.0},
            {"id": "3"},
        ]
    )
    for name in ("title", "categories", "related", "price"):
        assert catalog.has_value(name).tolist() == [False, True, False]
    assert catalog.has_value("id").tolist() == [True, True, True]
    assert catalog.has_value("colour").tolist() == [False, False, False]
