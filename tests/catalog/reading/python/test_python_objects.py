"""Products that programs hold as objects with named fields."""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest

from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.errors import CatalogError

RECORDS = [
    {"id": "a1", "title": "Blue mug", "category": "Mugs"},
    {"id": "a2", "title": "Lamp", "category": "Lamps"},
]


@dataclass(slots=True)
class Plain:
    """A product as a data class."""

    id: str
    title: str
    category: str


class Model(pydantic.BaseModel):
    """A product as a model."""

    id: str
    title: str
    category: str


Named = namedtuple("Named", "id title category")


def rows_of_a_database() -> list[Any]:
    with sqlite3.connect(":memory:") as database:
        database.execute("create table products(id, title, category)")
        database.executemany("insert into products values (:id, :title, :category)", RECORDS)
        database.row_factory = sqlite3.Row
        return database.execute("select * from products").fetchall()


FRAME = pd.DataFrame(RECORDS)
OBJECTS: dict[str, Any] = {
    "data classes": [Plain(**record) for record in RECORDS],
    "pydantic": [Model(**record) for record in RECORDS],
    "named tuples": [Named(**record) for record in RECORDS],
    "rows of sqlite3": rows_of_a_database(),
    "rows of pandas": [FRAME.iloc[0], FRAME.iloc[1]],
    "tuples of pandas": FRAME.itertuples(),
    "records of numpy": FRAME.to_records(index=False),
    "a column of dictionaries": pd.Series(RECORDS, name="product"),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects_with_named_fields_are_products(kind: str) -> None:
    catalog = read_records(OBJECTS[kind]).catalog
    assert catalog.ids == ["a1", "a2"]
    assert catalog.column("title") == ["Blue mug", "Lamp"]
    assert catalog.column("categories") == [[["Mugs"]], [["Lamps"]]]


@pytest.mark.parametrize("products", [(7, "Mug"), Plain, object(), "Mug", ["Mug"], np.array([1])])
def test_what_has_no_names_is_refused(products: Any) -> None:
    with pytest.raises(CatalogError, match="product 0 is of the type"):
        read_records([products])


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["Blue mug", "Lamp"], name="title"),
        pl.Series("Name", ["Blue mug", "Lamp"]),
    ],
)
def test_a_column_with_the_name_of_a_field_is_that_field(column: Any) -> None:
    assert read_records(column).catalog.column("title") == ["Blue mug", "Lamp"]


def test_the_index_of_a_column_is_the_id() -> None:
    texts = pd.Series(["Blue mug", "Lamp"], name="description", index=["a1", "a2"])
    catalog = read_records(texts).catalog
    assert catalog.ids == ["a1", "a2"]
    assert catalog.column("description") == ["Blue mug", "Lamp"]


def test_an_array_without_names_is_refused() -> None:
    with pytest.raises(CatalogError, match="StringArray, which is no table"):
        read_records(pa.array(["Blue mug", "Lamp"]))


class Features(dict[str, Any]):
    """What the datasets library says of columns."""

    def to_dict(self) -> dict[str, Any]:
        """As plain objects."""
        return dict(self)


class DataSet(list[Any]):
    """A data set with classes, as the datasets library has it."""

    features = Features(
        category={"names": ["Lamps", "Mugs"], "_type": "ClassLabel"},
        title={"dtype": "string", "_type": "Value"},
    )


@pytest.mark.parametrize(("numbers", "paths"), [((1, -1), [[["Mugs"]], None])])
def test_classes_of_a_data_set_have_names(numbers: tuple[Any, ...], paths: Any) -> None:
    records = [{"title": "Mug", "category": number} for number in numbers]
    assert read_records(DataSet(records)).catalog.column("categories") == paths
    several = [{"title": "Mug", "category": np.array([0, 1])}]
    assert read_records(DataSet(several)).catalog.column("categories") == [[["Lamps"], ["Mugs"]]]
