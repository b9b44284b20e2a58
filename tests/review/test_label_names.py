"""Categories whose names are nearly alike, or hold the signs that part names."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.review.pages.test_routes import decide

ODD = ("Cups, Saucers > More", "Mugs", "Red | Blue", "mugs")


@pytest.fixture
def odd(served: Any) -> Any:
    """The review of a model that gives categories of such names."""
    paths = tuple((name,) for name in ODD)
    served.workspace.use(replace(served.workspace.products, names=ODD, paths=paths))
    return served


@pytest.mark.parametrize("name", ODD)
def test_a_typed_name_is_that_category_and_no_other(odd: Any, name: str) -> None:
    client = odd.client()
    decide(client, client.get("/review/p/2"), verdict="save", add=name)
    assert odd.workspace.store.current()["p/2"].after == (name,)
    # the file says the same
    lines = client.get("/review/export?format=catalog").text.splitlines()
    written = json.loads(lines[2])["categories"]
    assert [part for path in written for part in path] == [name]


def test_names_that_differ_in_case_can_both_be_given(odd: Any) -> None:
    client = odd.client()
    decide(client, client.get("/review/p/2"), verdict="save", label="Mugs", add="mugs")
    assert odd.workspace.store.current()["p/2"].after == ("Mugs", "mugs")


def test_a_name_in_a_third_case_is_asked_about(odd: Any) -> None:
    client = odd.client()
    answer = decide(client, client.get("/review/p/2"), verdict="save", add="MUGS")
    assert answer.status_code == 422
    assert odd.workspace.store.current() == {}


def test_the_filter_finds_the_products_of_one_of_them(odd: Any) -> None:
    client = odd.client()
    for row, name in ((2, "Mugs"), (3, "mugs")):
        decide(client, client.get(f"/review/p/{row}"), verdict="save", add=name)
    found = client.get("/review/list?queue=search&state=decided&label=mugs")
    assert "/review/p/3" in found.text
    assert 'href="/review/p/2' not in found.text
