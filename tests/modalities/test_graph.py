"""The graph modality: shares against a slow oracle, no leak of labels, edges that outlive fitting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Examples
from shelfwise.errors import ConfigError
from shelfwise.features.co_purchase import Graph, RelationLists, id_keys
from shelfwise.features.neighbour_labels import NeighbourLabels
from shelfwise.modalities.graph import GraphClassifier
from tests.modalities.stored_state import assert_same_predictions, restored

Lists = dict[str, list[str]]
QUICK: dict[str, Any] = {
    "hidden": 0,
    "dropout": 0,
    "training": {"epochs": 40, "loss": "bce", "learning_rate": 0.05},
}
WALKS = {"dimensions": 8, "length": 10, "walks": 4, "window": 3}


def catalog_of(lists: Lists, relation: str = "also_bought") -> Catalog:
    return Catalog.from_records(
        [{"id": name, "related": {relation: ids} if ids else None} for name, ids in lists.items()]
    )


def oracle(
    lists: Lists, known: dict[str, set[int]], queried: tuple[str, list[str]], labels: int, hops: int
) -> list[float]:
    """The shares of one product, by walking over dictionaries."""
    around: dict[str, set[str]] = {}
    for name, ids in lists.items():
        for other in ids:
            if other != name:
                around.setdefault(name, set()).add(other)
                around.setdefault(other, set()).add(name)
    me, mine = queried
    near = (around.get(me, set()) | {i for i in mine if i in around}) - {me}

    def share(names: list[str]) -> np.ndarray[Any, Any]:
        total = np.zeros(labels)
        for name in names:
            total[list(known[name])] += 1
        return total / max(len(names), 1)

    first = [n for n in near if n in known]
    result = [*share(first), np.log1p(len(first))]
    if hops == 2:
        beyond = [[m for m in around[n] if m in known and m != me] for n in near]
        beyond = [b for b in beyond if b]
        result += [
            *(sum(share(b) for b in beyond) / len(beyond) if beyond else np.zeros(labels)),
            np.log1p(sum(map(len, beyond))),
        ]
    return result


NAMES = [f"p{i}" for i in range(9)]
webs = st.fixed_dictionaries(
    {
        name: st.lists(st.sampled_from([*NAMES, "elsewhere", "nowhere"]), max_size=5)
        for name in NAMES
    }
)


class TestShares:
    @settings(max_examples=60, deadline=None)
    @given(
        webs,
        st.lists(st.sampled_from([*NAMES, "elsewhere"]), max_size=4),
        st.integers(0, 2**18 - 1),
        st.sampled_from([1, 2]),
    )
    def test_against_the_oracle(self, lists: Lists, new: list[str], bits: int, hops: int) -> None:
        known = {
            name: {j for j in range(3) if bits >> (i * 2 + j) & 1}
            for i, name in enumerate(NAMES)
            if bits >> i & 1
        }
        targets = np.array(
            [[j in known[name] for j in range(3)] for name in known], np.float32
        ).reshape(-1, 3)
        graph = RelationLists.read(catalog_of(lists), "related", ()).graph
        around = NeighbourLabels.of(graph, id_keys(list(known)), targets)
        queried = {**lists, "new": new, "elsewhere": []}
        listing = RelationLists.read(catalog_of(queried), "related", ())
        if not len(graph.nodes):
            return
        rows = np.arange(len(queried))
        expected = np.array([oracle(lists, known, item, 3, hops) for item in queried.items()])
        np.testing.assert_allclose(
            around.shares(listing, rows, hops).toarray(), expected, atol=1e-6
        )
        degrees = expected[:, [3]] if hops == 1 else expected[:, [3, 7]]
        assert np.array_equal(around.usable(listing, rows, hops), (degrees > 0).any(axis=1))

    def test_relations_are_chosen_by_name(self) -> None:
        records = [
            {"id": "a", "related": {"also_bought": ["b"], "also_viewed": ["c", "d"]}},
            {"id": "b"},
        ]
        catalog = Catalog.from_records(records)
        sizes = {
            r: len(RelationLists.read(catalog, "related", r).listed)
            for r in ((), ("also_bought",), ("also_viewed", "also_bought"))
        }
        assert sizes == {(): 3, ("also_bought",): 1, ("also_viewed", "also_bought"): 3}

    def test_a_field_without_relations_is_refused(self) -> None:
        for field, found in (("title", "holds string"), ("friends", "is not there")):
            with pytest.raises(ConfigError, match=found):
                GraphClassifier(GraphClassifier.Settings(), field).prepare(
                    catalog_of({"a": ["b"]}), Context()
                )


def clusters(count: int = 60, seed: int = 0) -> tuple[Lists, np.ndarray[Any, np.dtype[np.float32]]]:
    """Products of three kinds that list, nearly always, their own kind; each kind is a label."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(count) % 3
    lists = {
        str(i): [str(j) for j in rng.choice(np.flatnonzero(kinds == kinds[i]), 4)]
        for i in range(count)
    }
    lists["0"] = []
    return lists, np.eye(3, dtype=np.float32)[kinds]


