"""Decisions under a taxonomy: never a contradiction, and closing never makes hierarchical F1 worse."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise import Categorizer
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.decision.consistency import Consistency
from shelfwise.decision.decision_rule import DecisionRule
from shelfwise.decision.thresholds import Thresholds, best_threshold, decide
from shelfwise.errors import ConfigError
from shelfwise.metrics.hierarchical import hierarchical_metrics
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.model.bundle import save_bundle
from shelfwise.model.model import Model
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.training.fit import fit_catalog

WAYS = ("closure", "most_probable")
MEMBERS = {"title": {"modality": "text_linear", "field": "title"}}


@st.composite
def cases(draw: Any) -> tuple[Taxonomy, np.ndarray, np.ndarray]:
    """A taxonomy of 6 labels, some with several parents; scores and targets of 12 products."""
    edges = [
        (i, j)
        for i in range(1, 6)
        for j in sorted(draw(st.sets(st.integers(0, i - 1), max_size=2)))
    ]
    chance = np.random.default_rng(draw(st.integers(0, 10_000)))
    tree = Taxonomy(tuple("abcdef"), np.array(edges, np.int64).reshape(-1, 2))
    return (
        tree,
        chance.random((12, 6), np.float32),
        tree.close_under_ancestors(chance.random((12, 6)) < 0.2),
    )


def rules(scores: np.ndarray, targets: np.ndarray) -> list[float | Thresholds]:
    return [0.5, *(Thresholds.fit(scores, targets, rule) for rule in ("global", "per_label"))]


@settings(max_examples=60, deadline=None)
@given(cases())
def test_decisions_are_closed_under_ancestors(
    case: tuple[Taxonomy, np.ndarray, np.ndarray],
) -> None:
    tree, scores, targets = case
    for way in WAYS:
        chosen = Consistency(way, tree)
        raised = chosen.propagate_to_ancestors(scores)
        for by in rules(raised, targets.astype(np.float32)):
            decided = chosen.decide(raised, by)
            for child, parent in tree.edges:
                assert not (decided[:, child] & ~decided[:, parent]).any()


@settings(max_examples=60, deadline=None)
@given(cases())
def test_closing_never_lowers_hierarchical_f(case: tuple[Taxonomy, np.ndarray, np.ndarray]) -> None:
    tree, scores, targets = case
    chosen = Consistency("closure", tree)
    for by in (0.3, 0.5, 0.8):
        plain, closed = decide(scores, by), chosen.decide(chosen.propagate_to_ancestors(scores), by)
        before, after = (
            hierarchical_metrics(targets, given, tree.close_under_ancestors)["hierarchical_f1"]
            for given in (plain, closed)
        )
        assert after >= before - 1e-12


@settings(max_examples=40, deadline=None)
@given(cases())
def test_a_threshold_tuned_on_raised_scores_is_the_best_for_closed_decisions(
    case: tuple[Taxonomy, np.ndarray, np.ndarray],
) -> None:
    tree, scores, targets = case
    chosen = Consistency("closure", tree)
    raised = chosen.propagate_to_ancestors(scores)
    tuned = micro_f1(targets, chosen.decide(raised, best_threshold(targets, raised)))
    assert (
        tuned
        >= max(
            micro_f1(targets, tree.close_under_ancestors(scores >= by)) for by in np.unique(scores)
        )
        - 1e-12
    )


def test_each_label_for_itself() -> None:
    tree, scores = Taxonomy.of_names(("Pets", "Pets > Birds")), np.array([[0.1, 0.9]], np.float32)
    for chosen in (
        Consistency("none", tree),
        Consistency("closure", None),
        Consistency("most_probable", Taxonomy(("a", "b"), np.empty((0, 2), np.int64))),
    ):
        assert chosen.decide(scores, 0.5).tolist() == [[False, True]]
        assert chosen.propagate_to_ancestors(scores) is scores


def test_the_most_probable_set_is_measured_against_the_thresholds() -> None:
    chosen = Consistency("most_probable", Taxonomy.of_names(("Pets", "Pets > Birds")))
    scores = np.array([[0.1, 0.6], [0.4, 0.9]], np.float32)
    # what speaks for the first bird is less than what speaks against a pet
    assert chosen.decide(scores, 0.5).tolist() == [[False, False], [True, True]]
    limits = np.array([0.1, 0.5])
    for by in (limits, Thresholds("per_label", limits)):
        assert chosen.decide(scores, by).tolist() == [[True, True], [True, True]]
        assert chosen.decide(sp.csr_array(scores), by).toarray().all()


def test_promises_rest_on_what_is_decided() -> None:
    """Accepted labels bring what lies above them, on the very scores that the limits were fitted on."""
    chance, tree = np.random.default_rng(0), Taxonomy.of_names(("A", "A > B", "A > C"))
    targets = tree.close_under_ancestors(chance.random((600, 3)) < 0.3).astype(np.float32)
    scores = np.clip(targets * 0.8 + 0.1 + chance.normal(0, 0.15, targets.shape), 0, 1).astype(
        np.float32
    )
    config = Config.parse({"members": MEMBERS, "calibration": "sigmoid"})
    chosen = Consistency("closure", tree)
    decider, likely = DecisionRule.fit(scores, targets, config, chosen)
    assert (likely[:, :1] >= likely[:, 1:]).all()
    assert likely.dtype == np.float32
    new = chosen.propagate_to_ancestors(decider.probabilities(scores))
    accepted = decider.queues(new, chosen.decide(new, decider.thresholds), 0.9).labels == 1
    assert accepted.any()
    assert not tree.contradicted(accepted).any()


def test_two_ways_to_choose_a_set_of_labels_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match="consistency to 'closure'"):
        Config.parse(
            {"members": MEMBERS, "consistency": "most_probable", "threshold": "per_product"}
        )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["path", "flat"])
def test_a_model_keeps_its_taxonomy(
    way: str, mode: str, records: list[dict[str, Any]], tmp_path: Any
) -> None:
    """Fitted, saved and loaded: nothing contradicts it; hierarchical F1 is not below that of plain ones."""
    changes = {
        "labels": {"min_count": 6, "mode": mode},
        "members": MEMBERS,
        "systems": {},
        "decide_with": "title",
        "consistency": way,
    }
    config = Config.load("quick").dump() | changes | {"stacking": {"fitted_on": "oof", "folds": 2}}
    texts = [{**record, "image": None} for record in records]
    catalog = Catalog.from_records(texts)
    fitted = fit_catalog(catalog, Config.parse(config), Context())
    assert fitted.taxonomy is not None
    assert len(fitted.taxonomy.edges)
    Categorizer.from_model(fitted).save(tmp_path / "model")
    model = Categorizer.load(tmp_path / "model").model_
    assert model.taxonomy is not None
    np.testing.assert_array_equal(model.taxonomy.edges, fitted.taxonomy.edges)
    scores = model.scores(model.predict_members(catalog, Context()))
    decided = model.decide(scores)
    assert decided.any()
    assert not model.taxonomy.contradicted(decided).any()
    truth = model.labels.encode(catalog.column("categories")) > 0
    plain = decide(scores, model.threshold_of(model.decide_with))
    after, before = (
        hierarchical_metrics(truth, d, model.taxonomy.close_under_ancestors)["hierarchical_f1"]
        for d in (decided, plain)
    )
    assert way == "most_probable" or after >= before
    json.dumps(model.bundle().config)
    assert Model.from_bundle(model.bundle()).config.consistency == way


def test_on_the_command_line(
    records: list[dict[str, Any]],
    sample: Path,
    tmp_path: Path,
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """What `predict` writes holds all labels above each; `evaluate` counts no contradiction."""
    plain = {
        "labels": {"min_count": 6, "mode": "path"},
        "stacking": {"fitted_on": "oof", "folds": 2},
        "systems": {},
        "decide_with": "title",
    }
    config = Config.parse(Config.load("quick").dump() | plain | {"members": MEMBERS})
    save_bundle(
        fit_catalog(
            Catalog.from_records([{**r, "image": None} for r in records]), config, Context()
        ).bundle(),
        tmp_path / "model",
    )

    def run(*arguments: object) -> str:
        done = command(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("predict", tmp_path / "model", sample, "--out", tmp_path / "p.jsonl")
    given = [
        set(json.loads(line)["labels"])
        for line in (tmp_path / "p.jsonl").read_text("utf-8").splitlines()
    ]
    deep = [(labels, name) for labels in given for name in labels if " > " in name]
    assert deep
    assert all(name.rsplit(" > ", 1)[0] in labels for labels, name in deep)
    figures = json.loads(run("evaluate", tmp_path / "model", sample, "--json"))
    assert figures["contradictions"] == 0
    assert figures["hierarchical_f1"] == pytest.approx(figures["micro_f1_tuned"]), (
        "closed decisions and closed truth count alike"
    )
