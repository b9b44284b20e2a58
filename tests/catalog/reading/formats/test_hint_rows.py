"""Rows below the header that tell people how to fill the columns are no products."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.catalog.reading.formats._hint_rows import count_hint_rows
from tests.catalog.reading.written_products import PRODUCTS, read, table

HEADER = ("Seller SKU", "Product Name", "Category", "Price", "MRP", "Image 1")
ROWS = [
    (p.id, p.title, p.leaves[0], p.price, p.price + 1, f"https://img.example/{p.id}.jpg")
    for p in PRODUCTS
]
HINT = (
    "Enter your own id",
    "Max 150 letters",
    "Select",
    "Enter price",
    "Enter MRP",
    "URL of the front",
)
MUST = (
    "Mandatory field",
    "Mandatory field",
    "Can be left out",
    "Mandatory field",
    "Can be left out",
    "Must",
)


@pytest.mark.parametrize("hints", [(HINT,), (MUST, HINT)])
def test_hints_are_no_products_and_are_told(
    tmp_path: Path, hints: tuple[tuple[str, ...], ...]
) -> None:
    result = read(tmp_path, table(HEADER, [*hints, *ROWS]))
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    told = "header: the columns are named in line 1; line"
    assert any(sentence.startswith(told) for sentence in result.reading.evidence)


@pytest.mark.parametrize(
    "first",
    [
        # a price on request, and nothing else that speaks against a product
        ("S0", "Mug 0", "Own", "on request", "7.5", "https://img.example/0.jpg"),
        # its category is that of others
        ("S0", "Mug 0", ROWS[0][2], "on request", "on request", "none yet"),
        # without prices and image
        ("S0", "Mug 0", "Own", "n/a", "", "-"),
    ],
)
def test_an_odd_product_in_the_first_row_stays(tmp_path: Path, first: tuple[str, ...]) -> None:
    assert read(tmp_path, table(HEADER, [first, *ROWS])).catalog.ids[0] == "S0"


def test_two_rows_below_show_nothing() -> None:
    assert count_hint_rows([["code", "euros", "pieces"], ["a", "1", "2"], ["b", "3", "4"]]) == 0


def test_rows_for_people_in_a_template_of_several_lines(tmp_path: Path) -> None:
    hints = [
        "V3,metric,create,,",
        "Mã,Tên,Danh mục,Giá,Hình ảnh",
        "Tùy chọn,Bắt buộc,Bắt buộc,Bắt buộc,Bắt buộc",
        "Mã của bạn,Từ 25 ký tự,Chọn một,Giá bán bằng đồng,Địa chỉ ảnh",
    ]
    rows = [f"m-{n},Mug {n},Mugs,{n + 4},https://x.example/{n}.jpg" for n in range(6)]
    content = "\n".join(["seller_sku,product_name,category,price,main_image", *hints, *rows])
    result = read(tmp_path, content)
    assert result.catalog.ids == [f"m-{n}" for n in range(6)]
    assert any("lines 2, 3, 4 and 5 are no records" in one for one in result.reading.evidence)
