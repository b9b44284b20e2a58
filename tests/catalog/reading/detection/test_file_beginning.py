"""What is found out of a file's first records counts them in the order of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalog.reading.written_products import read, table

HEADER = ("Handle", "Title", "Body (HTML)", "Product Category", "Variant SKU")


def products(body: str) -> list[tuple[str, ...]]:
    """Ten products with two further variants each, as shops export them."""
    rows: list[tuple[str, ...]] = []
    for number in range(10):
        handle = f"mug-{number}"
        rows.append((handle, f"Mug {number}", body, "Home > Mugs", f"S{number}-0"))
        rows += [(handle, "", "", "", f"S{number}-{variant}") for variant in (1, 2)]
    return rows


@pytest.mark.parametrize("body", ["<p>Holds tea.</p>", "<p>Holds tea.</p>\n<p>Of clay.</p>"])
def test_rows_with_line_breaks_stand_before_those_that_follow_them(
    tmp_path: Path, body: str
) -> None:
    """Rows that are read one by one came behind all others: a product seemed to repeat its variants."""
    found = read(tmp_path, table(HEADER, products(body)))
    assert found.catalog.ids == [f"mug-{number}" for number in range(10)]
    assert {refused.kind for refused in found.quarantine} == {"variant row"}
    assert not [told for told in found.reading.evidence if "repeat" in told]
