"""The benchmark of rivals: they get exactly our rows, fail as rows of the table, and are scored as we are."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from shelfwise.catalog.split import Split
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.decision.thresholds import best_threshold, decide
from shelfwise.errors import BundleError, LabelError
from shelfwise.metrics.multilabel import decision_metrics, micro_f1
from shelfwise.training.dataset import prepare_data

PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"
NAMES = ("harness", "rivals", "preparing", "environments", "standings")

STUB = """
import sys
import numpy as np
from harness import Fitted, main

def fit(task):
    if task.variant == "fails":
        raise ValueError("no luck today")
    with open(__file__ + ".runs", "a") as file:
        file.write("x")
    share = task.train.targets.mean(axis=0) * (0.9 if len(task.validation.inputs) else 1)
    missing = task.variant == "narrow"
    note = {"note": "predicts the same for all"}
    return Fitted(lambda inputs: np.tile(share, (len(inputs), 1))[:, missing:], note)

main(fit, "numpy")
"""


def script(name: str, path: Path) -> Any:
    """A file of the benchmark as a module under a name of its own."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def peers() -> Any:
    """The benchmark's modules, which import each other as scripts do; gone again afterwards."""
    sys.path.insert(0, str(PEERS))
    modules = ModuleType("peers")
    for name in NAMES:
        setattr(modules, name, importlib.import_module(name))
    modules.run = script("peers_run", PEERS / "run.py")  # type: ignore[attr-defined]
    modules.ours = script("peers_ours", PEERS / "ours" / "run.py")  # type: ignore[attr-defined]
    yield modules
    sys.path.remove(str(PEERS))
    for name in [*NAMES, "peers_run", "peers_ours"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def config(quick: dict[str, Any]) -> Config:
    return Config.load("paper", changes=quick)


@pytest.fixture(scope="module")
def held_out(
    peers: Any, sample: Path, config: Config, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Path, str]:
    """The task of one split, the folder it was written to, and its digest."""
    bench, folder = (
        peers.preparing.hold_out(sample, config, None),
        tmp_path_factory.mktemp("bench") / "task",
    )
    return bench, folder, peers.preparing.write_bench(bench, folder)


def arena(peers: Any, task: tuple[Any, Path, str], out: Path, minutes: float = 1) -> Any:
    return peers.environments.Arena(
        task[1], task[2], out / "answers", out / "environments", minutes, 1
    )


def stub(peers: Any, folder: Path, variant: str = "", requirements: str | None = None) -> Any:
    folder.mkdir(exist_ok=True)
    (folder / "run.py").write_text(STUB)
    if requirements is not None:
        (folder / "requirements.txt").write_text(requirements)
    return peers.rivals.Rival("a stub", str(folder), "nothing", variant)


def test_rivals_are_given_the_rows_of_shelfwise_train(
    peers: Any, held_out: tuple[Any, Path, str], sample: Path, config: Config
) -> None:
    task = prepare_data(sample, config, None, Context())
    given, test = peers.harness.read_task(held_out[1], 0)
    training_set = task.training_set
    places = {name: row for row, name in enumerate(training_set.catalog.ids)}
    whole = given.whole().train
    assert sorted(whole.inputs.ids) == sorted(training_set.catalog.ids)
    assert set(given.train.inputs.ids).isdisjoint(given.validation.inputs.ids)
    np.testing.assert_array_equal(
        whole.targets, training_set.targets[[places[name] for name in whole.inputs.ids]]
    )
    assert test.ids == task.test.ids
    assert test.titles == [title or "" for title in task.test.column("title")]
    assert [image for image in test.images if image] == [
        str(Path(path).resolve()) for path in task.test.image_sources() if path
    ]
    assert held_out[0].labels == task.labels.names


def test_label_ids_are_words_without_blanks(peers: Any) -> None:
    examples = peers.harness.Examples(None, np.array([[1, 0, 1], [0, 0, 0]], np.float32))
    assert examples.label_ids == [["0", "2"], []]


def test_folds_test_every_product_once_and_keep_copies_together(
    peers: Any, sample: Path, config: Config
) -> None:
    bench = peers.preparing.cross_validation(sample, config, 4)
    tested = np.concatenate([fold.test for fold in bench.folds])
    assert sorted(tested.tolist()) == list(range(len(bench.products)))
    for fold in bench.folds:
        parts = [fold.train, fold.validation, fold.test]
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(bench.products)))
        groups = [set(bench.groups[rows].tolist()) for rows in parts]
        assert sum(map(len, groups)) == len(set.union(*groups))
        assert len(fold.validation) == pytest.approx(
            0.1 * (len(fold.train) + len(fold.validation)), rel=0.5
        )


