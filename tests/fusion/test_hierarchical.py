"""Hierarchical decoding: no label above its parent, and a classifier a node for its own products only."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from pydantic import ValidationError

from shelfwise.catalog.labels import parents_of
from shelfwise.core.types import Context, Floats, MemberOutputs
from shelfwise.errors import ConfigError, NotFittedError, PluginError
from shelfwise.fusion.hierarchical import Hierarchical, HierarchicalSettings
from shelfwise.fusion.logistic import Logistic, LogisticSettings
from shelfwise.taxonomy.tree_scores import decoded

Rule = Literal["max", "minimum", "product"]
NAMES = ("A", "A > B", "A > B > C", "A > D", "E", "F > G > H")


def make(count: int = 20, seed: int = 0) -> tuple[MemberOutputs, Floats]:
    rng = np.random.default_rng(seed)
    scores = rng.random((count, 2, len(NAMES))).astype(np.float32)
    return MemberOutputs(scores, np.ones((count, 2), np.bool_), ()), (
        rng.random((count, len(NAMES))) < 0.5
    ).astype(np.float32)


@pytest.mark.parametrize("rule", ["max", "minimum", "product"])
@pytest.mark.parametrize("base", ["mean", "logistic"])
def test_no_label_scores_above_its_parent(base: str, rule: Rule) -> None:
    outputs, targets = make(80)
    policy = Hierarchical(HierarchicalSettings(base=base, rule=rule)).fit(
        outputs, targets, None, Context(labels=NAMES)
    )
    fused, parents = policy.fuse(outputs), parents_of(NAMES)
    child = np.flatnonzero(parents >= 0)
    assert (fused[:, child] <= fused[:, parents[child]]).all()
    assert not np.array_equal(fused, policy.bases_[-1].fuse(outputs))


def test_the_base_has_its_own_settings() -> None:
    outputs, targets = make()
    own = HierarchicalSettings(base_settings={"weights": [1, 1e9]}, rule="minimum")
    fused = Hierarchical(own).fit(outputs, targets, None, Context(labels=NAMES)).fuse(outputs)
    np.testing.assert_allclose(
        fused, decoded(outputs.scores[:, 1], parents_of(NAMES), "minimum"), atol=1e-6
    )
    with pytest.raises(ConfigError, match="base_settings: setting weight"):
        Hierarchical(HierarchicalSettings(base_settings={"weight": [1]}))
    with pytest.raises(PluginError, match="no fusion policy called 'meen'; did you mean 'mean'"):
        Hierarchical(HierarchicalSettings(base="meen"))
    with pytest.raises(ConfigError, match="cannot decode itself"):
        Hierarchical(HierarchicalSettings(base="hierarchical"))


def coherent_targets(count: int, seed: int) -> tuple[MemberOutputs, Floats]:
    """Targets that agree with the tree, and members that know something of them."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((count, len(NAMES))) < 0.5).astype(np.float32)
    for child, parent in enumerate(parents_of(NAMES)):
        if parent >= 0:
            targets[:, child] *= targets[:, parent]
    scores = 1 / (1 + np.exp(1 - 3 * targets[:, None] + rng.normal(0, 1, (count, 2, len(NAMES)))))
    return MemberOutputs(scores.astype(np.float32), np.ones((count, 2), np.bool_), ()), targets


def by_parent(rule: Rule = "product") -> Hierarchical:
    return Hierarchical(HierarchicalSettings(base="logistic", trained_on="parent", rule=rule))


def test_one_classifier_a_node_as_by_hand() -> None:
    outputs, targets = coherent_targets(300, 0)
    policy, parents = (
        by_parent().fit(outputs, targets, None, Context(labels=NAMES)),
        parents_of(NAMES),
    )
    scores = np.zeros(targets.shape, np.float32)
    for node in (-1, 0, 1):
        rows = np.arange(300) if node < 0 else np.flatnonzero(targets[:, node])
        columns = np.flatnonzero(parents == node)
        mine = MemberOutputs(
            outputs.scores[np.ix_(rows, [0, 1], columns)], outputs.present[rows], ()
        )
        everybody = MemberOutputs(outputs.scores[:, :, columns], outputs.present, ())
        classifier = Logistic(LogisticSettings()).fit(
            mine, targets[np.ix_(rows, columns)], None, Context()
        )
        scores[:, columns] = classifier.fuse(everybody)
    np.testing.assert_allclose(policy.fuse(outputs), decoded(scores, parents, "product"), atol=1e-6)
    assert policy.facts()["classifiers"] == 3


def test_a_node_knows_its_own_products_only() -> None:
    """Products without the label A, whatever members predict for them, change nothing in A's classifier."""
    outputs, targets = coherent_targets(300, 0)
    outside = targets[:, 0] == 0
    scores, changed = outputs.scores.copy(), targets.copy()
    scores[outside], changed[outside, 4] = 0.9, 1 - changed[outside, 4]
    other = MemberOutputs(scores, outputs.present, ())
    states = [
        by_parent().fit(o, t, None, Context(labels=NAMES)).bases_
        for o, t in ((outputs, targets), (other, changed))
    ]
    assert all(
        np.array_equal(states[0][0].state().arrays[k], v)
        for k, v in states[1][0].state().arrays.items()
    )
    assert not all(
        np.array_equal(states[0][-1].state().arrays[k], v)
        for k, v in states[1][-1].state().arrays.items()
    )


def test_a_node_tells_its_children_apart() -> None:
    """Among unseen products of A, A's classifier scores those with a child well above those without."""
    (outputs, targets), (other, truth) = coherent_targets(600, 0), coherent_targets(600, 1)
    own = by_parent("minimum").fit(outputs, targets, None, Context(labels=NAMES)).bases_[0]
    rows = np.flatnonzero(truth[:, 0])
    predicted = own.fuse(MemberOutputs(other.scores[rows][:, :, [1, 3]], other.present[rows], ()))
    for column, label in enumerate((1, 3)):
        has = truth[rows, label] > 0
        assert predicted[has, column].mean() > predicted[~has, column].mean() + 0.3


def test_nodes_without_a_single_product_do_no_harm() -> None:
    outputs, targets = coherent_targets(80, 0)
    targets[:, [0, 1, 2, 3]] = 0
    fused = (
        by_parent().fit(outputs, targets, (outputs, targets), Context(labels=NAMES)).fuse(outputs)
    )
    assert np.isfinite(fused).all()
    assert fused[:, :4].max() < 0.5


def test_conditional_scores_are_not_raised() -> None:
    with pytest.raises(ValidationError, match="set rule to 'minimum' or 'product'"):
        HierarchicalSettings(trained_on="parent")


def test_it_reads_what_its_base_reads() -> None:
    assert Hierarchical(HierarchicalSettings()).reads == "scores"
    assert Hierarchical(HierarchicalSettings(base="early")).reads == "features"


@pytest.mark.parametrize("labels", [(), ("Mugs", "Rugs", "Toys", "Food", "Home", "Garden")])
def test_without_a_hierarchy_it_says_what_to_do(labels: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"labels\.mode = 'path'"):
        Hierarchical(HierarchicalSettings()).fit(*make(), None, Context(labels=labels))


def test_there_is_no_state_before_fitting() -> None:
    with pytest.raises(NotFittedError):
        Hierarchical(HierarchicalSettings()).state()
