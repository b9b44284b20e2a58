"""Answers under changed labels against loops, and what changes mean for a taxonomy and for training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.errors import TaxonomyError
from shelfwise.taxonomy.changes import Merge, Move, Remove, Rename, Split
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.taxonomy.label_mapping import LabelMapping
from shelfwise.taxonomy.migration import Migration
from shelfwise.taxonomy.retraining_advice import moved_taxonomy, to_retrain

OLD = ("a", "b", "c", "d")
mappings = st.fixed_dictionaries(
    {name: st.sets(st.sampled_from("wxyz"), max_size=3) for name in OLD}
).filter(lambda m: any(m.values()))
scores = st.lists(
    st.lists(st.integers(0, 9).map(lambda n: n / 10), min_size=4, max_size=4),
    min_size=1,
    max_size=4,
).map(np.array)


@settings(max_examples=20, deadline=None)
@given(mappings, scores)
def test_every_label_takes_the_maximum_of_what_became_it(became, values):
    mapping = LabelMapping.of(OLD, became)
    assert mapping.names == tuple(sorted(set().union(*became.values())))
    expected = [
        [max(row[i] for i, old in enumerate(OLD) if new in became[old]) for new in mapping.names]
        for row in values
    ]
    assert mapping.apply(values).tolist() == expected
    decided = values >= 0.5
    np.testing.assert_array_equal(mapping.apply(decided), mapping.apply(values) >= 0.5)
    rows, columns = mapping.apply_sparse(*np.nonzero(decided))
    again = np.zeros((len(values), len(mapping.names)), bool)
    again[rows, columns] = True
    np.testing.assert_array_equal(again, mapping.apply(decided))
    assert (np.diff(rows) >= 0).all()


@settings(max_examples=25, deadline=None)
@given(mappings, st.data(), scores)
def test_one_after_the_other(became, data, values):
    first = LabelMapping.of(OLD, became)
    second = LabelMapping.of(
        first.names,
        {name: data.draw(st.sets(st.sampled_from("pq"), min_size=1)) for name in first.names},
    )
    both = LabelMapping.from_state(first.then(second).state())
    assert both.names == second.names
    np.testing.assert_array_equal(both.apply(values), second.apply(first.apply(values)))


def test_no_products_and_no_labels():
    assert LabelMapping.of(("a",), {"a": ["b", "c"]}).apply(np.zeros((0, 1), np.float32)).shape == (
        0,
        2,
    )
    with pytest.raises(TaxonomyError, match="none of the 1 labels is left"):
        LabelMapping.of(("a",), {"a": []})


FLAT = Taxonomy.of_products(
    ("Bees", "Birds", "Cats", "Dogs", "Feeders", "Fish", "Koi", "Nuts", "Pets"),
    [
        [["Pets", "Birds", "Feeders", "Nuts"]],
        [["Pets", "Cats"]],
        [["Pets", "Dogs"]],
        [["Pets", "Fish", "Koi"]],
        [["Bees"]],
    ],
)
CHANGES = Migration(
    (
        Rename(rename="Pets", to="Animals"),
        Move(move="Feeders", under="Garden > Bees"),
        Merge(merge=("Cats", "Bees", "Ants"), into="Hairy"),
        Split(split="Fish", into=("Sea", "Pond")),
        Remove(remove="Birds"),
    )
)


def relabelled(names, migration):
    return LabelMapping.of(
        names, {name: {*migration.label(name), *migration.gained(name)} for name in names}
    )


def test_a_flat_taxonomy_moves_along():
    step = relabelled(FLAT.names, CHANGES)
    tree = moved_taxonomy(FLAT, CHANGES, step)
    named = {(tree.names[c], tree.names[p]) for c, p in tree.edges.tolist()}
    # Hairy implies nothing: Bees did not. Koi lay below Fish, which nobody can tell the parts of
    assert named == {
        ("Feeders", "Bees"),
        ("Bees", "Garden"),
        ("Nuts", "Feeders"),
        ("Dogs", "Animals"),
        ("Koi", "Animals"),
        ("Pond", "Animals"),
        ("Sea", "Animals"),
    }


def test_what_must_be_trained_again():
    assert sorted(to_retrain(FLAT.names, CHANGES, FLAT)) == [
        ("Animals", "still counts in the products of 'Feeders'"),
        ("Bees", "is new, and known only from 'Feeders'"),
        ("Garden", "is new, and known only from 'Feeders'"),
        ("Hairy", "knows nothing of 'Ants', which was no label"),
        ("Pond", "no model can tell the parts of 'Fish' apart; each scores as the whole did"),
        ("Sea", "no model can tell the parts of 'Fish' apart; each scores as the whole did"),
    ]
    assert not [why for _, why in to_retrain(FLAT.names, CHANGES, None) if "still" in why]
    paths = Migration(
        (Move(move="Pets > Birds", under="Garden"), Rename(rename="Pets", to="Animals")), "path"
    )
    assert list(
        to_retrain(("Pets", "Pets > Birds", "Pets > Birds > Food", "Pets > Dogs"), paths, None)
    ) == [
        ("Garden", "is new, and known only from 'Pets > Birds'"),
        ("Animals", "still counts in the products of 'Pets > Birds'"),
        ("Garden", "is new, and known only from 'Pets > Birds > Food'"),
    ]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_renaming_keeps_the_shape(data):
    names = FLAT.names
    new = dict(zip(names, data.draw(st.permutations(names)), strict=True))
    migration = Migration(tuple(Rename(rename=old, to=to) for old, to in new.items()))
    tree = moved_taxonomy(FLAT, migration, relabelled(names, migration))
    edges = {(tree.names[c], tree.names[p]) for c, p in tree.edges.tolist()}
    assert edges == {(new[names[c]], new[names[p]]) for c, p in FLAT.edges.tolist()}
