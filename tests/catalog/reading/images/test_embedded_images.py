"""Images that lie in the catalogue itself: in Parquet columns and in data URLs."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from shelfwise.catalog.reading.images.embedded_images import embedded_image
from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.catalog.reading.reader import NullReporter, open_stream, read_catalog
from shelfwise.catalog.reading.to_parquet import convert_catalog
from shelfwise.catalog.shards.ingest import ingest_catalog
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.core.image_sources import EmbeddedImage, ImageFile
from shelfwise.vision.image_io import read_image


def png(colour: str) -> bytes:
    """A small image file of one colour."""
    content = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(content, "PNG")
    return content.getvalue()


RED, BLUE = png("red"), png("blue")
DATA_URL = "data:image/png;base64," + base64.b64encode(RED).decode()


def contents(catalog: Catalog) -> list[bytes | str | None]:
    """Of each product the content of its embedded image, else the path of its file."""
    found: list[bytes | str | None] = []
    for source in catalog.image_sources():
        if isinstance(source, EmbeddedImage):
            found.append(read_image(source))
        else:
            found.append(source.name if isinstance(source, ImageFile) else None)
    return found


@pytest.mark.parametrize(
    "values",
    [
        [RED, None, BLUE],
        # as the datasets library writes images
        [{"bytes": RED, "path": "a.png"}, None, {"bytes": BLUE, "path": None}],
        [[{"bytes": RED, "path": None}, {"bytes": BLUE, "path": None}], None, [{"bytes": BLUE}]],
        [[RED, BLUE], [], [BLUE]],
    ],
)
def test_images_in_a_parquet_column(tmp_path: Path, values: list[object]) -> None:
    path = tmp_path / "products.parquet"
    ids = ["1", "2", "3"]
    pq.write_table(pa.table({"id": ids, "title": ["a", "b", "c"], "image": values}), path)
    result = read_catalog(path)
    assert contents(result.catalog) == [RED, None, BLUE]
    assert not result.notes
    assert result.catalog.has_value("image").tolist() == [True, False, True]


def test_paths_of_the_datasets_library_without_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(RED)
    path = tmp_path / "products.parquet"
    images = [{"bytes": None, "path": "a.png"}, {"bytes": BLUE, "path": "b.png"}]
    pq.write_table(pa.table({"id": ["1", "2"], "image": images}), path)
    assert contents(read_catalog(path).catalog) == ["a.png", BLUE]


@pytest.mark.parametrize("url", [DATA_URL, DATA_URL[:40] + "\n " + DATA_URL[40:], [DATA_URL]])
def test_data_urls_in_every_way_of_reading(tmp_path: Path, url: object) -> None:
    """Read by columns, one by one (the second record has a field of its own), and from Python."""
    (tmp_path / "c.png").write_bytes(BLUE)
    records = [
        {"id": "1", "title": "Mug", "image": url},
        {"sku": "2", "title": "Cup", "picture": url},
        {"id": "3", "title": "Jug", "image": "c.png"},
    ]
    path = tmp_path / "products.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert contents(read_catalog(path).catalog) == [RED, RED, "c.png"]
    given = read_records([*records, {"id": "4", "title": "Pot", "image": BLUE}], root=tmp_path)
    assert contents(given.catalog) == [RED, RED, "c.png", BLUE]


@pytest.mark.parametrize("value", ["a.png", b"", {"path": "a.png"}, "https://a.example/b.png", 7])
def test_what_is_no_embedded_image(value: object) -> None:
    notes: Counter[str] = Counter()
    assert embedded_image(value, notes) is None
    assert not notes


def test_a_damaged_data_url_is_told(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text('id,title,image\n1,Mug,"data:image/png;base64,!!!!"\n')
    result = read_catalog(path)
    assert contents(result.catalog) == [None]
    assert any("is no base64" in note for note in result.notes), result.notes


def test_a_refused_row_tells_how_large_its_image_was(tmp_path: Path) -> None:
    path = tmp_path / "products.parquet"
    pq.write_table(
        pa.table({"id": ["1", "1"], "title": ["Mug", "Cup"], "image": [RED, BLUE]}), path
    )
    result = read_catalog(path)
    raw = json.loads(result.quarantine[0].raw)
    assert raw == {"id": "1", "title": "Cup", "image": f"({len(BLUE)} bytes)"}
    assert contents(result.catalog) == [RED]


def test_large_rows_are_read_a_few_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "products.parquet"
    # bytes that cannot be compressed: the size of a row is taken from the file
    images = [bytes([row]) * 8 + base64.b64encode(RED) * 90_000 for row in range(16)]
    pq.write_table(pa.table({"id": [str(row) for row in range(16)], "image": images}), path)
    with open_stream(path, CatalogSettings()) as stream:
        sizes = [table.num_rows for table, _ in stream]
    assert sum(sizes) == 16
    assert max(sizes) < 16


def test_shards_and_converted_files_keep_embedded_images(tmp_path: Path) -> None:
    """A folder of sources with paths and contents, sharded, and converted to Parquet and read again."""
    source = tmp_path / "in"
    (source / "below").mkdir(parents=True)
    (source / "below" / "c.png").write_bytes(BLUE)
    (source / "below" / "one.jsonl").write_text('{"id": "1", "title": "Mug", "image": "c.png"}\n')
    table = pa.table({"id": ["2", "3"], "title": ["Cup", "Jug"], "image": [RED, None]})
    pq.write_table(table, source / "two.parquet")
    places = [str(source / "below" / "one.jsonl"), str(source / "two.parquet")]
    shards = ingest_catalog(places, tmp_path / "shards", CatalogSettings(), NullReporter())
    assert shards.products == 3
    sharded = read_catalog(tmp_path / "shards").catalog
    assert contents(sharded) == ["below/c.png", RED, None]
    convert_catalog(source / "two.parquet", tmp_path / "converted")
    [converted] = (tmp_path / "converted").glob("*.parquet")
    assert contents(read_catalog(converted).catalog) == [RED, None]
