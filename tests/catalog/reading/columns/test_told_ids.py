"""What spreadsheets did to ids is told, and a table of products side by side is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import PRODUCTS, read, table


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (["'0042", "'0043", "'0044"], 'each begins with an apostrophe, as "\'0042"'),
        (["123456789012345000", "123456789012346000", "98765432109876000"], "behind their 15th"),
        (["1.001", "1.002", "999", "12.003"], "'1.001' has a sign between thousands"),
        (["12-5", "02-Jan", "7-31"], "'02-Jan' is a date as spreadsheets make them"),
    ],
)
def test_ids_of_spreadsheets(tmp_path: Path, ids: list[str], sentence: str) -> None:
    result = read(tmp_path, table(("id", "title"), [(one, "Mug") for one in ids]))
    assert result.catalog.ids == ids
    assert any(sentence in told for told in result.reading.evidence)


@pytest.mark.parametrize(
    "ids", [["'n Sync", "42"], ["4006381333931", "100"], ["10", "20", "30"], ["1.5", "2.5"]]
)
def test_usual_ids(tmp_path: Path, ids: list[str]) -> None:
    result = read(tmp_path, table(("id", "title"), [(one, "Mug") for one in ids]))
    assert not any("spreadsheet" in told for told in result.reading.evidence)


def test_a_column_for_each_product_is_refused(tmp_path: Path) -> None:
    rows = [
        ("title", *(product.title for product in PRODUCTS)),
        ("category", *(product.leaves[0] for product in PRODUCTS)),
        ("price", *(product.price for product in PRODUCTS)),
    ]
    with pytest.raises(CatalogError, match="'title', 'category', 'price', which are names of col"):
        read(tmp_path, table(("id", *(product.id for product in PRODUCTS)), rows))


def test_ids_alone_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, "id,note\ntitle,a\nmug,b\n").catalog.ids == ["title", "mug"]
