"""``inspect`` opens images before anything is trained on them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.reading.reader import read_catalog, write_quarantine
from shelfwise.catalog.reading.reading_summary import ReadFacts, reading_lines, summarize_reading
from shelfwise.catalog.statistics import catalog_statistics
from shelfwise.commands.inspect import MAX_IMAGES_OPENED, inspect_catalog
from shelfwise.config import Config
from shelfwise.core.types import Context


def inspect(folder: Path, images: list[str | None]) -> dict[str, Any]:
    """What is found of a catalogue with these images."""
    lines = []
    for number, image in enumerate(images):
        record = {"id": str(number), "title": "Mug", "image": image, "categories": [["Mugs"]]}
        lines.append(json.dumps(record))
    catalog = folder / "catalog.jsonl"
    catalog.write_text("\n".join(lines), "utf-8")
    settings = Config.load("everything")
    return inspect_catalog(catalog, folder / "look", settings, Context())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_images_are_opened_and_what_fails_is_told(tmp_path: Path) -> None:
    red = Image.new("RGB", (20, 10), "red")
    red.save(tmp_path / "good.jpg")
    red.save(tmp_path / "moving.gif", save_all=True, append_images=[Image.new("RGB", (20, 10))])
    (tmp_path / "page.jpg").write_text("<html>404</html>")
    whole = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "short.jpg").write_bytes(whole[: len(whole) // 2])
    os.mkfifo(tmp_path / "pipe.jpg")
    images = ["good.jpg", "moving.gif", "page.jpg", "short.jpg", "pipe.jpg", "none.jpg", None]
    found = inspect(tmp_path, images)["images"]
    assert (found["named"], found["looked_at"], found["found"], found["opened"]) == (6, 6, 4, 2)
    assert found["first_frame"] == 1
    told = "; ".join(found["reasons"])
    for words in ("not an image", "cannot be read", "broken off", "no such file"):
        assert words in told
    assert sum(found["reasons"].values()) == 4
    page = (tmp_path / "look/index.html").read_text("utf-8")
    assert "exist and 2 can be used" in page
    assert page.count("data:image/jpeg") == 2


def test_a_sample_of_the_whole_catalogue_is_opened(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), "red").save(tmp_path / "good.jpg")
    half = 2 * MAX_IMAGES_OPENED
    found = inspect(tmp_path, ["good.jpg"] * half + ["none.jpg"] * half)["images"]
    assert found["looked_at"] == MAX_IMAGES_OPENED
    assert found["opened"] == found["found"] == MAX_IMAGES_OPENED // 2
    assert found["reasons"] == {"there is no such file": MAX_IMAGES_OPENED // 2}


def test_a_catalogue_without_images(tmp_path: Path) -> None:
    found = inspect(tmp_path, [None, None])["images"]
    assert found["named"] == found["looked_at"] == 0


def test_how_the_file_was_read_is_told_in_json_and_on_the_page(tmp_path: Path) -> None:
    catalog = tmp_path / "shop.csv"
    rows = [f"h{number};Mug {number};Home > Mugs;new" for number in range(10)]
    catalog.write_text("\n".join(["Handle;Title;product_type;Tags", *rows, ";No id;Home > Mugs;"]))
    found = inspect_catalog(catalog, tmp_path / "look", Config.load("everything"), Context())
    assert {"field": "id", "column": "Handle", "why": "its name is usual for this field"} in found[
        "fields"
    ]
    assert found["delimiter"] == ";"
    [tags] = found["rivals"]
    assert tags["column"] == "Tags"
    assert "product_type is taken" in tags["why"]
    # told once, there and nowhere else
    assert not [sentence for sentence in found["evidence"] if "Tags" in sentence]
    assert [product["labels"] for product in found["first_products"]] == [["Home", "Mugs"]] * 5
    written = json.loads((tmp_path / "look/inspect.json").read_text("utf-8"))
    assert written["fields"] == found["fields"]
    assert written["reasons"] == {"missing id": 1}
    page = (tmp_path / "look/index.html").read_text("utf-8")
    for words in ("How it was read", "Handle", "product_type is taken", "Mug 4", "Home, Mugs"):
        assert words in page


def shop(folder: Path, count: int) -> Path:
    """A catalogue of some batches, with faults, a further column that turns up late, and few words."""
    lines = []
    for number in range(count):
        record: dict[str, Any] = {
            "id": str(number % (count - 5)),
            "title": f"mug zorblat{number}",
            "description": None if number % 3 else "a lamp",
            "categories": [["Home", f"Kind {number % 7}"]] if number % 2 else None,
        }
        if number > count // 2:
            record["colour"] = "red"
        lines.append(json.dumps(record))
    catalog = folder / "shop.jsonl"
    catalog.write_text("\n".join([*lines, "{broken"]), "utf-8")
    return catalog


def test_one_product_is_told_as_one(tmp_path: Path) -> None:
    catalog = tmp_path / "shop.csv"
    catalog.write_text("id,title\n1,Mug\n")
    config = Config.load("quick")
    found = summarize_reading(ReadFacts.of(read_catalog(catalog, config.catalog)), config)
    lines = list(reading_lines(found))
    assert lines[0] == "1 record: 1 accepted, 0 quarantined"
    assert lines[-2:] == ["the first product:", "  1  Mug  (no labels)"]


def test_a_stream_is_counted_as_a_catalogue_in_memory(tmp_path: Path) -> None:
    """The figures are those of all products at once, whatever the batches."""
    source = shop(tmp_path, 20_000)
    config = Config.load("everything")
    found = inspect_catalog(source, tmp_path / "look", config, Context())
    read = read_catalog(source, config.catalog)
    assert summarize_reading(ReadFacts.of(read), config).items() <= found.items()
    assert (found["accepted"], found["quarantined"]) == (19_995, 6)
    categories = read.catalog.column("categories")
    labels = LabelSet.fit(categories, config.labels)
    counted = catalog_statistics(read.catalog, labels.encode(categories), labels.names)
    assert found["statistics"] == counted.to_dict()
    assert found["statistics"]["missing"]["colour"] == 10_001
    write_quarantine(read.quarantine, tmp_path / "quarantine.jsonl")
    written = (tmp_path / "look/quarantine.jsonl").read_text("utf-8")
    assert written == (tmp_path / "quarantine.jsonl").read_text("utf-8")
    assert [example["id"] for example in found["examples"]] == [str(n) for n in range(12)]
    assert found["coverage_sample"] is None


def test_a_sample_of_texts_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shelfwise.commands.inspect.MAX_TEXT_BYTES", 4000)
    config = Config.load("everything")
    found = inspect_catalog(shop(tmp_path, 1000), tmp_path / "look", config, Context())
    sample = found["coverage_sample"]
    assert sample["of"] == 995
    assert 50 < sample["texts"] < 300
    page = (tmp_path / "look/index.html").read_text("utf-8")
    assert f"the texts of {sample['texts']} of 995 products" in page
