"""What an exported model cannot do ends in one sentence, however it is asked; what it can do, it does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shelfwise.categorizer import Categorizer
from shelfwise.cli import main as cli
from shelfwise.commands.explain import ChosenProducts
from shelfwise.commands.export import export_bundle
from shelfwise.core.types import Context
from shelfwise.errors import BundleError
from shelfwise.evaluation.before_after import open_older_model
from shelfwise.export.loading import open_model
from shelfwise.model.model import Model, require_members
from shelfwise.model.predictor import Predictor

PRODUCT = [{"title": "red mug"}]
ADVICE = "use the model it was exported from"


@pytest.fixture
def command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs a command in this process; its exit code, and what it printed as errors."""

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["shelfwise", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        # the terminal breaks long sentences
        return int(left.value.code or 0), " ".join(capsys.readouterr().err.split())

    return run


def test_a_graph_is_a_predictor_and_no_model(trained: Path, exported: Path) -> None:
    model, graph = open_model(trained), open_model(exported)
    assert isinstance(graph, Predictor)
    assert not isinstance(graph, Model)
    assert not hasattr(graph, "members")
    assert require_members(model, "explain labels") is model
    assert sorted(graph.fields) == sorted(model.fields) == ["description", "image", "title"]


def test_predict_with_explanations_of_a_graph(
    exported: Path, sample: Path, tmp_path: Path, command_line: Callable[..., tuple[int, str]]
) -> None:
    out = tmp_path / "labelled.jsonl"
    code, errors = command_line(
        "predict", exported, sample, "--out", out, "--explain", tmp_path / "why"
    )
    assert code == 2
    assert f"an exported model has no members, so it cannot explain labels; {ADVICE}" in errors
    assert not list(tmp_path.iterdir()), "it is refused before any work is done"


@pytest.mark.parametrize("product", [("--title", "mug"), ("--id", "p1")])
def test_similar_products_of_a_graph(
    exported: Path, product: tuple[str, str], command_line: Callable[..., tuple[int, str]]
) -> None:
    code, errors = command_line("similar", exported, *product)
    assert code == 2
    assert f"it cannot find similar products; {ADVICE}" in errors
    assert "train" not in errors, "the model it was exported from has the index"


def test_novelty_of_a_graph(
    exported: Path, sample: Path, tmp_path: Path, command_line: Callable[..., tuple[int, str]]
) -> None:
    out = tmp_path / "labelled.jsonl"
    code, errors = command_line("predict", exported, sample, "--out", out, "--novelty-rate", 0.05)
    assert code == 2
    assert ADVICE in errors
    assert "retrain" not in errors


@pytest.mark.parametrize(
    "question",
    [
        lambda graph: graph.explain(PRODUCT),
        lambda graph: graph.explain(PRODUCT, evidence=True),
        lambda graph: graph.similar(PRODUCT),
        lambda graph: graph.similar_to("p1"),
        lambda graph: graph.embed(PRODUCT),
        lambda graph: graph.novelty(PRODUCT),
    ],
    ids=["explain", "evidence", "similar", "similar_to", "embed", "novelty"],
)
def test_the_categorizer_of_a_graph(exported: Path, question: Callable[[Categorizer], Any]) -> None:
    with pytest.raises(BundleError, match=f"^an exported model has no members, .*{ADVICE}$"):
        question(Categorizer.load(exported))


def test_the_pages_of_a_graph(exported: Path, sample: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=ADVICE):
        ChosenProducts.of(open_model(exported), sample, tmp_path, Context()).explain(Context())


def test_a_graph_is_not_exported_again(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="be exported again"):
        export_bundle(exported, tmp_path / "again")


def test_a_graph_is_not_compared_with_a_retrained_model(
    trained: Path, exported: Path, sample: Path
) -> None:
    with pytest.raises(BundleError, match="be compared with another"):
        open_older_model(exported)


def test_a_graph_evaluates_as_the_model(
    trained: Path, exported: Path, sample: Path, tmp_path: Path
) -> None:
    from shelfwise.commands.evaluate import score_catalog

    wanted = score_catalog(open_model(trained), sample, Context())
    figures = score_catalog(open_model(exported), sample, Context())
    assert figures.keys() == wanted.keys()
    assert figures["micro_f1_tuned"] == pytest.approx(wanted["micro_f1_tuned"], abs=0.01)
    assert figures["system"] == wanted["system"]


def test_a_graph_audits_and_migrates(exported: Path, sample: Path, tmp_path: Path) -> None:
    from shelfwise.commands.audit import audit_catalog
    from shelfwise.commands.migrate import run_migration

    found = audit_catalog(open_model(exported), sample, tmp_path / "audit")
    assert found["listed"] > 0
    assert found["out_of_fold"] == 0
    old = open_model(exported).labels.names[0]
    changes = tmp_path / "changes.toml"
    changes.write_text(f'mode = "flat"\n[[change]]\nrename = "{old}"\nto = "Renamed"\n')
    report, _ = run_migration(exported, changes, tmp_path / "moved")
    assert report["changes"][0]["labels"] == [old]
    moved = Categorizer.load(tmp_path / "moved")
    assert "Renamed" in moved.classes_
    with pytest.raises(BundleError, match=ADVICE):
        moved.similar(PRODUCT)
