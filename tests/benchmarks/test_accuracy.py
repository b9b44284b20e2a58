"""The accuracy benchmark: fits share what they have in common and nothing else; its tables are right."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from shelfwise.config import Config, SystemSettings
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, State
from shelfwise.decision.thresholds import decide
from shelfwise.errors import CatalogError
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.training.fit import fit_model

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = ("accuracy_study", "accuracy_parts", "accuracy_tables", "accuracy")
LINEAR = {"modality": "text_linear", "settings": {"letters": []}}
SETTINGS: dict[str, Any] = {
    "labels": {"min_count": 20},
    "split": {"validation_fraction": 0},
    "stacking": {"folds": 2},
    "evaluation": {"bootstrap": 20},
    "decide_with": "blend",
    "members": {
        "title": {**LINEAR, "field": "title"},
        "both": {**LINEAR, "field": "title+description"},
        "brand": {**LINEAR, "field": "brand"},
    },
    "systems": {
        "blend": {
            "policy": "blend",
            "settings": {"parts": [{"policy": "logistic"}, {"policy": "mean"}]},
        }
    },
}


@pytest.fixture(scope="module")
def accuracy() -> Iterator[Any]:
    """The benchmark's modules, which import each other as scripts do; gone again afterwards."""
    sys.path.insert(0, str(BENCHMARKS))
    modules = ModuleType("benchmark")
    for name in NAMES:
        setattr(modules, name.removeprefix("accuracy_"), importlib.import_module(name))
    yield modules
    sys.path.remove(str(BENCHMARKS))
    for name in NAMES:
        del sys.modules[name]