def fitted(kind: str, rows: Any = slice(0, 40), **further: Any) -> tuple[GraphClassifier, Any, Any]:
    lists, targets = clusters()
    member = GraphClassifier(
        GraphClassifier.Settings.model_validate({**QUICK, "input": kind, "walks": WALKS} | further),
        "related",
    )
    inputs = member.prepare(catalog_of(lists), Context())
    return (
        member.fit(
            Examples(inputs, targets).take(np.arange(len(targets))[rows]).present(), None, Context()
        ),
        inputs,
        targets,
    )


@pytest.mark.parametrize("kind", ["neighbours", "embedding"])
class TestLearning:
    def test_held_out_and_new_products_are_placed(self, kind: str) -> None:
        member, inputs, targets = fitted(kind)
        held = np.arange(40, 60)
        assert (
            member.predict(inputs.take(held), Context())[0].argmax(axis=1)
            == targets[held].argmax(axis=1)
        ).mean() > 0.9
        new = member.prepare(
            catalog_of(
                {"x": ["3", "6", "9"], "y": ["4", "7", "unheard of"], "z": ["unheard of"], "w": []}
            ),
            Context(),
        )
        assert new.present.tolist() == [True, True, False, False]
        assert member.predict(new.take(np.array([0, 1])), Context())[0].argmax(axis=1).tolist() == [
            0,
            1,
        ]

    def test_labels_outside_the_training_part_are_never_seen(self, kind: str) -> None:
        """Other labels for everybody but the training products change nothing, anywhere."""
        rows = np.arange(0, 60, 2)
        lists, targets = clusters()
        answers = []
        for chance in (None, np.random.default_rng(1)):
            member = fitted(kind)[0]
            changed = targets.copy()
            if chance is not None:
                changed[1::2] = chance.random((30, 3)) < 0.5
            inputs = member.__class__(member.settings, "related").prepare(
                catalog_of(lists), Context()
            )
            again = GraphClassifier(member.settings, "related").fit(
                Examples(inputs, changed).take(rows).present(), None, Context()
            )
            answers.append(again.predict(inputs, Context())[0])
        assert np.array_equal(*answers)

    def test_company_does_not_matter(self, kind: str) -> None:
        """A product's scores come from its own list and the graph of the fit, whatever else is predicted."""
        member, _, _ = fitted(kind)
        alone = catalog_of({"x": ["3", "6"]})
        crowd = catalog_of({"u": ["x", "4", "7"], "x": ["3", "6"], "v": ["x", "u"]})
        one = member.predict(member.prepare(alone, Context()), Context())[0]
        many = member.predict(member.prepare(crowd, Context()).take(np.array([1])), Context())[0]
        np.testing.assert_allclose(one, many, atol=1e-6)

    def test_state_survives_storage(self, kind: str) -> None:
        member, inputs, _ = fitted(kind)
        again = restored(member)
        other = catalog_of({"x": ["3", "6"], "5": [], "y": ["unheard of"]})
        unknown = member.prepare(other, Context())
        assert np.array_equal(again.prepare(other, Context()).present, unknown.present)
        for rows in (inputs.take(np.arange(1, 60)), unknown.take(np.array([0, 1]))):
            assert_same_predictions(member, again, rows)
        assert again.provenance() == member.provenance()


class TestLeaks:
    def test_own_labels_never_enter_own_inputs(self) -> None:
        lists, targets = clusters()
        listing = RelationLists.read(catalog_of(lists), "related", ())
        for row in range(1, 12):
            changed = targets.copy()
            changed[row] = 1 - changed[row]
            before, after = (
                NeighbourLabels.of(listing.graph, listing.keys, t)
                .shares(listing, np.array([row]), 2)
                .toarray()
                for t in (targets, changed)
            )
            np.testing.assert_allclose(before, after, atol=1e-6)

    def test_held_out_products_give_edges(self) -> None:
        """Two training products are joined by a held-out one alone, and find each other over it."""
        catalog = catalog_of({"a": [], "bridge": ["a", "b"], "b": []})
        member = GraphClassifier(GraphClassifier.Settings.model_validate(QUICK), "related")
        inputs = member.prepare(catalog, Context())
        assert inputs.present.tolist() == [True, True, True]
        targets = np.array([[1, 0], [1, 1], [0, 1]], np.float32)
        member.fit(Examples(inputs, targets).take(np.array([0, 2])), None, Context())
        shares = member._place.rows(inputs.lists, np.array([0])).toarray()
        np.testing.assert_allclose(shares, [[0, 0, 0, 0, 1, np.log(2)]], atol=1e-6)


def test_settings_of_the_walks_reach_the_vectors() -> None:
    plain, biased = (
        fitted("embedding", walks={**WALKS, **further})[0].state().arrays["vectors"]
        for further in ({}, {"p": 4, "q": 0.25})
    )
    assert plain.shape == biased.shape
    assert not np.allclose(plain, biased)


def test_graph_is_symmetric_without_loops() -> None:
    keys = id_keys(["a", "b", "c"])
    graph = Graph.build(keys[[0, 0, 1, 2]], keys[[1, 1, 0, 2]])
    assert len(graph.nodes) == 2
    assert graph.adjacency.toarray().tolist() == [[0, 1], [1, 0]]
    assert graph.find(keys)[2] == -1
