"""Departments, required fields and the sample: who stays, and who is left out for what."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.filtering import select_products
from shelfwise.config import CatalogSettings
from shelfwise.core.catalog import Catalog
from shelfwise.errors import CatalogError

SHELF = Catalog.from_records(
    [
        {"id": "0", "title": "Mug", "categories": [["Home", "Mugs"], ["Gifts"]]},
        {"id": "1", "title": "Lead", "categories": [["Pets", "Dogs"]]},
        {"id": "2", "categories": [["Pets"], ["Gifts"]]},
        {"id": "3", "title": "Pen", "categories": None},
        {"id": "4", "title": "", "categories": [["Gifts"]], "related": {"also_bought": ["0"]}},
    ]
)


def keep(**options: object) -> tuple[list[str], dict[str, int]]:
    kept, left_out = select_products(SHELF, CatalogSettings.model_validate(options), seed=3)
    assert len(kept) + sum(left_out.values()) == len(SHELF)
    return kept.ids, left_out


def test_everything_stays_by_default() -> None:
    assert keep() == (["0", "1", "2", "3", "4"], {})


def test_departments_match_any_name_of_any_path() -> None:
    assert keep(departments=("Gifts", "Dogs")) == (
        ["0", "1", "2", "4"],
        {"in none of the departments Gifts, Dogs": 1},
    )


def test_required_fields_count_once_under_the_first_reason() -> None:
    assert keep(require=("title", "categories")) == (
        ["0", "1"],
        {"no title": 2, "no categories": 1},
    )
    assert keep(require=("related",)) == (["4"], {"no related": 4})


def test_sample_is_seeded_without_replacement_and_in_order() -> None:
    first, left_out = keep(sample=3)
    assert len(set(first)) == 3
    assert first == sorted(first)
    assert left_out == {"not in the sample": 2}
    assert keep(sample=3)[0] == first
    assert keep(sample=9)[1] == {}
    drawn = {
        tuple(select_products(SHELF, CatalogSettings(sample=3), seed)[0].ids) for seed in range(60)
    }
    assert len(drawn) == 10


def test_nothing_left_and_unknown_fields() -> None:
    with pytest.raises(CatalogError, match="in none of the departments Toys: 5"):
        keep(departments=("Toys",))
    with pytest.raises(CatalogError, match="'colour' is no column"):
        keep(require=("colour",))


PATHS = st.none() | st.lists(st.lists(st.sampled_from("ABC"), max_size=2), max_size=2)


@given(st.lists(PATHS, min_size=1, max_size=8), st.sets(st.sampled_from("ABC"), min_size=1))
@settings(max_examples=60, deadline=None)
def test_departments_agree_with_the_obvious_loop(
    paths: list[list[list[str]] | None], departments: set[str]
) -> None:
    shelf = Catalog.from_records([{"id": str(i), "categories": p} for i, p in enumerate(paths)])
    expected = [
        str(i)
        for i, product in enumerate(paths)
        if any(name in departments for path in product or () for name in path)
    ]
    for chunked in (shelf, shelf.take(range(len(shelf)))):
        try:
            got = select_products(
                chunked, CatalogSettings(departments=tuple(sorted(departments))), 0
            )[0].ids
        except CatalogError:
            got = []
        assert got == expected
