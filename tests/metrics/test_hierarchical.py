"""Hierarchical precision, recall and F1 against sets, and what closing decisions does to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.metrics.hierarchical import hierarchical_metrics
from shelfwise.metrics.multilabel import micro_f1
from shelfwise.taxonomy.hierarchy import Taxonomy

NAMES = ("A", "A > B", "A > B > C", "A > D", "E", "E > B")
TREE = Taxonomy.of_names(NAMES)
hot = st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=3, max_size=3).map(
    np.array
)


def with_ancestors(row):
    return {
        name
        for label in np.flatnonzero(row)
        for name in NAMES
        if NAMES[label] == name or NAMES[label].startswith(name + " > ")
    }


@settings(max_examples=60, deadline=None)
@given(hot, hot)
def test_as_sets_have_it(targets, decided):
    figures = hierarchical_metrics(targets, decided, TREE.close_under_ancestors)
    pairs = [(with_ancestors(t), with_ancestors(d)) for t, d in zip(targets, decided, strict=True)]
    both, given, true = (
        sum(map(len, sets))
        for sets in ([t & d for t, d in pairs], [d for _, d in pairs], [t for t, _ in pairs])
    )
    assert figures["hierarchical_precision"] == pytest.approx(both / given if given else 0)
    assert figures["hierarchical_recall"] == pytest.approx(both / true if true else 0)
    assert figures["hierarchical_f1"] == pytest.approx(
        2 * both / (given + true) if given + true else 0
    )


@settings(max_examples=60, deadline=None)
@given(hot, hot)
def test_closing_decisions_never_changes_hierarchical_figures_and_ends_contradictions(
    targets, decided
):
    before, after = (
        hierarchical_metrics(targets, decided, TREE.close_under_ancestors),
        hierarchical_metrics(
            targets, TREE.close_under_ancestors(decided), TREE.close_under_ancestors
        ),
    )
    assert after == {**before, "contradictions": 0.0}


def test_closing_can_lower_plain_f1_but_only_by_what_a_wrong_label_implies():
    truth, decided = np.array([[1, 0, 0, 0, 0, 0]], bool), np.array([[1, 0, 0, 0, 0, 1]], bool)
    assert micro_f1(truth, decided) == pytest.approx(2 / 3)
    assert micro_f1(truth, TREE.close_under_ancestors(decided)) == pytest.approx(2 / 4)
    right = np.array([[0, 0, 1, 0, 0, 0]], bool)
    assert micro_f1(TREE.close_under_ancestors(right), right) == pytest.approx(2 / 4)
    assert micro_f1(TREE.close_under_ancestors(right), TREE.close_under_ancestors(right)) == 1


def test_no_products():
    nothing = np.zeros((0, 6), bool)
    assert set(hierarchical_metrics(nothing, nothing, TREE.close_under_ancestors).values()) == {0.0}
