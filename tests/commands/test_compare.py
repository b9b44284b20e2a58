"""The comparison: one split, one row a system, failures as rows, and nothing done twice after a kill."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise.commands import compare as comparison
from shelfwise.commands.compare import compare
from shelfwise.commands.selected_systems import select_systems
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core.registry import fusion, make_member, make_policy, modalities
from shelfwise.core.types import State
from shelfwise.errors import ConfigError, WeightsError
from shelfwise.evaluation.ranking import pareto, ranked
from shelfwise.fusion.policy import Policy
from shelfwise.modalities.text_linear import TextLinear
from shelfwise.reports.leaderboard import leaderboard_markdown, write_leaderboard
from shelfwise.text.cleaning import tokenize_column
from shelfwise.text.ngrams import split_words
from shelfwise.training import fit as fitting
from shelfwise.training.profiling import CLEAR_REFS, ProfiledCheckpoints, peak_growth

NETWORK = {"hidden": [[8, "sigmoid"]], "training": {"epochs": 2, "loss": "bce"}}
SETTINGS: dict[str, Any] = {
    "labels": {"min_count": 8},
    "evaluation": {"bootstrap": 40},
    "stacking": {"folds": 2},
    "members": {
        "title": {"modality": "text_linear", "field": "title", "settings": {"letters": []}},
        "description": {
            "modality": "text_linear",
            "field": "description",
            "settings": {"letters": []},
        },
        "alone": {
            "modality": "text_linear",
            "field": "title",
            "settings": {"letters": [], "weighting": "binary"},
        },
        "picture": {
            "modality": "image",
            "field": "image",
            "settings": {"backbone": "vgg16", "weights": "nowhere.safetensors"},
        },
    },
    "systems": {
        "both": {"policy": "mean", "members": ["title", "description"]},
        "network": {"policy": "policy", "members": ["title", "description"], "settings": NETWORK},
        "seen": {"policy": "mean", "members": ["title", "picture"]},
        "unknown": {"policy": "no_such_policy", "members": ["title", "description"]},
    },
}


def settings(**changes: Any) -> Config:
    return Config.parse({**SETTINGS, **changes})


@pytest.fixture(scope="module")
def board(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("board") / "out"
    return compare(sample, out, settings()), out


def test_every_system_is_a_row_and_failures_say_why(board: tuple[dict[str, Any], Path]) -> None:
    results, _ = board
    systems = results["systems"]
    assert systems.keys() == {*SETTINGS["members"], *SETTINGS["systems"]}
    assert "no weight file nowhere.safetensors" in systems["picture"]["not_run"]
    assert "its member picture was not run" in systems["seen"]["not_run"]
    assert "no fusion policy called 'no_such_policy'" in systems["unknown"]["not_run"]
    assert set(results["leaderboard"]) == {"title", "description", "alone", "both", "network"}


PICTURES = {
    "modality": "image",
    "field": "image",
    "settings": {
        "backbone": "test_efficientnet",
        "weights": "random",
        "train_last": 0,
        "training": {"epochs": 1},
    },
}


def test_fields_that_cannot_be_used_are_told(
    records: list[dict[str, Any]], sample: Path, tmp_path: Path
) -> None:
    """In results.json, a list, the table and the page; also by a run that finds its work done."""
    shutil.copytree(sample.parent / "images", tmp_path / "images")
    (tmp_path / "images" / "bad.png").write_bytes(b"this is no image")
    pictured = [record for record in records if record["image"] is not None]
    catalogs = []
    for part, products in (("training", pictured[:90]), ("test", pictured[90:120])):
        broken = {**products[0], "id": f"broken {part}", "image": "images/bad.png"}
        path = tmp_path / f"{part}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in [*products, broken]), "utf-8")
        catalogs.append(path)
    members = {"title": SETTINGS["members"]["title"], "pictures": PICTURES}
    config = settings(members=members, systems={}, labels={"min_count": 2})
    out = tmp_path / "out"
    for _ in range(2):
        results = compare(catalogs[0], out, config, catalogs[1])
        for part in ("training", "test"):
            told = {one["id"]: one for one in results["refused"][part]}
            assert told[f"broken {part}"]["field"] == "image"
    assert "not_run" not in results["systems"]["pictures"]
    listed = [json.loads(line) for line in (out / "refused.jsonl").read_text("utf-8").splitlines()]
    assert {"broken training", "broken test"} <= {one["id"] for one in listed}
    page = (out / "index.html").read_text("utf-8")
    board = (out / "leaderboard.md").read_text("utf-8")
    for part in ("training", "test"):
        assert f"fields of {part} products could not be used" in page
        assert f"broken {part}" in page
        assert f"fields of {part} products could not be used: refused.jsonl" in board


def test_sorted_by_tuned_f1_each_with_its_costs(board: tuple[dict[str, Any], Path]) -> None:
    results, _ = board
    rows = [results["systems"][name] for name in results["leaderboard"]]
    f1 = [row["micro_f1_tuned"] for row in rows]
    assert f1 == sorted(f1, reverse=True)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0]["versus_best"] is None
    for row in rows[1:]:
        versus = row["versus_best"]
        assert versus["difference"] == pytest.approx(row["micro_f1_tuned"] - f1[0], abs=1e-6)
        assert versus["low"] <= versus["high"]
    for row in rows:
        assert row["seconds_fit"] > 0
        assert row["products_per_second"] > 0
        assert row["size"] > 0
        assert (
            row["micro_f1_tuned_interval"][0]
            <= row["micro_f1_tuned"]
            <= row["micro_f1_tuned_interval"][1]
        )
        assert row["peak_memory"] is None or row["peak_memory"] >= 0
    assert (
        results["systems"]["both"]["size"]
        >= results["systems"]["title"]["size"] + results["systems"]["description"]["size"]
    )
    assert results["systems"]["both"]["seconds_fit"] > results["systems"]["title"]["seconds_fit"]
    assert any(row["pareto"] for row in rows)


def test_only_fused_members_get_out_of_fold_scores(board: tuple[dict[str, Any], Path]) -> None:
    _, out = board
    folds = {path.name.split(".")[1] for path in (out / "work" / "stages").glob("fold.*")}
    assert folds == {"title", "description"}


def test_the_files(board: tuple[dict[str, Any], Path]) -> None:
    results, out = board
    assert (
        json.loads((out / "results.json").read_text("utf-8"))["leaderboard"]
        == results["leaderboard"]
    )
    table = (out / "leaderboard.md").read_text("utf-8")
    assert [
        line.split(" ")[1] for line in table.splitlines()[4:] if line.startswith("| ")
    ] == results["leaderboard"]
    assert "- picture: there is no weight file" in table
    page = (out / "index.html").read_text("utf-8")
    assert "<svg" in page
    assert "no weight file" in page
    assert 'src="http' not in page
    assert (out / "quarantine.jsonl").exists()


def test_a_killed_comparison_goes_on_and_does_nothing_twice(
    sample: Path,
    board: tuple[dict[str, Any], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, _ = board
    with monkeypatch.context() as killed:
        killed.setattr(Policy, "fit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            compare(sample, tmp_path / "out", settings())
    assert not (tmp_path / "out" / "results.json").exists()
    costs = json.loads((tmp_path / "out" / "work" / "stages" / "costs.json").read_text())["costs"]
    fits: list[str] = []
    with monkeypatch.context() as watched:
        watched.setattr(TextLinear, "fit", lambda *_: pytest.fail("a member was fitted again"))
        results = compare(sample, tmp_path / "out", settings())
        for name in whole["leaderboard"]:
            for figure in (
                "micro_f1",
                "micro_f1_tuned",
                "macro_f1_tuned",
                "threshold",
                "versus_best",
            ):
                assert results["systems"][name][figure] == whole["systems"][name][figure]
            # the file also says how long the stage took, in as many digits as it needs
            assert results["systems"][name]["size"] == pytest.approx(
                whole["systems"][name]["size"], abs=64
            )
        assert results["systems"]["title"]["seconds_fit"] >= costs["prepare.title"][0]
        # one more system, and another network for an old one: the members stay
        network = {**SETTINGS["systems"]["network"], "settings": {**NETWORK, "hidden": []}}
        more = {
            **SETTINGS["systems"],
            "network": network,
            "largest": {"policy": "maximum", "members": ["title", "description"]},
        }
        real = Policy.fit
        watched.setattr(
            Policy, "fit", lambda self, *rest: (fits.append("network"), real(self, *rest))[1]
        )
        grown = compare(sample, tmp_path / "out", settings(systems=more))
    assert fits == ["network"]
    assert (
        grown["systems"]["network"]["facts"]["weights"]
        != results["systems"]["network"]["facts"]["weights"]
    )
    assert "largest" in grown["leaderboard"]


def test_a_member_that_fails_on_the_test_products_is_a_row(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = comparison._predict_test_products

    def failing(model: Any, name: str, *rest: Any) -> Any:
        if name == "description":
            raise RuntimeError("out of luck")
        return real(model, name, *rest)

    monkeypatch.setattr(comparison, "_predict_test_products", failing)
    config = select_systems(settings(), ["title", "both"])
    systems = compare(sample, tmp_path / "out", config)["systems"]
    assert (
        systems["description"]["not_run"]
        == systems["both"]["not_run"]
        == "RuntimeError: out of luck"
    )
    assert systems["title"]["rank"] == 1


def test_training_skips_no_failure(sample: Path) -> None:
    from shelfwise.core.types import Context
    from shelfwise.training.dataset import prepare_data

    config = select_systems(settings(), ["picture"])
    task = prepare_data(sample, config, None, Context())
    with pytest.raises(WeightsError):
        fitting.fit_model(task.training_set, task.labels, config, Context())


def test_a_folder_with_something_else_is_refused(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match="not a comparison"):
        compare(sample, tmp_path, settings())


class TestSelectSystems:
    def test_takes_the_members_that_systems_need(self) -> None:
        chosen = select_systems(settings(), ["both", "alone"])
        assert list(chosen.members) == ["title", "description", "alone"]
        assert list(chosen.systems) == ["both"]
        assert select_systems(settings(), ["all"]) == settings()

    def test_variants_for_the_sweep_of_trained_layers(self) -> None:
        chosen = select_systems(Config.load("everything"), ["image@0", "image@24", "image@all"])
        assert [m.settings["train_last"] for m in chosen.members.values()] == [0, 24, "all"]
        assert all(m.settings["backbone"] == "resnet50" for m in chosen.members.values())
        assert not chosen.systems

    @pytest.mark.parametrize(
        ("name", "words"),
        [("bot", "did you mean 'both'"), ("title@some", "no variant"), ("what@3", "no variant")],
    )
    def test_refuses_what_there_is_not(self, name: str, words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            select_systems(settings(), [name])


def test_the_preset_names_every_plugin_there_is() -> None:
    config = Config.load("everything")
    assert {m.modality for m in config.members.values()} == set(modalities.names())
    assert {s.policy for s in config.systems.values()} == set(fusion.names())


def test_every_name_and_setting_of_the_preset_is_known() -> None:
    config = Config.load("everything")
    for name in config.members:
        make_member(config, name)
    for name in config.systems:
        make_policy(config, name)


TEXTS: dict[str, Any] = {
    "words": {"modality": "text_linear", "field": "title", "settings": {"letters": []}},
    "both": {"modality": "text_linear", "field": "title+description"},
    "bag": {"modality": "text_bag", "field": "title", "settings": {"epochs": 1}},
    "network": {
        "modality": "text_cnn",
        "field": "title",
        "settings": {"embedding": "rand", "training": {"epochs": 1}},
    },
    "wide": {
        "modality": "text_cnn",
        "field": "title",
        "settings": {"embedding": "rand", "windows": [1], "training": {"epochs": 1}},
    },
    "joint": {
        "modality": "joint",
        "field": "title+description",
        "settings": {
            "texts": {name: {"embedding": "rand"} for name in ("title", "description")},
            "training": {"epochs": 1},
        },
    },
}
READERS = [1, 1, 3, 3]
"""How many of them read the words of the descriptions, and of the titles, in the one way and in the other."""


@pytest.mark.parametrize("verb", ["compare", "train"])
def test_no_text_is_cleaned_twice(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Once a catalogue, field and way of cleaning; in a comparison once a member for the test products."""
    calls = Counter[tuple[str, int]]()

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(texts: list[str | None], *settings: Any) -> Any:
            calls[function.__name__, hash(tuple(text or "" for text in texts))] += 1
            return function(texts, *settings)

        return wrapper

    for name in {member["modality"] for member in TEXTS.values()}:
        modalities.load(name)
    for cleaning in (tokenize_column, split_words):
        for module in [
            m
            for n, m in sys.modules.items()
            if n.startswith("shelfwise.") and vars(m).get(cleaning.__name__) is cleaning
        ]:
            monkeypatch.setattr(module, cleaning.__name__, counted(cleaning))
    config = settings(
        members=TEXTS, systems={"mean": {"policy": "mean", "members": ["words", "network"]}}
    )
    # fitted again on all products, a model reads a catalogue of its own
    config = config.model_copy(update={"refit": False})
    (compare if verb == "compare" else train)(sample, tmp_path / "out", config)
    test_products = [1] * len(READERS) if verb == "train" else READERS
    assert sorted(calls.values()) == sorted([1] * len(READERS) + test_products), (
        "the training products, and the test products"
    )


