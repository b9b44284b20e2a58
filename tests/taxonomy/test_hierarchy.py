"""Ancestors, closures and the most probable consistent decisions, against all sets of small graphs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.labels import LabelSet, flatten
from shelfwise.decision.thresholds import decide
from shelfwise.errors import TaxonomyError
from shelfwise.taxonomy.hierarchy import Taxonomy

names = st.sampled_from("abcdef")
catalogues = st.lists(st.lists(st.lists(names, max_size=4), max_size=3), min_size=1, max_size=10)
thresholds = st.sampled_from([0.3, 0.5, 0.75])


@st.composite
def graphs(draw, forest=None, labels=6):
    """A taxonomy whose labels are numbered in any order, not from the root down."""
    count = draw(st.integers(1, labels))
    order = draw(st.permutations(range(count)))
    most = 1 if (draw(st.booleans()) if forest is None else forest) else 3
    edges = [
        (order[i], order[j])
        for i in range(1, count)
        for j in draw(st.sets(st.integers(0, i - 1), max_size=most))
    ]
    return Taxonomy(tuple("abcdef"[:count]), np.array(edges, np.int64).reshape(-1, 2))


@st.composite
def scored(draw, products=5, **kind):
    tree = draw(graphs(**kind))
    row = st.lists(
        st.integers(0, 40).map(lambda n: n / 40), min_size=len(tree.names), max_size=len(tree.names)
    )
    return tree, np.array(draw(st.lists(row, min_size=1, max_size=products)), np.float32)


def above(tree, label):
    """All labels above one, by walking the edges."""
    parents = {p for c, p in tree.edges.tolist() if c == label}
    return parents.union(*(above(tree, p) for p in parents))


def consistent_sets(tree):
    every = range(len(tree.names))
    needs = [above(tree, label) for label in every]
    subsets = (
        set(s) for size in range(len(tree.names) + 1) for s in itertools.combinations(every, size)
    )
    return [s for s in subsets if all(needs[label] <= s for label in s)]


@settings(max_examples=40, deadline=None)
@given(scored())
def test_closures_as_walking_the_edges_finds_them(case):
    tree, scores = case
    every = range(len(tree.names))
    for label in every:
        assert set(tree.ancestors[[label]].indices.tolist()) == {label} | above(tree, label)
    decided = scores >= 0.5
    for row, closed in zip(decided, tree.close_under_ancestors(decided), strict=True):
        given = set(np.flatnonzero(row).tolist())
        assert set(np.flatnonzero(closed).tolist()) == given.union(
            *(above(tree, label) for label in given)
        )
    for row, raised in zip(scores, tree.propagate_to_ancestors(scores), strict=True):
        assert raised.tolist() == [
            max(row[b] for b in every if b == a or a in above(tree, b)) for a in every
        ]


@settings(max_examples=60, deadline=None)
@given(scored(), thresholds)
def test_raising_then_deciding_is_deciding_then_closing(case, threshold):
    tree, scores = case
    assert (
        decide(tree.propagate_to_ancestors(scores), threshold)
        == tree.close_under_ancestors(decide(scores, threshold))
    ).all()
    assert not tree.contradicted(tree.close_under_ancestors(scores >= threshold)).any()
    sets = consistent_sets(tree)
    assert tree.contradicted(scores >= threshold).tolist() == [
        set(np.flatnonzero(row).tolist()) not in sets for row in scores >= threshold
    ]


@settings(max_examples=80, deadline=None)
@given(scored(), thresholds)
def test_the_most_probable_consistent_set_is_the_best_of_all(case, threshold):
    tree, scores = case
    p = np.clip(scores.astype(np.float64), 1e-9, 1 - 1e-9)
    worth = np.log(p / (1 - p)) - np.log(threshold / (1 - threshold))
    sets = consistent_sets(tree)
    for row, chosen in zip(worth, tree.most_probable_consistent(scores, threshold), strict=True):
        found = set(np.flatnonzero(chosen).tolist())
        assert found in sets
        assert sum(row[list(found)]) == pytest.approx(
            max(sum(row[list(s)]) for s in sets), abs=1e-5
        )


@settings(max_examples=30, deadline=None)
@given(scored(forest=True))
def test_minimum_cut_and_dynamic_programming_agree(case):
    tree, scores = case
    extra = np.array(
        [[len(tree.names), len(tree.names) + 1], [len(tree.names), len(tree.names) + 2]]
    )
    graph = Taxonomy(
        (*tree.names, "x", "y", "z"), np.concatenate([tree.edges, extra])
    )  # a label with two parents besides
    assert tree.is_forest
    assert not graph.is_forest
    padded = np.pad(scores, ((0, 0), (0, 3)))
    odd = scores + np.float32(0.0041)  # no set is as good as another
    padded[:, : len(tree.names)] = odd
    np.testing.assert_array_equal(
        graph.most_probable_consistent(padded)[:, : len(tree.names)],
        tree.most_probable_consistent(odd),
    )


def test_without_edges_the_likeliest_are_those_above_the_threshold():
    flat = Taxonomy(("a", "b", "c"), np.empty((0, 2), np.int64))
    scores = np.array([[0.5, 0.25, 0.9], [0, 0, 0], [1, 1, 1]], np.float32)
    assert flat.most_probable_consistent(scores).tolist() == (scores >= 0.5).tolist()
    limits = np.array([0.6, 0.25, 0.875])
    assert (
        flat.most_probable_consistent(scores, limits).tolist()
        == decide(scores, limits).tolist()
        == [[False, True, True], [False] * 3, [True] * 3]
    )
    assert flat.most_probable_consistent(np.zeros((0, 3), np.float32)).shape == (0, 3)


def test_a_sure_leaf_carries_a_doubtful_root_and_a_hopeless_root_drops_it():
    tree = Taxonomy.of_names(("A", "A > B", "A > B > C"))
    assert tree.most_probable_consistent(
        np.array([[0.3, 0.6, 0.9], [0.01, 0.6, 0.9]])
    ).tolist() == [
        [True] * 3,
        [False] * 3,
    ]


def test_names_carry_a_ragged_tree_and_keep_homonyms_apart():
    tree = Taxonomy.of(
        LabelSet(
            ("Men", "Men > Shoes", "Women", "Women > Shoes", "Women > Shoes > Boots > High"), "path"
        ),
        [],
    )
    assert tree.close_under_ancestors(np.eye(5, dtype=bool)).astype(int).tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 1, 1, 1],
    ]


def test_merged_homonyms_imply_only_what_lies_above_them_everywhere():
    products = [
        [["Fashion", "Men", "Shoes", "Boots"]],
        [["Fashion", "Women", "Shoes"]],
        [["Fashion", "Women", "Shoes", "Boots"]],
        None,
    ]
    tree = Taxonomy.of(LabelSet(("Boots", "Fashion", "Men", "Shoes", "Women")), products)
    named = {(tree.names[c], tree.names[p]) for c, p in tree.edges.tolist()}
    assert named == {
        ("Boots", "Shoes"),
        ("Shoes", "Fashion"),
        ("Men", "Fashion"),
        ("Women", "Fashion"),
    }


def test_leaves_imply_nothing():
    assert (
        len(
            Taxonomy.of(
                LabelSet(("Birds", "Pets"), "leaf"), [[["Pets", "Birds"]], [["Pets"]]]
            ).edges
        )
        == 0
    )


def test_certainty_bears_with_a_mistake():
    products = [[["Pets", "Birds"]]] * 9 + [[["Birds"]]]
    strict, lenient = (
        Taxonomy.of_products(("Birds", "Pets"), products, certainty) for certainty in (1.0, 0.9)
    )
    assert strict.edges.tolist() == []
    assert lenient.edges.tolist() == [[0, 1]]


def test_a_circle_is_broken_towards_the_root():
    circle = [[["b", "a"], ["a", "b"]]]
    assert Taxonomy.of_products(("a", "b"), circle).edges.tolist() == [
        [1, 0]
    ]  # equally deep: by name
    assert Taxonomy.of_products(("a", "b"), [[["b", "a"], ["a", "b"], ["b"]]]).edges.tolist() == [
        [0, 1]
    ]
    tree = Taxonomy.of_products(
        ("Divided", "Divided Collection"), [[["Divided", "Divided", "Divided Collection"]]]
    )
    assert tree.edges.tolist() == [[1, 0]]


@settings(max_examples=60, deadline=None)
@given(catalogues, st.sampled_from([0.6, 1.0]))
def test_products_contradict_nothing_of_a_taxonomy_made_from_them(categories, certainty):
    labels = tuple(sorted({name for paths in categories for name in flatten(paths, "flat")}))
    tree = Taxonomy.of_products(labels, categories, certainty)
    truth = LabelSet(labels).encode(categories) > 0
    if certainty == 1:
        assert not tree.contradicted(truth).any()
    implied = np.array(tree.ancestors.todense(), bool)
    redundant = [
        (c, p)
        for c, p in tree.edges.tolist()
        if any(implied[c, m] and implied[m, p] for m in range(len(labels)) if m not in (c, p))
    ]
    assert redundant == []


def test_what_lies_above_itself_is_refused():
    with pytest.raises(TaxonomyError, match=r"circles.*'a', 'b'"):
        Taxonomy(("a", "b", "c"), np.array([[0, 1], [1, 0]]))


def test_state_restores():
    tree = Taxonomy.of_names(("A", "A > B"))
    again = Taxonomy.from_state(tree.state(), tree.names)
    assert again.names == tree.names
    assert again.edges.tolist() == tree.edges.tolist()
