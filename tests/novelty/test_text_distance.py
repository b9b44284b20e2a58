"""How far a text is from the training texts: against a slow count of words, and through a whole model."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise import Categorizer
from shelfwise.commands.predict import predict_catalog
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, State
from shelfwise.errors import ConfigError
from shelfwise.model.bundle import save_bundle
from shelfwise.model.model import Model
from shelfwise.novelty import text_distance
from shelfwise.novelty.detector import NoveltyDetector
from shelfwise.novelty.text_distance import NearestTextDistance
from shelfwise.training.fit import fit_catalog

TEXTS = ["red mug", "red red cup", "blue mug large", "blue lamp", "tall lamp lamp", "mug"]


def catalog(texts: list[str | None]) -> Catalog:
    return Catalog.from_records(
        [{"id": str(i), "title": text, "description": None} for i, text in enumerate(texts)]
    )


def around(texts: list[str], groups: list[int] | None = None) -> NearestTextDistance:
    rows = np.arange(len(texts))
    return NearestTextDistance.fit(
        catalog(list(texts)),
        rows,
        ["title"],
        "",
        rows if groups is None else np.array(groups),
        Context(),
    )


def slow(texts: list[str], new: str, k: int, leave_out: int | None = None) -> float:
    """Minus the mean cosine of TF-IDF vectors, pair by pair; words of a single training text are unknown."""
    documents = Counter(word for text in texts for word in set(text.split()))

    def vector(text: str) -> dict[str, float]:
        found = {}
        for word, count in Counter(text.split()).items():
            seen = documents[word] if documents[word] >= 2 else 0
            found[word] = (1 + math.log(count)) * (1 + math.log((1 + len(texts)) / (1 + seen)))
        return found

    def cosine(one: dict[str, float], other: dict[str, float]) -> float:
        shared = sum(
            one[word] * other[word] for word in one.keys() & other.keys() if documents[word] >= 2
        )
        return shared / math.sqrt(
            sum(v * v for v in one.values()) * sum(v * v for v in other.values())
        )

    found = [cosine(vector(new), vector(text)) for i, text in enumerate(texts) if i != leave_out]
    return -float(np.mean(sorted(found)[-k:]))


def test_words_against_a_slow_obvious_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_distance, "NEIGHBOURS", 2)
    fitted, new = around(TEXTS), ["red mug", "blue cup", "lamp of an unknown kind", "nothing known"]
    for portion in (1, 3, 100):
        monkeypatch.setattr(text_distance, "CHUNK_ROWS", portion)
        found = fitted.distances(catalog(list(new)), Context())
        assert list(found) == ["words"]
        np.testing.assert_allclose(
            found["words"], [slow(TEXTS, text, 2) for text in new], atol=1e-6
        )


def test_near_copies_are_no_evidence_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_distance, "NEIGHBOURS", 1)
    alone = around(TEXTS).distances(catalog(list(TEXTS)), Context(), groups=np.arange(6))
    np.testing.assert_allclose(
        alone["words"],
        [slow(TEXTS, text, 1, leave_out=i) for i, text in enumerate(TEXTS)],
        atol=1e-6,
    )
    groups = np.array([0, 1, 2, 3, 4, 0])  # the two mugs are one product
    [far] = around(TEXTS, groups.tolist()).distances(
        catalog(list(TEXTS)), Context(), np.array([5]), groups[[5]]
    )["words"]
    assert far == pytest.approx(slow(TEXTS[1:], "mug", 1, leave_out=4), abs=0.2)
    assert far > alone["words"][5]


def test_no_text_is_not_far() -> None:
    found = around(TEXTS).distances(catalog([None, "mug"]), Context())["words"]
    assert np.isnan(found).tolist() == [True, False]


def test_sentences_are_compared_too(make_encoder: Any, tmp_path: Path) -> None:
    encoder = make_encoder(
        tmp_path / "encoder", ["red", "mug", "cup", "blue", "lamp", "large", "tall"]
    )
    rows = np.arange(6)
    fitted = NearestTextDistance.fit(
        catalog(list(TEXTS)), rows, ["title"], str(encoder), rows, Context()
    )
    new = catalog(["red mug", "tall lamp", None])
    found = fitted.distances(new, Context())
    assert list(found) == ["words", "meaning"]
    assert np.isnan(found["meaning"]).tolist() == [False, False, True]
    assert (np.abs(found["meaning"][:2]) <= 1 + 1e-6).all()
    again = NearestTextDistance.from_state(
        State(fitted.state().arrays, json.loads(json.dumps(dict(fitted.state().facts))))
    )
    for name, values in again.distances(new, Context()).items():
        np.testing.assert_allclose(values, found[name], atol=2e-3)


@pytest.fixture(scope="module")
def shop() -> tuple[Catalog, Model]:
    """400 products of four kinds, told by their words, and a model of them."""
    chance = np.random.default_rng(0)
    words = {
        "Mugs": "mug cup handle tea clay",
        "Lamps": "lamp light bulb glow shade",
        "Shoes": "shoe sole lace heel step",
        "Bags": "bag strap zip pocket carry",
    }
    records = []
    for i in range(400):
        kind = list(words)[i % 4]
        title = (
            " ".join(chance.choice(words[kind].split(), 3))
            + f" {chance.choice(['red', 'blue', 'green'])}"
        )
        records.append({"id": str(i), "title": title, "categories": [["Goods", kind]]})
    known = Catalog.from_records(records)
    settings = {
        "split": {"validation_fraction": 0},
        "stacking": {"folds": 3},
        "members": {"t": {"modality": "text_linear", "field": "title"}},
    }
    return known, fit_catalog(known, Config.parse(settings), Context())


def test_a_model_finds_novel_products_and_keeps_to_its_false_alarms(
    shop: tuple[Catalog, Model],
) -> None:
    known, model = shop
    model = Model.from_bundle(model.bundle())
    assert model.novelty is not None
    novel = catalog(
        [
            "quantum violin string",
            "tractor engine oil plough",
            "violin bow rosin",
            "cheese rind",
            "mug",
        ]
    )

    def p_values(products: Catalog) -> np.ndarray:
        assert model.novelty is not None
        return model.novelty.p_values(
            products, model.scores(model.predict_members(products, Context())), Context()
        )

    far = p_values(novel)
    assert (far[:4] <= 0.02).all()
    assert far[4] > far[:4].max()
    assert p_values(known).min() >= 1 / 401
    assert model.novelty.conformal.is_novel(p_values(known), 0.05).mean() <= 0.08


def test_through_the_facade(shop: tuple[Catalog, Model]) -> None:
    shelves = Categorizer.from_model(shop[1])
    belongs, novel = shelves.novelty(
        [{"title": "mug tea cup clay"}, {"title": "quantum violin string bow"}]
    )
    assert 0 <= belongs < 0.9 < 0.98 <= novel < 1


def test_too_few_products_to_tell(shop: tuple[Catalog, Model]) -> None:
    known, model = shop
    shelves = Categorizer.from_model(replace(model, novelty=None))
    with pytest.raises(ConfigError, match="fewer than 20 training products"):
        shelves.novelty([{"title": "mug"}])
    rows = np.arange(19)
    assert (
        NoveltyDetector.fit(
            known,
            np.arange(400),
            rows,
            (rows, np.full((19, 5), 0.5, np.float32)),
            list(model.members.values()),
            Context(),
        )
        is None
    )


@pytest.mark.parametrize("precision", [None, 0.9])
@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet"])
def test_novel_products_have_a_queue_of_their_own(
    shop: tuple[Catalog, Model], tmp_path: Path, precision: float | None, name: str
) -> None:
    titles = ["mug tea cup clay", "lamp light bulb", "quantum violin string bow"]
    source = tmp_path / "new.jsonl"
    source.write_text(
        "".join(
            json.dumps({"id": f"n{i}", "title": title}) + "\n" for i, title in enumerate(titles)
        )
    )
    summary = predict_catalog(
        shop[1], source, tmp_path / name, Context(), precision, novelty_rate=0.02
    )
    if name.endswith("jsonl"):
        rows = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
    else:
        import pyarrow.parquet as pq

        rows = pq.read_table(tmp_path / name).to_pylist()
    assert [row.get("queue") == "novel" for row in rows] == [False, False, True]
    assert rows[2]["labels"] == rows[2]["accepted"] == rows[2]["to_review"] == []
    assert rows[0]["labels"] == ["Goods", "Mugs"]
    assert rows[2]["novelty"] >= 0.98 > rows[0]["novelty"] >= 0
    assert (tmp_path / f"{name}.novel.txt").read_text() == "n2\n"
    assert summary["queues"]["novel"] == 1
    assert set(summary["queues"]) == {
        "novel",
        *(("accept", "review", "reject") if precision else ()),
    }


def test_on_the_command_line(
    shop: tuple[Catalog, Model],
    tmp_path: Path,
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    source, model = tmp_path / "new.jsonl", tmp_path / "model"
    source.write_text(
        '{"id": "m", "title": "mug tea cup clay"}\n{"id": "v", "title": "quantum violin string bow"}\n'
    )
    save_bundle(shop[1].bundle(), model)
    call = ("predict", model, source, "--out", tmp_path / "p.jsonl", "--novelty-rate")
    done = command(*call, "0.02")
    assert done.returncode == 0, done.stderr
    assert re.search(r"novel +1 product: .*p\.jsonl\.novel\.txt", done.stdout)
    assert (tmp_path / "p.jsonl.novel.txt").read_text() == "v\n"
    refused = command(*call, "0.0001")
    assert refused.returncode == 2
    assert re.fullmatch(r"error: .*400 known products.*", refused.stderr.strip())


def test_a_share_that_cannot_be_promised(shop: tuple[Catalog, Model], tmp_path: Path) -> None:
    source = tmp_path / "new.jsonl"
    source.write_text('{"id": "1", "title": "mug"}\n')
    with pytest.raises(ConfigError, match="with 400 known products"):
        predict_catalog(shop[1], source, tmp_path / "x.jsonl", Context(), novelty_rate=0.001)


@pytest.mark.parametrize(
    ("name", "value"),
    [("fields", {}), ("fields", []), ("fields", [[]]), ("encoder", -1), ("segmentation", {})],
)
def test_facts_of_another_kind_are_refused_when_they_are_restored(name: str, value: object) -> None:
    arrays = {
        "groups": np.zeros(1, np.int64),
        "keys": np.zeros(1, np.uint64),
        "weights": np.ones(1, np.float32),
        "words": np.ones(1, np.float16),
        "columns": np.zeros(1, np.int32),
        "rows": np.array([0, 1], np.int32),
        "centre": np.zeros(0, np.float32),
        "meanings": np.zeros((1, 0), np.float16),
    }
    facts = {"fields": ["title"], "encoder": {}, "segmentation": "unicode"}
    assert NearestTextDistance.from_state(State(arrays, facts)).fields == ("title",)
    with pytest.raises(ValueError, match=name):
        NearestTextDistance.from_state(State(arrays, {**facts, name: value}))