def test_similar_products_are_on_the_page(board: tuple[dict[str, Any], Path]) -> None:
    pytest.importorskip("faiss")
    results, out = board
    share = f"{100 * results['similar']['recall@5']:.1f}"
    assert f"recall@5 {share} %" in (out / "leaderboard.md").read_text("utf-8")
    page = (out / "index.html").read_text("utf-8")
    section = page[page.index('<section id="similar">') :]
    assert f">{share}<" in section[: section.index("</section>")]
    without = {**results, "similar": {"not_run": "no faiss"}}
    write_leaderboard(without, out / "without")
    assert "Similar products" not in (out / "without" / "leaderboard.md").read_text("utf-8")
    assert 'id="similar"' not in (out / "without" / "index.html").read_text("utf-8")


def test_pareto_against_every_pair() -> None:
    rng = np.random.default_rng(0)
    points = [tuple(p) for p in rng.integers(0, 6, (40, 2)).tolist()]
    beaten = {
        i
        for i, (cost, worth) in enumerate(points)
        for other in points
        if other != (cost, worth) and other[0] <= cost and other[1] >= worth
    }
    assert pareto(points) == set(range(40)) - beaten


def test_ranking_without_bootstrap_and_without_systems() -> None:
    truth = np.ones((3, 2), bool)
    systems: dict[str, dict[str, Any]] = {
        n: {"micro_f1_tuned": f, "seconds_fit": 1.0} for n, f in (("a", 0.1), ("b", 0.9))
    }
    assert ranked(systems, {"a": truth, "b": truth}, truth, 0, 0) == ["b", "a"]
    assert systems["a"]["versus_best"] is None
    assert ranked({}, {}, truth, 10, 0) == []


