"""The sample: same bytes for the same seed, the faults it announces, fields that know different things."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.sample import generator, images, noise, write_sample
from shelfwise.catalog.sample.products import ProductPlan, plan_products
from shelfwise.catalog.sample.texts import write_texts
from shelfwise.catalog.sample.vocabulary import load_vocabulary
from shelfwise.core.catalog import Catalog
from shelfwise.errors import CatalogError

PRODUCTS = 300


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample"), PRODUCTS)


@pytest.fixture(scope="module")
def records(sample: Path) -> list[dict[str, Any]]:
    """The records that count: whole, with an id, and the first of their id."""
    found: dict[str, dict[str, Any]] = {}
    for line in sample.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if "id" in record and isinstance(record["categories"], list):
            found.setdefault(record["id"], record)
    return list(found.values())


@pytest.fixture(scope="module")
def texts() -> tuple[list[ProductPlan], list[tuple[str, str]]]:
    """3,000 products in words only, before any fault."""
    rng = np.random.default_rng(0)
    plans = plan_products(3000, load_vocabulary(), rng)
    return plans, write_texts(plans, load_vocabulary(), rng)


def _image_state(root: Path, record: dict[str, Any]) -> str:
    """What can be read of a record's image."""
    if record["image"] is None:
        return "unnamed"
    try:
        with Image.open(root / record["image"]) as image:
            image.load()
            return f"{image.format} {image.mode} {image.width}x{image.height}"
    except FileNotFoundError:
        return "lost"
    except UnidentifiedImageError:
        return "text"
    except OSError:
        return "truncated"


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = _bytes(write_sample(tmp_path / "a", 20).parent)
    assert first == _bytes(write_sample(tmp_path / "b", 20).parent)
    other = _bytes(write_sample(tmp_path / "c", 20, seed=1).parent)
    assert first["catalog.jsonl"] != other["catalog.jsonl"]


def test_a_folder_written_to_before_gives_the_same_bytes(tmp_path: Path) -> None:
    fresh = _bytes(write_sample(tmp_path / "fresh", 20).parent)
    write_sample(tmp_path / "used", 20)
    (
        tmp_path
        / "used"
        / "images"
        / next(name for name in fresh if name.startswith("images/")).split("/")[1]
    ).write_bytes(b"old")
    assert _bytes(write_sample(tmp_path / "used", 20).parent) == fresh


def test_every_product_is_there_once_with_two_level_paths(records: list[dict[str, Any]]) -> None:
    assert len(records) == PRODUCTS
    departments = {d.name: {leaf.name for leaf in d.leaf} for d in load_vocabulary().departments}
    words = load_vocabulary()
    second_levels = departments | {
        listing.shelf: set(listing.cues)
        for listing in (words.collections, words.gifts, words.prints)
    }
    for record in records:
        assert all(leaf in second_levels[root] for root, leaf in record["categories"])
        assert [root in departments for root, _ in record["categories"]].count(True) == 1
        assert 1 <= len(record["categories"]) <= 4
    labels = [{name for path in record["categories"] for name in path} for record in records]
    assert 2.7 < np.mean([len(some) for some in labels]) < 3.4


def test_the_reader_accepts_every_product_and_quarantines_every_other_line(
    sample: Path, records: list[dict[str, Any]]
) -> None:
    reading = read_catalog(sample)
    catalog: Catalog = reading.catalog
    assert catalog.ids == [record["id"] for record in records]
    lines = len(sample.read_bytes().splitlines())
    assert lines - PRODUCTS == len(reading.quarantine) >= len(noise.BROKEN_LINES) + 1
    assert sum("<" in (text or "") for text in catalog.column("description")) == 0


def test_the_faults_are_as_announced(sample: Path, records: list[dict[str, Any]]) -> None:
    states = Counter(_image_state(sample.parent, record) for record in records)
    whole = f"JPEG RGB {images.IMAGE_PIXELS}x{images.IMAGE_PIXELS}"
    expected = {
        fault: max(1, round(share * PRODUCTS)) for fault, share in noise.IMAGE_FAULT_SHARES.items()
    }
    assert states == Counter({**expected, whole: PRODUCTS - sum(expected.values())})
    for field, share in noise.MISSING_SHARES.items():
        missing = sum(not record.get(field) for record in records) / PRODUCTS
        assert share / 3 < missing < 2 * share + 0.02, field
    descriptions = [record.get("description") or "" for record in records]
    assert 0.05 < np.mean(["<" in text for text in descriptions]) < 0.25
    assert any(
        record.get("title") and record["title"] != html.unescape(record["title"])
        for record in records
    )


