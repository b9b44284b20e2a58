"""Which members a product can be present in: told from fields alone, and found again in what is prepared."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.modality import MAX_FIELDS, Modality, presence_patterns
from shelfwise.core.types import Context, State
from shelfwise.modalities.graph import GraphClassifier
from shelfwise.modalities.kernel_logistic import KernelLogistic
from shelfwise.modalities.tabular import Tabular
from shelfwise.modalities.text_linear import TextLinear

VALUES = {
    "title": "a red ball",
    "description": "round and soft",
    "price": 3.0,
    "brand": "House of Red",
}


def member(plugin: type[Modality], field: str, **settings: Any) -> Modality:
    return plugin(plugin.Settings.model_validate(settings), field)


def test_sets_are_those_that_products_of_every_kind_are_present_in() -> None:
    members = [
        member(TextLinear, "title+description", present="all"),
        member(TextLinear, "title+description"),
        member(TextLinear, "title"),
        member(Tabular, "price+brand"),
    ]
    kinds = [
        dict(part) for size in range(1, 5) for part in itertools.combinations(VALUES.items(), size)
    ]
    catalog = Catalog.from_records([{"id": str(i), **kind} for i, kind in enumerate(kinds)])
    present = np.stack([m.prepare(catalog, Context()).present for m in members], axis=1)
    assert presence_patterns(members) == tuple(
        tuple(row) for row in np.unique(present, axis=0).tolist()
    )


def test_members_of_one_field_come_together() -> None:
    assert presence_patterns(
        [member(TextLinear, "title"), member(TextLinear, "title", words=[1])]
    ) == ((True, True),)


def test_where_no_product_is_present_is_no_set() -> None:
    assert presence_patterns([member(TextLinear, "title+description", present="all")]) == ((True,),)


def test_too_many_fields_may_come_in_any_set() -> None:
    members = [member(Tabular, f"column{i}") for i in range(MAX_FIELDS + 1)]
    assert presence_patterns(members) == ()
    assert len(presence_patterns(members[:4])) == 2**4 - 1


def test_a_member_that_others_lead_to_may_be_there_without_its_field() -> None:
    """A product whose own list is gone is still on those of others."""
    assert presence_patterns([member(TextLinear, "title"), member(GraphClassifier, "related")]) == (
        (False, True),
        (True, False),
        (True, True),
    )
    kernel = member(KernelLogistic, "related")
    sets = presence_patterns(
        [member(TextLinear, "title"), kernel, member(GraphClassifier, "related")]
    )
    assert (True, False, True) in sets
    assert (True, True, False) not in sets


def test_a_state_of_parts_gives_its_parts_back() -> None:
    one = State({"a": np.arange(3), "b.c": np.zeros(1)}, {"x": 1})
    other = State({}, {"y": [2]})
    whole = State.of_parts({"one": one, "other": other})
    assert list(whole.arrays) == ["one.a", "one.b.c"]
    assert list(whole.part("one").arrays) == ["a", "b.c"]
    assert whole.part("one").facts == {"x": 1}
    assert (dict(whole.part("other").arrays), whole.part("other").facts) == ({}, {"y": [2]})
