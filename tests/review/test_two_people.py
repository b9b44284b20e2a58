"""Two people at once: who has what open, and second opinions that measure how far people agree."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from shelfwise.review.agreement import MIN_PRODUCTS, agreement
from shelfwise.review.database.open_products import SECONDS, OpenProducts
from shelfwise.review.database.second_opinions import EVERY, SecondOpinion, rows_for_two, to_settle
from shelfwise.review.exports.decision_files import EXPORTS
from shelfwise.review.queues import Filter
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.sessions import Visitor
from tests.review.pages.test_routes import decide, field, undo_last

ADA, BOB = Visitor("Ada", "lead"), Visitor("Bob", "reviewer")
SAMPLE = Filter("sample")


def refuses_changes(file: Path, table: str, change: str) -> None:
    """Assert that rows of the table are neither changed, nor removed, nor replaced."""
    with sqlite3.connect(file) as other:
        for statement in (
            f"UPDATE {table} SET {change}",
            f"DELETE FROM {table}",
            f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                other.execute(statement)


def test_what_one_has_open_is_skipped_for_the_other_until_it_expires() -> None:
    now = 0.0
    products = OpenProducts(lambda: now)
    products.open(3, "Ada")
    # who came first keeps it
    products.open(3, "Bob")
    assert products.holder(3, "Bob") == ("Ada", 5)
    assert products.holder(3, "Ada") is None
    assert products.elsewhere("Bob") == {3: ("Ada", 5)}
    assert products.elsewhere("Ada") == {}
    now = SECONDS - 30
    assert products.elsewhere("Bob") == {3: ("Ada", 1)}
    # a sign of the person renews it
    products.open(3, "Ada")
    now = SECONDS + 1
    assert products.elsewhere("Bob") == {3: ("Ada", 5)}
    now = 2 * SECONDS + 1
    assert products.holder(3, "Bob") is None
    products.open(3, "Bob")
    assert products.holder(3, "Ada") == ("Bob", 5)
    # one product a person: the last
    products.open(4, "Bob")
    assert products.holder(3, "Ada") is None
    products.leave("Bob")
    assert products.elsewhere("Ada") == {}


def test_a_colleague_is_given_another_product_and_told_who_has_the_first(served: Any) -> None:
    ada, bob = served.client(), served.client("Bob", "reviewer")
    assert ada.get("/review").url.path == "/review/p/0"
    second = bob.get("/review")
    assert second.url.path == "/review/p/1"
    assert "has this product open" not in second.text
    assert "Ada has this product open" in bob.get("/review/p/0").text
    assert "open at Ada" in bob.get("/review/list").text
    # the last ones are not called done while a colleague has them
    for row in range(1, 8):
        decide(bob, bob.get(f"/review/p/{row}"), verdict="accept")
    waits = bob.get("/review")
    assert "1 product is open at Ada, and free again in at most 5 minutes" in waits.text


@pytest.fixture
def shared(tmp_path: Path, workspace_of: Callable[..., Workspace]) -> Workspace:
    path = tmp_path / "a.csv"
    rows = "".join(f"p{n},Mug {n},Kitchen > Mugs\n" for n in range(40))
    path.write_text("id,title,categories\n" + rows)
    return workspace_of(path)


def answer(workspace: Workspace, row: int, *labels: str, by: Visitor = ADA) -> None:
    latest = workspace.store.latest(workspace.products.ids[row])
    seen = 0 if latest is None else latest.seq
    workspace.decide([row], tuple(labels), seen, f"{by.name}-{row}-{seen}-key", "sample", by)


def second_looks(workspace: Workspace, who: Visitor) -> frozenset[int]:
    return workspace.for_person(who.name, workspace.store.current()).second_looks


def test_every_tenth_of_the_sample_is_shown_to_another_person(shared: Workspace) -> None:
    for row in shared.queues.sample.tolist():
        answer(shared, row, "Kitchen", "Mugs")
    due = rows_for_two(shared.queues.sample)
    assert len(due) == 40 // EVERY
    assert second_looks(shared, BOB) == due
    assert second_looks(shared, ADA) == frozenset()
    current = shared.store.current()
    person = shared.for_person("Bob", current)
    assert set(shared.queues.rows(SAMPLE, current, person)) == due
    # in other queues, decided is decided
    assert shared.queues.rows(Filter("uncertain"), current, person) == []
    row = shared.queues.next_row(SAMPLE, current, None, person)
    assert row in due
    first = current[shared.products.ids[row]]
    assert shared.give_second_opinion(row, ("Garden",), first.id, "key-of-bob-1", BOB)
    # a repeated request is kept once
    assert shared.give_second_opinion(row, ("Garden",), first.id, "key-of-bob-1", BOB)
    # and one that says something else is not called kept
    assert not shared.give_second_opinion(row, ("Mugs",), first.id, "key-of-bob-1", BOB)
    (opinion,) = shared.opinions.all()
    assert (opinion.by, opinion.second_by, opinion.agree) == ("Ada", "Bob", False)
    # the first answer stands, nobody is asked a third time, and the difference waits to be settled
    assert shared.store.current() == current
    assert row not in second_looks(shared, Visitor("Cy", "reviewer"))
    assert to_settle(shared.opinions.all(), current) == [opinion]
    answer(shared, row, "Garden")
    assert to_settle(shared.opinions.all(), shared.store.current()) == []
    # settled is no agreement: the figure keeps what was said
    assert [one.agree for one in shared.opinions.all()] == [False]
    assert b"Bob" in EXPORTS["labelstudio"].write(shared)


def test_what_was_taken_back_or_decided_in_bulk_is_no_first_answer(shared: Workspace) -> None:
    one, two = sorted(rows_for_two(shared.queues.sample))[:2]
    answer(shared, one, "Garden")
    first = shared.store.latest(shared.products.ids[one])
    assert first is not None
    assert shared.give_second_opinion(one, ("Garden",), first.id, "key-of-bob-2", BOB)
    shared.store.undo(first.id, "Ada", "lead", "undo-of-ada")
    assert shared.opinions.all() == []
    assert not shared.give_second_opinion(one, ("Garden",), first.id, "key-of-bob-3", BOB)
    shared.decide([two], ("Garden",), 0, "key-in-bulk", "bulk", ADA)
    assert second_looks(shared, BOB) == frozenset()


def test_second_opinions_are_never_changed(shared: Workspace) -> None:
    row = min(rows_for_two(shared.queues.sample))
    answer(shared, row, "Garden")
    first = shared.store.latest(shared.products.ids[row])
    assert first is not None
    shared.give_second_opinion(row, ("Garden",), first.id, "key-of-bob-4", BOB)
    refuses_changes(shared.store.path, "second_opinion", "labels_json = '[]'")


def test_a_second_opinion_is_taken_back_and_asked_for_again(served: Any) -> None:
    ada, bob = served.client(), served.client("Bob", "reviewer")
    (row,) = rows_for_two(served.workspace.queues.sample)
    where = f"/review/p/{row}?queue=sample"
    decide(ada, ada.get(where), verdict="save", label="Garden")
    decide(bob, bob.get("/review/p/0" if row else "/review/p/1"), verdict="accept")
    page = bob.get(where)
    after = decide(bob, page, verdict="save", label="Kitchen", second=field(page, "second"))
    (opinion,) = served.workspace.opinions.all()
    # nobody takes back what another person said
    assert "Nothing was undone" in ada.post(f"/review/second-opinions/{opinion.id}/undo").text
    again = undo_last(bob, after)
    assert again.url.path == f"/review/p/{row}"
    assert "A second look" in again.text
    assert served.workspace.opinions.all() == []
    # a second press of the same button takes nothing else back
    assert "Nothing was undone" in undo_last(bob, after).text
    assert [one.action for one in served.workspace.store.all_decisions()] == ["decide", "decide"]
    decide(bob, again, verdict="save", label="Garden", second=field(again, "second"))
    assert [one.agree for one in served.workspace.opinions.all()] == [True]
    refuses_changes(served.workspace.store.path, "second_opinion_undo", "undone_at = ''")


def test_second_opinions_are_read_once_a_page(shared: Workspace) -> None:
    statements: list[str] = []
    shared.store.database.connection.set_trace_callback(statements.append)
    for _ in range(3):
        shared.opinions.all()
        shared.last_to_undo("Bob")
        second_looks(shared, BOB)
    assert len([one for one in statements if "FROM second_opinion " in one]) == 1


def test_the_page_hides_the_first_answer_and_says_how_far_people_agree(served: Any) -> None:
    ada, bob = served.client(), served.client("Bob", "reviewer")
    (row,) = rows_for_two(served.workspace.queues.sample)
    where = f"/review/p/{row}?queue=sample"
    decide(ada, ada.get(where), verdict="save", label="Garden")
    page = bob.get(where)
    assert "A second look" in page.text
    assert "Ada" not in page.text
    assert 'value="Garden" checked' not in page.text
    for path in ("/review/list?queue=search&state=any", "/review/history"):
        assert "Garden</td>" not in bob.get(path).text
    after = decide(bob, page, verdict="save", label="Kitchen", second=field(page, "second"))
    assert "Saved as a second opinion" in after.text
    assert served.workspace.store.current()[f"p/{row}"].after == ("Garden",)
    told = ada.get("/review/progress").text
    assert "two people have decided 1 product," in told
    assert "Ada: Garden; Bob: Kitchen" in told
    assert "Two people differ" in ada.get(where).text


def opinions(pairs: list[tuple[set[str], set[str]]]) -> list[SecondOpinion]:
    shown = ("A", "B", "C", "D")
    return [
        SecondOpinion(n, f"p{n}", n, "Ada", tuple(one), "Bob", tuple(two), shown, "2026-11-28")
        for n, (one, two) in enumerate(pairs)
    ]


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    names = np.array(["A", "B", "C", "D"])
    first = rng.random((60, 4)) < 0.4
    second = first ^ (rng.random((60, 4)) < 0.15)
    pairs = [(set(names[a]), set(names[b])) for a, b in zip(first, second, strict=True)]
    found = agreement(opinions(pairs))
    assert found is not None
    assert found.kappa is not None
    assert found.kappa == pytest.approx(cohen_kappa_score(first.ravel(), second.ravel()))
    assert found.kappa_low is not None
    assert found.kappa_high is not None
    assert found.kappa_low < found.kappa < found.kappa_high
    assert found.same == int((first == second).all(axis=1).sum())
    assert found.low < found.share < found.high


def test_nothing_is_concluded_from_few_products_and_kappa_may_be_undefined() -> None:
    few = [({"A"}, {"A"})] * (MIN_PRODUCTS - 1)
    assert agreement(opinions(few)) is None
    everything = {"A", "B", "C", "D"}
    found = agreement(opinions([(everything, everything)] * MIN_PRODUCTS))
    assert found is not None
    assert (found.share, found.high, found.kappa) == (1.0, 1.0, None)
    # ten of ten do not prove that people always agree
    assert found.low == pytest.approx(0.692, abs=0.001)
