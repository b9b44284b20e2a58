from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from shelfwise.core.catalog import SCHEMA, Catalog
from shelfwise.core.image_sources import IMAGE_BYTES, EmbeddedImage, ImageFile
from shelfwise.errors import CatalogError


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
        catalog.memoize(("words", name), lambda name=name: compute(name))
        for name in ("a", "b", "a")
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


PNG = b"\x89PNG and so on"


def with_images() -> Catalog:
    records = [
        {"id": "file", "image": "a.png"},
        {"id": "bytes", "image": PNG, "title": "Mug"},
        {"id": "none"},
        {"id": "path", "image": Path("/b.png")},
        {"id": "view", "image": memoryview(PNG)},
    ]
    return Catalog.from_records(records, "/shop")


def test_one_value_is_that_of_its_column() -> None:
    catalog = Catalog.from_records([{"id": "1", "title": "Mug"}, {"id": "2", "price": 4.5}])
    for name in ("id", "title", "price", "categories"):
        values = [catalog.value(name, row) for row in np.arange(len(catalog))]
        assert values == catalog.column(name)


def test_images_are_paths_or_bytes() -> None:
    catalog = with_images()
    embedded = EmbeddedImage(pa.py_buffer(PNG))
    sources = [ImageFile(Path("/shop"), "a.png"), embedded, None, Path("/b.png"), embedded]
    assert embedded.read() == PNG
    assert catalog.image_sources() == sources
    assert catalog.has_value("image").tolist() == [True, True, False, True, True]
    assert catalog.columns == SCHEMA.names
    assert IMAGE_BYTES not in catalog
    assert catalog.take([4, 2, 0]).image_sources() == [embedded, None, sources[0]]
    assert catalog.with_categories([[]] * 5).image_sources() == sources
    assert catalog.memoize("images", catalog.image_sources) == sources


def test_images_are_exchanged() -> None:
    other = with_images().with_images([None, "c.png", b"other", None, None])
    embedded = EmbeddedImage(pa.py_buffer(b"other"))
    assert other.image_sources() == [None, ImageFile(Path("/shop"), "c.png"), embedded, None, None]
    files = with_images().with_images([None, "c.png", None, None, None])
    assert files.table.schema.equals(SCHEMA), "no trace is left of bytes that are gone"


def test_the_fingerprint_knows_images_by_their_content() -> None:
    prints = {
        Catalog.from_records([{"id": "1", "image": image}]).fingerprint()
        for image in (PNG, PNG + b"!", "a.png", None)
    }
    assert len(prints) == 4
    assert with_images().fingerprint() == with_images().fingerprint()
    # the fingerprint of a catalogue without bytes is part of the keys of checkpoints
    assert Catalog.from_records([{"id": "1", "image": "a.png"}]).fingerprint() == (
        "14508cf1b90392b021b2f1961260370363f9fd1ae47ff66bd0f779962c8f68b9"
    )


def test_a_column_of_a_source_is_never_taken_for_bytes() -> None:
    table = pa.table({**{name: ["x"] for name in SCHEMA.names}, IMAGE_BYTES: ["text"]})
    assert Catalog(table, Path("/shop")).image_sources() == [ImageFile(Path("/shop"), "x")]


def test_what_a_data_frame_leaves_out_is_missing() -> None:
    nan = float("nan")
    catalog = Catalog.from_records(
        [{"id": 7, "title": nan, "image": nan, "price": nan, "brand": "Acme"}]
    )
    row = catalog.table.to_pylist()[0]
    assert {name for name, value in row.items() if value is not None} == {"id", "brand"}
    assert catalog.ids == ["7"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": "1", "image": np.zeros((2, 2, 3))}, "an image is a path or the bytes"),
        ({"id": "1", "title": 7}, "a value of the wrong type"),
        ({"id": "1", "price": "cheap"}, "a value of the wrong type"),
    ],
)
def test_a_value_of_the_wrong_type(record: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        Catalog.from_records([record])