def test_the_digest_knows_the_split(
    peers: Any, held_out: tuple[Any, Path, str], tmp_path: Path
) -> None:
    bench = held_out[0]
    other = peers.preparing.Bench(
        bench.products,
        bench.targets,
        bench.labels,
        bench.groups,
        tuple(s for s in bench.folds[::-1]),
    )
    assert peers.preparing.write_bench(other, tmp_path / "same") == held_out[2]
    fold = bench.folds[0]
    moved = Split(fold.train[1:], np.append(fold.validation, fold.train[0]), fold.test)
    other = peers.preparing.Bench(
        bench.products, bench.targets, bench.labels, bench.groups, (moved,)
    )
    assert peers.preparing.write_bench(other, tmp_path / "other") != held_out[2]


def test_a_rival_is_a_row_and_what_fails_says_why(
    peers: Any, held_out: tuple[Any, Path, str], config: Config, tmp_path: Path
) -> None:
    bench = held_out[0]
    systems = {name: stub(peers, tmp_path / "stub", name) for name in ("works", "fails", "narrow")}
    results = peers.run.measure(bench, systems, arena(peers, held_out, tmp_path), config)
    row, fold = results["systems"]["works"], bench.folds[0]
    tuning, final = (
        0.9 * bench.targets[fold.train],
        bench.targets[np.concatenate([fold.train, fold.validation])],
    )
    scores, truth = np.tile(final.mean(axis=0), (len(fold.test), 1)), bench.targets[fold.test] > 0
    threshold = best_threshold(
        bench.targets[fold.validation], np.tile(tuning.mean(axis=0), (len(fold.validation), 1))
    )
    figures = decision_metrics(truth, decide(scores, threshold))
    assert row["micro_f1_tuned"] == pytest.approx(figures["micro_f1"])
    assert row["macro_f1_tuned"] == pytest.approx(figures["macro_f1"])
    assert row["micro_f1_at_0.5"] == pytest.approx(micro_f1(truth, scores >= 0.5))
    assert (
        row["micro_f1_tuned_interval"][0]
        <= row["micro_f1_tuned"]
        <= row["micro_f1_tuned_interval"][1]
    )
    assert row["peak_memory"] > 1_000_000
    assert row["version"].startswith("numpy ")
    assert "no luck today" in results["systems"]["fails"]["not_run"]
    assert (
        f"expected scores ({len(fold.validation)}, {len(bench.labels)})"
        in results["systems"]["narrow"]["not_run"]
    )
    saved = np.load(tmp_path / "scores" / "works.npz")
    assert saved["ids"].tolist() == bench.products.take(fold.test).ids
    np.testing.assert_allclose(saved["scores"], scores, atol=1e-6)


def test_a_rival_that_takes_too_long_is_stopped(
    peers: Any, held_out: tuple[Any, Path, str], tmp_path: Path
) -> None:
    rival = stub(peers, tmp_path / "slow")
    rival.script.write_text("import time; time.sleep(60)")
    with pytest.raises(peers.environments.RivalFailed, match="not done after"):
        arena(peers, held_out, tmp_path, minutes=0.01).answer("slow", rival, 0)


def test_answers_are_kept_until_the_rival_or_the_task_changes(
    peers: Any, held_out: tuple[Any, Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        peers.environments.Arena, "interpreter", lambda self, rival: Path(sys.executable)
    )
    rival = stub(peers, tmp_path / "kept", requirements="one==1")
    runs = Path(f"{rival.script}.runs")

    def count(task: tuple[Any, Path, str]) -> int:
        arena(peers, task, tmp_path).answer("kept", rival, 0)
        return len(runs.read_text())

    assert [count(held_out), count(held_out)] == [
        2,
        2,
    ]  # fitted for the threshold, and on everything
    stub(peers, tmp_path / "kept", requirements="one==2")
    assert [count(held_out), count(held_out)] == [4, 4]
    assert count((*held_out[:2], "another task")) == 6


def test_thresholds_are_each_folds_own(peers: Any) -> None:
    targets = np.array([[1], [0], [1], [0], [1], [0], [1], [0]], np.float32)
    folds = (
        Split(np.array([2, 3]), np.array([0, 1]), np.array([5, 4])),
        Split(np.array([0, 1]), np.array([2, 3]), np.array([7, 6])),
    )
    bench = peers.preparing.Bench(
        Catalog.from_records([{"id": str(i)} for i in range(8)]),
        targets,
        ("a",),
        np.arange(8),
        folds,
    )
    low = peers.environments.Answer(np.array([[0.2], [0.1]]), np.array([[0.1], [0.2]]), {})
    high = peers.environments.Answer(np.array([[0.9], [0.7]]), np.array([[0.7], [0.9]]), {})
    scored = peers.standings.pooled(bench, [low, high])
    assert scored.rows.tolist() == [4, 5, 6, 7]
    np.testing.assert_allclose(scored.scores[:, 0], [0.2, 0.1, 0.9, 0.7])
    np.testing.assert_allclose(scored.thresholds, [0.15, 0.15, 0.8, 0.8])
    assert scored.decided("tuned")[:, 0].tolist() == [True, False, True, False]
    assert scored.decided("at_0.5")[:, 0].tolist() == [False, False, True, True]
    own = peers.environments.Answer(low.validation, low.test, {"threshold": 0.05})
    assert peers.standings.pooled(bench, [own, high]).decided("tuned")[:, 0].tolist() == [
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.1])
def test_scores_that_are_no_probabilities_are_refused(peers: Any, wrong: float) -> None:
    bench = peers.preparing.Bench(
        Catalog.from_records([{"id": "1"}, {"id": "2"}]),
        np.ones((2, 1), np.float32),
        ("a",),
        np.arange(2),
        (Split(np.array([], np.int64), np.array([0]), np.array([1])),),
    )
    with pytest.raises(LabelError, match=r"in \[0, 1\]"):
        peers.standings.pooled(
            bench, [peers.environments.Answer(np.array([[0.5]]), np.array([[wrong]]), {})]
        )


