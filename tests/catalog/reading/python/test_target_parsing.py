"""`y` in every shape: the same labels, or a sentence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from enum import Enum, StrEnum
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from shelfwise.catalog.reading.python.target_parsing import read_targets, refuse_another_order
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError, LabelError

SETTINGS = CatalogSettings()
SETS = [["Mugs", "Gifts"], ["Lamps"], []]
HOT = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]])
NAMES = ["Gifts", "Lamps", "Mugs"]


def labels(y: Any, **settings: Any) -> list[list[str]]:
    """The labels of each product, sorted; all paths have one name."""
    targets = read_targets(y, CatalogSettings(**settings))
    assert all(len(path) == 1 for paths in targets.categories for path in paths)
    return [sorted(name for (name,) in paths) for paths in targets.categories]


MANY = {
    "lists": SETS,
    "sets": [set(names) for names in SETS],
    "tuples": tuple(map(tuple, SETS)),
    "generator": (names for names in SETS),
    "object array": pd.Series(SETS).to_numpy(),
    "padded array": np.array([["Mugs", "Gifts"], ["Lamps", ""], ["", ""]]),
    "arrays": [np.array(names, dtype=str) for names in SETS],
    "paths": [[[name] for name in names] for names in SETS],
    "series": pd.Series([*SETS[:2], None]),
    "polars series": pl.Series(SETS),
    "arrow": pa.array(SETS),
    "chunked arrow": pa.chunked_array([SETS[:1], SETS[1:]]),
    "one column": pd.DataFrame({"categories": SETS}),
    "NaN": [["Mugs", float("nan"), "Gifts"], ["Lamps"], float("nan")],
    "frame": pd.DataFrame(HOT, columns=NAMES),
    "frame of truth values": pd.DataFrame(HOT, columns=NAMES).astype("boolean"),
    "frame of floats": pd.DataFrame(HOT, columns=NAMES).astype(float),
    "polars frame": pl.DataFrame(HOT, schema=NAMES),
    "arrow table": pa.table(dict(zip(NAMES, HOT.T, strict=True))),
}


@pytest.mark.parametrize("y", MANY.values(), ids=MANY)
def test_several_labels(y: Any) -> None:
    assert labels(y) == [["Gifts", "Mugs"], ["Lamps"], []]


NUMBERED = {
    "array": HOT,
    "truth values": HOT.astype(bool),
    "floats": HOT.astype(np.float32),
    "objects": HOT.astype(object),
    "lists": HOT.tolist(),
    "sparse matrix": scipy.sparse.csc_matrix(HOT),
    "sparse array": scipy.sparse.coo_array(HOT),
}


@pytest.mark.parametrize("y", NUMBERED.values(), ids=NUMBERED)
def test_columns_without_names_are_numbered(y: Any) -> None:
    assert labels(y) == [["0", "2"], ["1"], []]
    assert read_targets(y, SETTINGS).columns == ("0", "1", "2")
    assert read_targets(y, SETTINGS, NAMES).columns == tuple(NAMES)


def test_a_zero_that_is_written_down_is_no_label() -> None:
    hot = scipy.sparse.csr_matrix(HOT)
    hot.data[0] = 0
    assert labels(hot) == [["2"], ["1"], []]


ONE = {
    "texts": ["Mugs", "Arts &amp; Crafts", None],
    "array": np.array(["Mugs", "Arts & Crafts", "nan"]),
    "column": np.array([["Mugs"], ["Arts & Crafts"], [""]]),
    "series": pd.Series(["Mugs", "Arts & Crafts", pd.NA], dtype="string"),
    "categories": pd.Categorical(["Mugs", "Arts & Crafts", None]),
    "polars": pl.Series(["Mugs", "Arts & Crafts", None]),
}


@pytest.mark.parametrize("y", ONE.values(), ids=ONE)
def test_one_label_each(y: Any) -> None:
    assert labels(y) == [["Mugs"], ["Arts & Crafts"], []]


@pytest.mark.parametrize(
    "y", [[3, 10], np.array([3, 10]), [[3], [10]], np.array([[3], [10]]), [3.0, 10.0], ["3", "10"]]
)
def test_ids_of_labels(y: Any) -> None:
    assert labels(y) == [["3"], ["10"]]


def test_whole_numbers_beside_a_missing_one() -> None:
    assert labels(pd.Series([3, None, 10])) == [["3"], [], ["10"]]
    assert labels([[3, 5], [10]]) == [["3", "5"], ["10"]]
    assert labels([[0], [1]]) == [["0"], ["1"]], "one column is no multi-hot table"


def test_written_paths_are_cut_as_a_catalogue_cuts_them(caplog: pytest.LogCaptureFixture) -> None:
    texts = ["Home > Mugs|Gifts", "Home > Lamps", "Home > Lamps|Gifts", "Gifts"] * 3
    with caplog.at_level(logging.WARNING):
        found = read_targets(texts, SETTINGS).categories
    assert found[:2] == [[["Home", "Mugs"], ["Gifts"]], [["Home", "Lamps"]]]
    assert "'Home > Mugs|Gifts' is read as Home > Mugs and Gifts" in caplog.text
    lists = [text.split("|") for text in texts]
    assert read_targets(lists, SETTINGS).categories == found
    assert labels(texts, category_separator="", category_delimiter="") == [[t] for t in texts]


@pytest.mark.parametrize("text", ["['Mugs', 'Gifts']", '["Mugs","Gifts"]', "['Mugs' 'Gifts']"])
def test_a_list_in_a_text_is_a_list_of_labels(text: str) -> None:
    assert read_targets([text, ["Lamps"]], SETTINGS).categories[0] == [["Mugs"], ["Gifts"]]


def test_a_multi_hot_column_is_one_label_whatever_its_name() -> None:
    frame = pd.DataFrame(HOT, columns=["A > B", "C|D", "E"])
    assert labels(frame) == [["A > B", "E"], ["C|D"], []]


def test_two_readings_are_asked_about() -> None:
    texts = ["Boots, Sandals", "Boots, Gifts", "Bags, Cases"] + ["Lamps"] * 6
    with pytest.raises(CatalogError, match="'y' can be read in two ways"):
        read_targets(texts + ["Arts, Crafts"] * 2, SETTINGS)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ("categories", r"y is the text 'categories'; .*frame\['categories'\]"),
        (b"x", "of the type bytes"),
        ({"Mugs": 1}, "of the type dict"),
        ({"Mugs"}, "of the type set"),
        (7, "of the type int"),
        (HOT * 2, r"\(3, 3\) that holds 2"),
        (HOT * -0.5, "holds -0.5"),
        (np.full((2, 2), np.nan), "holds nan"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        ([1.5, 2], "product 0 has 1.5, which is no label"),
        ([{"a": 1}], "y of product 0 is {'a': 1}"),
        (pd.DataFrame(HOT, columns=["A", "A", "B"]), "several columns of one name"),
        (pd.DataFrame(HOT, columns=["A", "<b> A</b>", "B"]), "names that differ"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "columns 'a', 'b', which hold more than"),
        (pd.DataFrame({"a": [0, 1]}), "single column 'a', of 0 and 1"),
        (pd.DataFrame({"A": ["yes", "no"], "B": ["no", "no"]}), r"\(y == 'yes'\).astype\(int\)"),
        (pd.DataFrame({"A": ["x", ""], "B": ["", "x"]}), r"\(y == 'x'\).astype\(int\)"),
        (pd.DataFrame({"A": [1, np.nan], "B": [1, 1]}), r"y.fillna\(0\)"),
        (HOT * 2 - 1, r"\(y > 0\).astype\(int\)"),
        (HOT * 0.7, r"\(y > 0.5\).astype\(int\)"),
        (
            pd.DataFrame(HOT, columns=pd.MultiIndex.from_product([["c"], list("ABC")])),
            "get_level_values",
        ),
        ([b"Mugs", b"Lamps"], r"product 0 is b'Mugs', which are bytes; .*decode"),
    ],
)
def test_other_shapes_are_refused_in_words(y: Any, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_targets(y, SETTINGS)


class Shelf(StrEnum):
    """A label that a program names otherwise."""

    MUGS = "Mugs"
    LAMPS = "Lamps"


class Other(Enum):
    """A label that is no text by itself."""

    TOYS = "Toys"


def test_members_of_an_enumeration_are_their_values() -> None:
    found = read_targets([Shelf.MUGS, [Shelf.LAMPS], Other.TOYS], CatalogSettings()).categories
    assert found == [[["Mugs"]], [["Lamps"]], [["Toys"]]]


def test_a_data_set_is_no_column_of_labels() -> None:
    class Several:
        """Records that have a shape, as the datasets library has them."""

        shape = (2, 2)

        def __init__(self, records: list[dict[str, int]]) -> None:
            self._records = records

        def __len__(self) -> int:
            return len(self._records)

        def __getitem__(self, place: int) -> dict[str, int]:
            return self._records[place]

        def __iter__(self) -> Iterator[dict[str, int]]:
            return iter(self._records)

    with pytest.raises(LabelError, match="with several columns; give the one with the labels"):
        read_targets(Several([{"a": 1, "b": 2}, {"a": 3, "b": 4}]), CatalogSettings())


def test_rows_in_another_order_by_their_index_are_refused() -> None:
    products = pd.DataFrame({"title": ["a mug", "a lamp", "a bowl"]})
    y = pd.Series(["Mugs", "Lamps", "Bowls"])
    for other in (y.iloc[::-1], pd.get_dummies(y).iloc[[0, 2, 1]]):
        with pytest.raises(
            LabelError, match=r"in another order, by its index; give y\.loc\[X\.index\]"
        ):
            refuse_another_order(products, other)
    # the same rows, rows that were numbered anew, and names that stand twice are taken by place
    refuse_another_order(products.iloc[[2, 0]], y.iloc[[2, 0]])
    refuse_another_order(products.set_axis([7, 8, 9]), y)
    refuse_another_order(products.set_axis([0, 0, 1]), y.set_axis([1, 0, 0]))
    for other in (y.to_list(), pl.Series(y.to_list()), y.to_numpy()):
        refuse_another_order(products.iloc[::-1], other)
        refuse_another_order("products.csv", other)
