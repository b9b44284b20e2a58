"""Explanations on the command line: one page of some products, with what their modalities disagree about."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shelfwise import Categorizer
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.explain import ChosenProducts
from shelfwise.core.types import Context
from shelfwise.errors import CatalogError
from shelfwise.explain.disagreement import contradictions
from shelfwise.reports.explanation_report import write_explanations


def test_predict_explains_the_products_that_are_named(
    command: Callable[..., subprocess.CompletedProcess[str]],
    trained: Path,
    sample: Path,
    tmp_path: Path,
) -> None:
    catalog = read_catalog(sample).catalog
    ids = [catalog.ids[5], catalog.ids[2]]
    named = [part for name in ids for part in ("--id", name)]
    out = tmp_path / "p.jsonl"
    done = command(
        "predict", trained, sample, "--out", out, "--explain", tmp_path / "why", *named, "--json"
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["explained"] == {
        "products": 2,
        "page": str(tmp_path / "why" / "index.html"),
        "data": str(tmp_path / "why" / "explanations.jsonl"),
    }
    explained = [
        json.loads(line)
        for line in (tmp_path / "why" / "explanations.jsonl").read_text("utf-8").splitlines()
    ]
    assert [one["id"] for one in explained] == ids
    rows = {
        row["id"]: row
        for row in map(json.loads, (tmp_path / "p.jsonl").read_text("utf-8").splitlines())
    }
    for one in explained:
        assert sorted(one["reasons"]) == rows[one["id"]]["labels"]
        for reason in one["reasons"].values():
            assert sum(reason["contributions"].values()) == pytest.approx(reason["score"], abs=1e-4)
    page = (tmp_path / "why" / "index.html").read_text("utf-8")
    assert all(name in page for name in ids)


def test_an_unknown_product(trained: Path, sample: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no product with the id 'nobody'"):
        ChosenProducts.of(
            Categorizer.load(trained).model_, sample, tmp_path, Context(), ["nobody"]
        ).explain(Context())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [("--explain", "why", "--id", "nobody"), ("--id", "nobody")])
def test_a_wish_that_cannot_be_met_is_refused_before_anything_is_written(
    options: tuple[str, ...],
    command: Callable[..., subprocess.CompletedProcess[str]],
    trained: Path,
    sample: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("predict", trained, sample, "--out", "p.jsonl", *options)
    assert done.returncode == 2, done.stderr
    assert not list(tmp_path.iterdir())


def test_contradictions_are_those_of_two_present_members(trained: Path, sample: Path) -> None:
    model = Categorizer.load(trained).model_
    catalog = read_catalog(sample).catalog
    answers = model.predict_members(catalog.take(np.arange(40)), Context())
    found = contradictions(model, answers, 5)
    assert len(found) <= 5
    for row, strength, sides in found:
        assert strength >= 0.5
        for side in sides:
            column = model.labels.names.index(side["label"])
            assert answers.predictions[side["member"]].probabilities[row, column] == pytest.approx(
                side["score"]
            )
            assert answers.predictions[side["other"]].probabilities[row, column] == pytest.approx(
                side["against"]
            )


def test_the_page_says_who_contradicts_whom(tmp_path: Path) -> None:
    sides = [
        {"member": "image", "label": "Shoes", "score": 0.91, "other": "title", "against": 0.02},
        {"member": "title", "label": "Laces", "score": 0.88, "other": "image", "against": 0.03},
    ]
    explained = {"id": "p1", "texts": {"title": "Laces"}, "reasons": {}}
    page = write_explanations(
        [explained | {"sides": sides}, explained], tmp_path, lambda _: None
    ).read_text("utf-8")
    assert page.count("The modalities disagree") == 1
    assert "<b>image</b> predicts Shoes" in page
    assert "<b>title</b> predicts Laces" in page
