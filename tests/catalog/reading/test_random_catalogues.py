"""Random catalogues in random shapes are read as they were written, or refused with a reason."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shelfwise.catalog.reading.missing import MISSING
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.errors import CatalogError

LETTERS = "abcdefgh éüß'\"&-;,|\t"
TEXTS = st.text(LETTERS, min_size=3, max_size=20).map(
    lambda text: " ".join(f"Mug {text} x".split())
)
NAMES = st.sampled_from(("Mugs", "Gifts", "Home & Kitchen", "Toys", "Lamps", "Shirts"))
PRODUCTS = st.lists(
    st.fixed_dictionaries(
        {
            "title": TEXTS,
            "brand": st.none() | st.sampled_from(("Kestrel", "Łódź", "Marlow")),
            "price": st.none() | st.integers(0, 99999).map(lambda cents: cents / 100),
            "categories": st.lists(NAMES, min_size=1, max_size=3, unique=True),
        }
    ),
    min_size=8,
    max_size=20,
)


def as_table(products: list[dict[str, Any]], data: st.DataObject) -> tuple[bytes, str]:
    """The bytes of a table, and the ending of its name."""
    separator = data.draw(st.sampled_from(",;\t|"))
    quoting = data.draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    ending = data.draw(st.sampled_from(("\n", "\r\n")))
    missing = data.draw(st.sampled_from(("", *sorted(MISSING))))
    # a title or a comment may stand above the header
    above = data.draw(st.sampled_from(("", "Product export 2024", "# from the shop, v2", "Shop\n")))
    text = io.StringIO()
    text.write(f"{above}{ending}" if above else "")
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=ending)
    writer.writerow(("id", "title", "brand", "price", "categories"))
    for number, product in enumerate(products):
        values = [product["title"], product["brand"], product["price"]]
        cells = [missing if value is None else value for value in values]
        writer.writerow((f"{number:04d}", *cells, json.dumps(product["categories"])))
    encoding = data.draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252")))
    # what Windows-1252 has no letter for is not written in it
    return text.getvalue().encode(encoding, "ignore"), ".csv"


def as_json(products: list[dict[str, Any]], data: st.DataObject) -> tuple[bytes, str]:
    """The bytes of JSON in one of its layouts, and the ending of the name."""
    records = [{"id": f"{number:04d}", **product} for number, product in enumerate(products)]
    indent = data.draw(st.sampled_from((None, 2)))
    layout = data.draw(st.sampled_from(("lines", "array", "key", "columns", "split")))
    if layout == "lines":
        return "\n".join(map(json.dumps, records)).encode(), ".jsonl"
    whole: Any = records
    if layout == "key":
        whole = {"count": len(records), "products": records}
    if layout == "columns":
        places = range(len(records))
        whole = {name: {str(row): records[row][name] for row in places} for name in records[0]}
    if layout == "split":
        names = list(records[0])
        rows = [[record[name] for name in names] for record in records]
        whole = {"columns": names, "index": list(range(len(rows))), "data": rows}
    return json.dumps(whole, indent=indent).encode(), ".json"


def packed(content: bytes, name: str, container: str) -> tuple[bytes, str]:
    if container == "gzip":
        return gzip.compress(content), f"{name}.gz"
    if container == "zip":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(name, content)
        return archive.getvalue(), "products.zip"
    return content, name


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(products=PRODUCTS, data=st.data())
def test_what_is_written_is_read_or_refused(
    tmp_path: Path, products: list[dict[str, Any]], data: st.DataObject
) -> None:
    write = data.draw(st.sampled_from((as_table, as_json)))
    content, ending = write(products, data)
    container = data.draw(st.sampled_from(("plain", "gzip", "zip")))
    content, name = packed(content, f"products{ending}", container)
    path = tmp_path / name
    path.write_bytes(content)
    refusal = ""
    try:
        found = read_catalog(path)
    except CatalogError as error:
        refusal = str(error)
    if refusal:
        # refused as a whole, in a sentence that says what to do
        assert len(refusal) > 40
        return
    read = {row["id"]: row for row in found.catalog.table.to_pylist()}
    refused = [record.reason for record in found.quarantine]
    assert all(refused)
    assert len(read) + len(refused) == len(products)
    for number, product in enumerate(products):
        row = read.get(f"{number:04d}")
        if row is None:
            continue
        assert row["title"] == product["title"]
        assert row["price"] == product["price"]
        # a letter that the encoding does not have was not written
        assert row["brand"] in (
            product["brand"],
            (product["brand"] or "").replace("Ł", "").replace("ź", ""),
        )
        assert {name for path in row["categories"] for name in path} == set(product["categories"])