def test_markdown_lets_no_html_through(board: tuple[dict[str, Any], Path]) -> None:
    results = json.loads(json.dumps(board[0]))
    results["systems"]["picture"]["not_run"] = "<script>"
    assert "<script>" not in leaderboard_markdown(results)


@pytest.mark.skipif(
    not CLEAR_REFS.exists() or sys.platform != "linux",
    reason="memory is measured through Linux' /proc",
)
def test_memory_is_that_of_the_block_alone(tmp_path: Path) -> None:
    before = np.ones(30_000_000, np.uint8)
    with peak_growth() as peak:
        block = np.ones(50_000_000, np.uint8)
        del block
    assert peak[0] is not None
    assert 45e6 < peak[0] < 75e6
    stages = ProfiledCheckpoints(tmp_path / "stages", "key", {"a": "1"})
    stages.run("member.a", lambda: State({"x": np.ones(50_000_000, np.uint8)}))
    assert 45e6 < (stages.peaks["member.a"] or 0) < 75e6
    again = ProfiledCheckpoints(tmp_path / "stages", "key", {"a": "1"})
    again.run("member.a", lambda: pytest.fail("it was finished"))
    assert again.peaks == stages.peaks
    assert again.seconds == stages.seconds
    assert len(before) > 0
    changed = ProfiledCheckpoints(tmp_path / "stages", "key", {"a": "2"})
    changed.run("member.a", lambda: State({"x": np.ones(5, np.uint8)}))
    assert changed.size("member.a") < 1000


def test_the_command(
    command: Callable[..., subprocess.CompletedProcess[str]], sample: Path, tmp_path: Path
) -> None:
    def run(systems: str) -> subprocess.CompletedProcess[str]:
        out = tmp_path / "out"
        return command(
            "compare", sample, "--out", out, "--min-count", 8, "--systems", systems, "--json"
        )

    refused = run("title_liner")
    assert refused.returncode == 2
    assert "did you mean 'title_linear'" in refused.stderr
    assert not (tmp_path / "out").exists()
    done = run("title_linear, vector")
    assert done.returncode == 0, done.stderr
    board = json.loads(done.stdout)
    assert board["order"] == ["title_linear"]
    assert "no column 'vector'" in board["systems"]["vector"]["not_run"]
    assert Path(board["report"]).is_file()