def test_our_own_row_has_the_figures_of_the_report(
    peers: Any,
    held_out: tuple[Any, Path, str],
    trained: Path,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    bench, folder, _ = held_out
    rival = peers.rivals.bundle(trained)
    monkeypatch.setattr(
        sys, "argv", ["run.py", str(folder), "0", str(tmp_path / "ours"), rival.variant]
    )
    peers.harness.main(peers.ours.fit, "numpy", refit=False)
    answers = arena(peers, held_out, tmp_path)
    scores = np.load(tmp_path / "ours" / "scores.npz")
    facts = json.loads((tmp_path / "ours" / "facts.json").read_text())
    scored = peers.standings.pooled(
        bench, [peers.environments.Answer(scores["validation"], scores["test"], facts)]
    )
    row = peers.standings.row_of(rival, scored, bench.targets[scored.rows], 20, 0)
    report = json.loads((trained / "report" / "results.json").read_text())
    system = report["systems"][report["decide_with"]]
    for ours, theirs in (
        ("micro_f1_at_0.5", "micro_f1"),
        ("micro_f1_tuned", "micro_f1_tuned"),
        ("macro_f1_tuned", "macro_f1_tuned"),
    ):
        assert row[ours] == pytest.approx(system[theirs], abs=1e-6)
    margins = peers.standings.differences(scored, scored, bench.targets[scored.rows], 20, 0)
    assert margins["micro_f1_tuned"]["difference"] == 0
    data = peers.run.describe(bench, answers)
    results = {
        "data": data,
        "systems": {"ours": row, "rival": row},
        "margins": {"ours": {"rival": margins}},
    }
    table = peers.standings.markdown(results)
    assert f"{100 * row['micro_f1_tuned']:.1f} (" in table
    assert "+0.0 (0.0 to 0.0)" in table


def test_a_model_that_knows_other_labels_or_the_tested_products_is_refused(
    peers: Any, held_out: tuple[Any, Path, str], trained: Path, tmp_path: Path
) -> None:
    bench, folder, _ = held_out
    task, _ = peers.harness.read_task(folder, 0, f"bundle:{trained}")
    with pytest.raises(BundleError, match="labels, the task 1"):
        peers.ours.loaded(trained, ("one",), task, bench.products)
    fold = bench.folds[0]
    split = Split(fold.test, fold.validation, fold.train)
    turned = peers.preparing.Bench(
        bench.products, bench.targets, bench.labels, bench.groups, (split,)
    )
    peers.preparing.write_bench(turned, tmp_path)
    task, _ = peers.harness.read_task(tmp_path, 0)
    with pytest.raises(BundleError, match="was trained on"):
        peers.ours.loaded(trained, bench.labels, task, bench.products)


@pytest.mark.parametrize("fraction", [0.0, 0.1])
def test_a_preset_is_given_the_training_set_of_shelfwise_train(
    peers: Any, held_out: tuple[Any, Path, str], sample: Path, config: Config, fraction: float
) -> None:
    expected = prepare_data(sample, config, None, Context()).training_set
    task, _ = peers.harness.read_task(held_out[1], 0)
    settings = config.model_copy(
        update={"split": config.split.model_copy(update={"validation_fraction": fraction})}
    )
    training_set = peers.ours.training_set_of(task, held_out[0].products, settings)
    assert training_set.catalog.ids == expected.catalog.ids
    np.testing.assert_array_equal(training_set.targets, expected.targets)
    np.testing.assert_array_equal(training_set.groups, expected.groups)
    assert sorted([*training_set.train, *training_set.validation]) == list(
        range(len(expected.catalog))
    )
    assert bool(len(training_set.validation)) == bool(fraction)


def test_every_rival_has_a_script_and_a_pinned_environment(peers: Any) -> None:
    for rival in peers.rivals.RIVALS.values():
        assert rival.script.is_file()
        assert rival.requirements is not None
        lines = rival.requirements.read_text().split()
        assert re.fullmatch(r"[\w.\[\]-]+==[\d.]+", lines[0]), (
            f"{rival.folder}: its own package first, with its version"
        )


def test_unknown_rivals_are_told(peers: Any) -> None:
    assert peers.run.known("none") == []
    assert peers.run.known("fasttext,pecos") == ["fasttext", "pecos"]
    with pytest.raises(Exception, match="unknown: fastext; known: scikit-learn"):
        peers.run.known("fastext")