def test_what_is_bought_together_shares_a_department_more_often_than_chance(
    records: list[dict[str, Any]],
) -> None:
    root = {record["id"]: record["categories"][0][0] for record in records}
    pairs = [
        (record["id"], other)
        for record in records
        for other in (record.get("related") or {}).get("also_bought", [])
    ]
    assert all(one != other for one, other in pairs)
    assert np.mean([root[one] == root[other] for one, other in pairs]) > 0.6


def test_prices_follow_the_category(texts: Any, records: list[dict[str, Any]]) -> None:
    by_leaf: dict[str, list[float]] = {}
    for record in records:
        if record.get("price"):
            by_leaf.setdefault(record["categories"][0][1], []).append(record["price"])
    assert np.median(by_leaf["Bicycles"]) > 5 * np.median(by_leaf["Mugs"])


def _named(cues: dict[str, tuple[str, ...]], name: str, text: str) -> bool:
    return any(cue in text for cue in cues[name])


def test_only_the_title_names_a_collection_and_only_the_description_a_gift(texts: Any) -> None:
    words = load_vocabulary()
    for plan, (title, description) in zip(*texts, strict=True):
        for name in words.collections.cues:
            assert _named(words.collections.cues, name, title) == (name == plan.collection)
            assert not _named(words.collections.cues, name, description)
        for name in words.gifts.cues:
            assert _named(words.gifts.cues, name, description) == (name == plan.gift)
            assert not _named(words.gifts.cues, name, title)
        assert plan.print is None or plan.print.lower() not in f"{title} {description}".lower()


def test_titles_lack_the_noun_as_often_as_the_words_demand(texts: Any) -> None:
    plans, written = texts
    named = [
        any(noun in title for noun in plan.leaf.nouns)
        for plan, (title, _) in zip(plans, written, strict=True)
    ]
    assert np.mean(named) == pytest.approx(
        np.mean([plan.leaf.title_clarity for plan in plans]), abs=0.03
    )


def test_texts_are_alike_only_where_one_product_copies_another(texts: Any) -> None:
    plans, written = texts
    originals = [pair for plan, pair in zip(plans, written, strict=True) if plan.copy_of is None]
    for column in range(2):
        letters = [re.sub(r"[^a-z]+", " ", pair[column].lower()) for pair in originals]
        assert len(set(letters)) == len(letters)
    copies = [row for row, plan in enumerate(plans) if plan.copy_of is not None]
    assert 0.02 < len(copies) / len(plans) < 0.04
    for row in copies:
        source = plans[row].copy_of
        for mine, theirs in zip(written[row], written[source], strict=True):
            assert mine == theirs.replace(f"in {plans[source].color}", f"in {plans[row].color}")


def test_progress_is_reported_for_every_product(tmp_path: Path) -> None:
    class Counting:
        total = done = 0

        def advance(self, steps: int = 1) -> None:
            self.done += steps

        @contextmanager
        def progress(self, title: str, total: int) -> Iterator[Counting]:
            self.total = total
            yield self

    counting = Counting()
    write_sample(tmp_path, 12, context=counting)
    assert (counting.done, counting.total) == (12, 12)


def test_one_product_is_a_catalogue_and_none_is_an_error(tmp_path: Path) -> None:
    assert write_sample(tmp_path / "one", 1).is_file()
    with pytest.raises(CatalogError, match=r"0 products .* ask for 1 or more"):
        write_sample(tmp_path / "none", 0)
    assert not (tmp_path / "none").exists()


def test_a_large_sample_is_made_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part has products, near-copies and images of its own, and no id stands in two parts."""
    monkeypatch.setattr(generator, "PART_PRODUCTS", 40)
    catalog = read_catalog(write_sample(tmp_path / "parts", 100)).catalog
    assert _bytes(tmp_path / "parts") == _bytes(write_sample(tmp_path / "again", 100).parent)
    # of a part of 40 products the ids are drawn from 400 numbers
    numbers = sorted(int(name[1:]) for name in catalog.ids)
    assert [number // 400 for number in numbers] == [0] * 40 + [1] * 40 + [2] * 20
    assert len(list((tmp_path / "parts" / "images").iterdir())) > 90
    # a part is no copy of the one before
    assert len(set(catalog.column("title"))) > 90