@pytest.fixture(scope="module")
def study(accuracy: Any, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return accuracy.study.Study.of(
        sample, None, Config.parse(SETTINGS), tmp_path_factory.mktemp("study")
    )


def test_full_system_is_what_a_plain_fit_gives(accuracy: Any, study: Any) -> None:
    context = Context(seed=study.config.seed)
    plain = fit_model(study.task.training_set, study.task.labels, study.config, context)
    answers = plain.predict_members(study.task.test, Context(seed=study.config.seed))
    scores = study.full.model.scores(study.answers)
    np.testing.assert_allclose(scores, plain.scores(answers), atol=1e-6)
    decided = decide(plain.scores(answers), plain.threshold_of("blend"))
    np.testing.assert_array_equal(
        accuracy.study.Verdict.of(study.full.model, study.answers).tuned, decided
    )


def test_stages_are_done_once_and_shared_under_any_name(accuracy: Any, tmp_path: Path) -> None:
    runs = []

    def compute() -> State:
        runs.append(1)
        return State({"x": np.ones(1)})

    first = accuracy.study.SharedStages(tmp_path, {"a.b": "mark", "c": "other"})
    first.run("fold.a.b.3", compute)
    again = accuracy.study.SharedStages(tmp_path, {"d": "mark", "c": "mark"})
    again.run("fold.d.3", compute)
    again.run("fold.c.3", compute)
    assert len(runs) == 1
    assert again.costs["fold.d.3"] == first.costs["fold.a.b.3"]
    for other in ("fold.d.4", "member.d"):
        again.run(other, compute)
    first.run("fold.c.3", compute)
    assert len(runs) == 4


def test_members_are_shared_where_their_fields_are_known(accuracy: Any, study: Any) -> None:
    marks, digest = accuracy.study.marks, "digest"
    whole, part = marks(study.config, digest, None), marks(study.config, digest, ("title", "brand"))
    assert [whole[name] == part[name] for name in ("title", "both", "brand", "blend")] == [
        True,
        True,
        True,
        False,
    ]
    other = study.config.model_copy(update={"seed": 1})
    assert not set(marks(other, digest, None).values()) & set(whole.values())
    assert not set(marks(study.config, "else", None).values()) & set(whole.values())


def test_refitted_fusion_needs_no_member_again(
    accuracy: Any, study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.full, study.answers  # noqa: B018 - fits
    monkeypatch.setattr("shelfwise.training.fit_members.fit_present", None)
    monkeypatch.setattr("shelfwise.training.cross_fitting.fit_present", None)
    found = accuracy.parts.ablation(study)
    wanted = [
        "without title",
        "without both",
        "without brand",
        "logistic alone",
        "mean alone",
        "ridge alone",
        "geometric alone",
    ]
    assert list(found["rows"]) == wanted
    assert all("not_run" not in row for row in found["rows"].values())
    truth, scores = study.truth, study.full.model.scores(study.answers)
    assert found["full"]["micro_f1"] == pytest.approx(micro_f1(truth, decide(scores, 0.5)))
    row = found["rows"]["without both"]
    assert row["difference"]["difference"] == pytest.approx(
        row["micro_f1_tuned"] - found["full"]["micro_f1_tuned"]
    )


def test_parts_of_a_blend_are_tried_alone_with_their_settings(accuracy: Any) -> None:
    parts = [{"policy": "ridge", "settings": {"alpha": 3.0}}, {"policy": "mean"}]
    config = Config.parse(
        {**SETTINGS, "systems": {"blend": {"policy": "blend", "settings": {"parts": parts}}}}
    )
    variants = accuracy.parts.ablated(config, "blend", ["title"])
    assert [*variants] == ["ridge alone", "mean alone", "geometric alone"]
    assert variants["ridge alone"] == SystemSettings(
        policy="ridge", members=("title",), settings={"alpha": 3.0}
    )


def test_missing_fields_are_blanked_in_test_and_training(accuracy: Any, study: Any) -> None:
    found = accuracy.parts.missing(study)["rows"]
    rows = {(row["known"], row["others"]): row for row in found}
    known = [("title",), ("description",), ("title", "description")]
    assert [*rows] == [(some, others) for others in ((), ("brand",)) for some in known]
    assert rows[("title",), ()]["members"] == ["title"]  # `both` has become the same
    assert rows[("description",), ("brand",)]["members"] == ["both", "brand"]
    whole = rows[("title", "description"), ("brand",)]
    assert whole["full"]["difference"]["difference"] == 0
    assert (
        whole["full"]["micro_f1"]
        == whole["alone"]["micro_f1"]
        == accuracy.parts.ablation(study)["full"]["micro_f1"]
    )


def test_only_the_named_fields_stay(accuracy: Any) -> None:
    record = {
        "id": "1",
        "title": "Mug",
        "image": "1.jpg",
        "related": {"also_bought": ["2"]},
        "categories": [["A"]],
        "colour": "red",
    }
    left = accuracy.study.only(
        Catalog.from_records([record, {"id": "2", "title": "Cup"}]), ("title", "colour")
    )
    assert left.table.select(["id", "title", "colour", "categories"]).to_pylist()[0] == {
        name: record[name] for name in ("id", "title", "colour", "categories")
    }
    assert left.column("image") == left.column("related") == left.column("price") == [None, None]
    assert (
        left.table.schema.field("related").type
        == Catalog.from_records([record]).table.schema.field("related").type
    )


def test_portions_are_nested_and_keep_near_copies_together(accuracy: Any, study: Any) -> None:
    training_set = study.task.training_set
    rows = np.arange(len(training_set.train))
    watched = replace(training_set, train=rows[::2], validation=rows[1::2])
    portions = [accuracy.study.portion(watched, tenths, 0) for tenths in (2, 5, 10)]
    ids = [{part.catalog.ids[row] for row in part.train} for part in portions]
    assert ids[0] < ids[1] < ids[2] == {training_set.catalog.ids[row] for row in watched.train}
    for part, tenths in zip(portions, (2, 5, 10), strict=True):
        assert len(part.train) == pytest.approx(tenths / 10 * len(watched.train), rel=0.2)
        assert [part.catalog.ids[row] for row in part.validation] == [
            training_set.catalog.ids[row] for row in watched.validation
        ]
        np.testing.assert_array_equal(
            part.targets, study.task.labels.encode(part.catalog.column("categories"))
        )
        left = {
            training_set.catalog.ids.index(name)
            for name in ids[2] - {part.catalog.ids[row] for row in part.train}
        }
        assert not set(part.groups[part.train]) & set(training_set.groups[sorted(left)])


def test_costs_are_summed_by_what_they_are_for(accuracy: Any) -> None:
    members = {"t": "title", "i": "image", "a.b": "title+image"}
    config = Config.parse(
        {
            "members": {
                name: {"modality": "text_linear", "field": field} for name, field in members.items()
            },
            "systems": {"s": {"policy": "mean"}, "z": {"policy": "mean"}},
        }
    )
    prepared, fitted = (
        [f"prepare.{name}" for name in members],
        ["member.a.b", "answers.a.b", "fold.a.b.0", "fold.a.b.11"],
    )
    stages = [*prepared, *fitted, "system.s", "cross.s", "system.z"]
    sums = accuracy.parts.grouped(
        {stage: [2.0**i, 1.0] for i, stage in enumerate(stages)}, config, "s"
    )
    assert sums == {
        "encoding images": [2.0, 1.0],
        "encoding text, and other preparation": [5.0, 2.0],
        "member a.b, 6 fits": [8.0 + 16 + 32 + 64, 4.0],
        "stacking: s": [128.0 + 256, 2.0],
        "other systems": [512.0, 1.0],
    }


@pytest.fixture
def rivals(study: Any, tmp_path: Path) -> Path:
    """What benchmarks/peers leaves, of a rival that is right half of the time.

    It has the products in another order.
    """
    order = np.random.default_rng(0).permutation(len(study.truth))
    truth = study.truth[order]
    scores = np.where(truth & (np.arange(len(truth)) % 2 == 0)[:, None], 0.4, 0.1).astype(
        np.float32
    )
    ids, labels = np.array(study.task.test.ids)[order], np.array(study.task.labels.names)
    (tmp_path / "scores").mkdir()
    kept = {
        "ids": ids,
        "scores": scores,
        "thresholds": np.full(len(ids), 0.2),
        "targets": truth.astype(np.uint8),
        "labels": labels,
    }
    np.savez_compressed(tmp_path / "scores" / "half.npz", **kept)
    rows = {
        "half": {"title": "half right", "fields": "none"},
        "dead": {"not_run": "no luck"},
        "ours-x": {"title": "x"},
    }
    (tmp_path / "peers.json").write_text(json.dumps({"systems": rows, "margins": {"ours-x": {}}}))
    return tmp_path


def test_rivals_are_compared_product_by_product(accuracy: Any, study: Any, rivals: Path) -> None:
    found = accuracy.parts.peers(study, rivals)
    assert [*found["rows"]] == ["half"]
    half = found["rows"]["half"]
    assert half["micro_f1"] == 0
    assert half["micro_f1_tuned"] == pytest.approx(2 / 3, abs=0.1)
    assert half["difference"]["difference"] == pytest.approx(
        found["full"]["micro_f1_tuned"] - half["micro_f1_tuned"]
    )


@pytest.mark.parametrize("broken", ["ids", "labels", "targets"])
def test_rivals_of_another_split_are_refused(
    accuracy: Any, study: Any, rivals: Path, broken: str
) -> None:
    path = rivals / "scores" / "half.npz"
    kept = dict(np.load(path))
    kept[broken] = 1 - kept[broken] if broken == "targets" else kept[broken][:-1]
    np.savez_compressed(path, **kept)
    with pytest.raises(CatalogError, match="same catalogues"):
        accuracy.parts.peers(study, rivals)


def test_command_keeps_the_parts_of_earlier_calls(
    accuracy: Any, study: Any, sample: Path, rivals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accuracy.accuracy.Config, "load", lambda *_, **__: study.config)
    words = ["accuracy.py", str(sample), "--min-count", "20", "--out", str(study.folder), "--parts"]
    for wanted in (["cost"], ["ablation"], ["none", "--peers", str(rivals)]):
        monkeypatch.setattr(sys, "argv", [*words, *wanted])
        accuracy.accuracy.main()
    results = json.loads((study.folder / "accuracy.json").read_text())
    assert {*results["parts"]} == {"cost", "ablation", "peers"}
    text = (study.folder / "accuracy.md").read_text()
    for part, row in {
        "cost": "| member both, 3 fits |",
        "ablation": "| without both |",
        "peers": "| half right | none |",
    }.items():
        assert row in text
        assert f"`{results['parts'][part]['command']}`" in text
    assert results["parts"]["ablation"]["command"].endswith(
        f"{sample} --min-count 20 --out {study.folder} --parts ablation"
    )
    assert (study.folder / "cost.svg").read_text().startswith("<svg")


def test_worse_by_more_than_a_point_is_said(accuracy: Any) -> None:
    def row(known: list[str], difference: float) -> dict[str, Any]:
        figures = {
            "micro_f1_tuned": 0.5,
            "micro_f1": 0.5,
            "macro_f1": 0.5,
            "macro_f1_tuned": 0.5,
            "micro_f1_tuned_interval": [0.4, 0.6],
        }
        found = {"difference": difference, "low": difference - 0.01, "high": difference + 0.01}
        return {
            "known": known,
            "others": ["brand"],
            "full": {**figures, "difference": found},
            "alone": figures,
        }

    rows = [
        row(["title"], -0.011),
        row(["image"], -0.009),
        {**row(["description"], 0.0), "not_run": "nothing there"},
    ]
    text = accuracy.tables.SECTIONS["missing"]({"rows": rows})
    assert (
        "Worse by more than a point: title, and brand. No model of description, and brand: nothing there."
        in text
    )
    assert (
        "| image, and brand | 50.0 (40.0 to 60.0) | 50.0 (40.0 to 60.0) | -0.9 (-1.9 to +0.1) |"
        in text
    )
    assert "Worse by more than a point: none." in accuracy.tables.SECTIONS["missing"](
        {"rows": rows[1:2]}
    )
